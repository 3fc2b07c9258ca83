"""Properties of comparing and merging two requests' changes of one session."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beaker_dynamodb.sessions.comparison import same
from beaker_dynamodb.sessions.merge import differs, merge, surely_differs

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats()
    | st.text(max_size=3)
    | st.binary(max_size=3)
    | st.dates()
)
Data = dict[str, Any]


def nested(*, lists: bool) -> st.SearchStrategy[Any]:
    elements = st.integers() | st.text(max_size=3)
    return st.recursive(
        SCALARS,
        lambda inner: (
            (st.lists(inner, max_size=3) if lists else st.nothing())
            | st.tuples(inner, inner)
            | st.dictionaries(st.text(max_size=2), inner, max_size=3)
            | st.frozensets(elements, max_size=5)
            | st.sets(elements, max_size=5)
        ),
        max_leaves=8,
    )


VALUES = nested(lists=True)
SESSIONS = st.dictionaries(st.sampled_from("abcdef"), VALUES)
WITHOUT_LISTS = st.dictionaries(st.sampled_from("abcdef"), nested(lists=False))


def stored(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value, 2))


def agree(one: Data, other: Data) -> bool:
    return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)


@given(WITHOUT_LISTS, WITHOUT_LISTS, WITHOUT_LISTS)
def test_merging_twice_changes_nothing_except_lists(base: Data, mine: Data, theirs: Data) -> None:
    once = merge(base, mine, theirs)
    assert agree(once, merge(base, mine, once))


@given(SESSIONS, SESSIONS, SESSIONS)
def test_each_key_is_merged_as_its_changes_demand(base: Data, mine: Data, theirs: Data) -> None:
    merged = merge(base, mine, theirs)
    removed = (base.keys() - mine.keys()) | (base.keys() - theirs.keys())
    assert (mine.keys() | theirs.keys()) - removed <= merged.keys()
    assert merged.keys() <= mine.keys() | theirs.keys()
    # A removal wins over a change, except of a list.
    my_removals = {key for key in base.keys() - mine.keys() if not isinstance(base[key], list)}
    assert not my_removals & merged.keys()
    unchanged = {key for key in base.keys() & mine.keys() if same(base[key], mine[key])}
    assert agree(
        {key: value for key, value in theirs.items() if key in unchanged},
        {key: value for key, value in merged.items() if key in unchanged},
    )
    for key in mine.keys() - unchanged:
        container = isinstance(mine[key], (dict, set, frozenset, list))
        if not container or not (key in theirs or key in base):
            assert same(mine[key], merged[key])


@given(SESSIONS, SESSIONS)
def test_without_another_request_the_changes_are_stored_as_they_are(base: Data, mine: Data) -> None:
    assert agree(mine, merge(base, mine, stored(base)))
    assert differs(base, mine) is not agree(base, mine)


@given(SESSIONS, SESSIONS)
def test_what_surely_differs_differs_when_it_is_stored(base: Data, mine: Data) -> None:
    for one in (mine, {**base, **mine}, {**base, "a": 1}, {**mine, "b": True}):
        assert differs(stored(base), stored(one)) or not surely_differs(base, one)


@pytest.mark.parametrize(
    "after", [{"a": 2}, {"a": True}, {"a": None}, {}, {"a": 1, "b": []}], ids=str
)
def test_a_changed_scalar_and_a_changed_key_surely_differ(after: Data) -> None:
    assert surely_differs({"a": 1}, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"a": [1]}, {"a": [2]}),
        ({"_accessed_time": 1.0, "a": 1}, {"_accessed_time": 2.0, "a": 1}),
        # Equal, but another object, as after unpickling.
        ({"a": "x" * 99}, {"a": "".join(["x"] * 99)}),
    ],
    ids=["a list", "an access time", "an equal string"],
)
def test_what_only_unpickling_can_compare_does_not_surely_differ(before: Data, after: Data) -> None:
    assert not surely_differs(before, after)


def test_a_scalar_after_other_values_surely_differs() -> None:
    assert surely_differs({"a": [1], "b": 1}, {"a": [1], "b": 2})


@given(VALUES, VALUES)
def test_comparison_is_symmetric_strict_and_survives_storing(one: Any, other: Any) -> None:
    assert same(one, stored(one))
    assert same(one, other) is same(other, one)
    if same(one, other) and "nan" not in repr(one):
        assert one == other


# -- Beaker's times ---------------------------------------------------------------------------


@given(SESSIONS, *[st.floats(0, 4e9) for _ in range(4)])
def test_the_later_access_and_the_earlier_creation_are_kept(
    session: Data, loaded: float, my_access: float, their_access: float, created: float
) -> None:
    mine = {**session, "_accessed_time": my_access, "_creation_time": created}
    theirs = {**session, "_accessed_time": their_access, "_creation_time": loaded}
    merged = merge({**session, "_accessed_time": loaded}, mine, theirs)
    assert max(my_access, their_access) == merged["_accessed_time"]
    assert min(created, loaded) == merged["_creation_time"]


def test_a_creation_time_that_one_request_changed_is_kept() -> None:
    base = {"_creation_time": 10.0}
    for created in (5.0, 20.0):
        changed = {"_creation_time": created, "a": 1}
        assert changed == merge(base, changed, base) == merge(base, base, changed)


def test_the_access_time_alone_is_not_a_change() -> None:
    times = {"_accessed_time": 10.0, "_creation_time": 10.0}
    assert not differs(times, {**times, "_accessed_time": 20.0})
    assert not differs(times, {"_creation_time": 10.0})
    assert differs(times, {**times, "_creation_time": 5.0})
    assert differs(times, {"_accessed_time": 10.0})


@pytest.mark.parametrize("name", ["_accessed_time", "_creation_time"])
def test_a_time_that_one_request_removed_stays_removed(name: str) -> None:
    base = {name: 10.0, "a": 1}
    assert {"a": 1, "b": 2} == merge(base, {"a": 1}, {**base, "b": 2})
    assert {"a": 1, "b": 2} == merge(base, {"a": 1}, {name: 20.0, "a": 1, "b": 2})
    assert {"a": 1, "b": 2} == merge(base, {**base, "b": 2}, {"a": 1})

"""Comparing and merging two requests' changes of one session."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beaker_dynamodb.sessions.comparison import same
from beaker_dynamodb.sessions.merge import differs, merge, surely_differs
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import Visitor, save


class Plain:
    def __init__(self, content: object) -> None:
        self.content = content


class Array(Plain):
    """Like a numpy array, its ``==`` returns an array without a truth value."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> Any:
        return Array([True])

    def __bool__(self) -> NoReturn:
        raise ValueError("the truth value of an array is ambiguous")


class Hostile(Plain):
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> NoReturn:
        raise RuntimeError("no comparison")


@dataclass
class Cart:
    items: list[str]
    note: str = field(default="", compare=False)


class Bag(list[Any]):
    def __reduce__(self) -> Any:
        return Bag, (), None, (entry for entry in self)


class Global:
    """Pickles as the name of a variable of this module."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __reduce__(self) -> str:
        return self.name


ONE, TWO = Global("ONE"), Global("TWO")
CHANGES: dict[str, tuple[object, object]] = {
    "True and 1": (True, 1),
    "1 and 1.0": (1, 1.0),
    "zero and minus zero": (0.0, -0.0),
    "list and tuple": ([1], (1,)),
    "nested": ([True], [1]),
    "lengths": ([{1}], [{1}, 1]),
    "in a set": ({1}, {True}),
    "set and frozenset": ({1}, frozenset({1})),
    "order of a dict": ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "None and False": (None, False),
    "functions": ([{1}, print], [{1}, len]),
    "globals": ([{1}, ONE], [{1}, TWO]),
    "entries": (Bag([1]), Bag([2])),
    "no __eq__": (Plain(1), Plain(2)),
    "array": (Array([1]), Array([2])),
    "array in a list": ([Array([1])], [Array([2])]),
    "hostile": (Hostile(1), Hostile(2)),
    "uncompared field": (Cart(["tea"]), Cart(["tea"], "quick!")),
}
UNCHANGED: dict[str, object] = {
    "set": {f"word {n}" for n in range(50)},
    "frozenset": frozenset(range(0, 10_000, 7)),
    "nan": float("nan"),
    "global": ONE,
    "entries": Bag([1]),
    "one string twice": ["ab" * 2, "ab" * 2],
    "no __eq__": Plain({"a": [1, {2}]}),
    "array": Array([1, 2]),
    "hostile": Hostile([1]),
    "dataclass": Cart(["tea"], "quick!"),
    "function": print,
}


def stored(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value, 2))


@pytest.mark.parametrize(("before", "after"), CHANGES.values(), ids=CHANGES)
def test_a_change_is_noticed(before: object, after: object) -> None:
    assert not same(stored(before), stored(after))
    assert not same([stored(before)], [stored(after)])


@pytest.mark.parametrize("value", UNCHANGED.values(), ids=UNCHANGED)
def test_an_unchanged_value_is_the_same(value: object) -> None:
    assert same(value, stored(value))
    # The sets have different orders, so the pickles differ.
    assert same([value, {0, 8}], [stored(value), {8, 0}])


def test_values_that_cannot_be_pickled_are_different() -> None:
    assert not same([lambda: 1], [lambda: 1])


def test_saving_an_unchanged_session_writes_nothing(plain: Visitor) -> None:
    plain.starts(words=UNCHANGED["set"], array=UNCHANGED["array"])
    session = plain.request()
    with CallRecorder(plain.client) as sent:
        session.save()
        assert [] == sent.operations
        save(session, other=1)
    assert ["PutItem"] == sent.operations


# -- properties of a merge ---------------------------------------------------------------------


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
def test_without_another_request_the_changes_are_stored_unchanged(base: Data, mine: Data) -> None:
    assert agree(mine, merge(base, mine, stored(base)))
    assert differs(base, mine) is not agree(base, mine)


@given(SESSIONS, SESSIONS)
def test_values_that_surely_differ_also_differ_when_stored(base: Data, mine: Data) -> None:
    for one in (mine, {**base, **mine}, {**base, "a": 1}, {**mine, "b": True}):
        assert differs(stored(base), stored(one)) or not surely_differs(base, one)


@pytest.mark.parametrize(
    "after", [{"a": 2}, {"a": True}, {"a": None}, {}, {"a": 1, "b": []}], ids=str
)
def test_a_changed_scalar_and_a_changed_key_surely_differ(after: Data) -> None:
    assert surely_differs({"before": [1], "a": 1}, {"before": [1], **after})


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
def test_values_that_only_unpickling_can_compare_do_not_surely_differ(
    before: Data, after: Data
) -> None:
    assert not surely_differs(before, after)


@given(VALUES, VALUES)
def test_comparison_is_symmetric_strict_and_survives_storing(one: Any, other: Any) -> None:
    assert same(one, stored(one))
    assert same(one, other) is same(other, one)
    if same(one, other) and "nan" not in repr(one):
        assert one == other


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


def test_a_dict_whose_only_value_was_changed_inside_is_merged() -> None:
    base, mine = {"in": {"a": {"b": 1, "c": 1}}}, {"in": {"a": {"b": 2, "c": 2}}}
    assert {"in": {**mine["in"], "d": 1}} == merge(base, mine, {"in": {**base["in"], "d": 1}})

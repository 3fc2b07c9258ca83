"""Merging, as mathematics: whatever two requests did to a session, and in whatever order."""

from __future__ import annotations

import pickle
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from beaker_dynamodb.sessions.comparison import same
from beaker_dynamodb.sessions.merge import differs, merge

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats()
    | st.text(max_size=3)
    | st.binary(max_size=3)
    | st.dates()
)


def nested(lists: bool) -> st.SearchStrategy[Any]:
    """Make values of the types that applications keep in sessions."""
    return st.recursive(
        SCALARS,
        lambda inner: (
            (st.lists(inner, max_size=3) if lists else st.nothing())
            | st.tuples(inner, inner)
            | st.dictionaries(st.text(max_size=2), inner, max_size=3)
            | st.frozensets(st.integers() | st.text(max_size=3), max_size=5)
            | st.sets(st.integers() | st.text(max_size=3), max_size=5)
        ),
        max_leaves=8,
    )


VALUES = nested(lists=True)
SESSIONS = st.dictionaries(st.sampled_from("abcdef"), VALUES)
WITHOUT_LISTS = st.dictionaries(st.sampled_from("abcdef"), nested(lists=False))
#: The types of values that are merged, and do not just win or lose.
MERGED = (dict, set, frozenset, list)


def stored(value: Any) -> Any:
    """Give a value as a later request reads it."""
    return pickle.loads(pickle.dumps(value, 2))


def agree(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two sessions hold the same."""
    return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)


def part(session: dict[str, Any], keys: str) -> dict[str, Any]:
    """Give some keys of a session."""
    return {key: value for key, value in session.items() if key in keys}


@given(SESSIONS, SESSIONS, SESSIONS)
def test_independent_changes_commute(
    base: dict[str, Any], one: dict[str, Any], other: dict[str, Any]
) -> None:
    """Where two requests touch different keys it does not matter whose save comes first."""
    one = {**part(one, "abc"), **part(base, "def")}
    other = {**part(base, "abc"), **part(other, "def")}
    expected = {**part(one, "abc"), **part(other, "def")}
    assert agree(expected, merge(base, one, other))
    assert agree(expected, merge(base, other, one))


@given(WITHOUT_LISTS, WITHOUT_LISTS, WITHOUT_LISTS)
def test_merging_is_idempotent(
    base: dict[str, Any], mine: dict[str, Any], theirs: dict[str, Any]
) -> None:
    """Merging the same change in once more changes nothing; only lists get an entry twice."""
    once = merge(base, mine, theirs)
    assert agree(once, merge(base, mine, once))


@given(SESSIONS, SESSIONS, SESSIONS)
def test_nothing_disappears(
    base: dict[str, Any], mine: dict[str, Any], theirs: dict[str, Any]
) -> None:
    """A key is gone afterwards only if one side removed it; nothing comes out of nowhere."""
    removed = (base.keys() - mine.keys()) | (base.keys() - theirs.keys())
    merged = merge(base, mine, theirs)
    assert (mine.keys() | theirs.keys()) - removed <= merged.keys()
    assert merged.keys() <= mine.keys() | theirs.keys()


@given(SESSIONS, SESSIONS, SESSIONS)
def test_mine_wins(base: dict[str, Any], mine: dict[str, Any], theirs: dict[str, Any]) -> None:
    """What I changed or added is stored, but for a container that the other changed as well."""
    merged = merge(base, mine, theirs)
    for key, value in mine.items():
        if isinstance(value, MERGED) and (key in theirs or key in base):
            continue
        if key not in base or not same(base[key], value):
            assert key in merged
            assert same(value, merged[key])


@given(SESSIONS, SESSIONS, SESSIONS)
def test_deletions_win(base: dict[str, Any], mine: dict[str, Any], theirs: dict[str, Any]) -> None:
    """What I removed is gone, although the other changed it meanwhile: all but a list."""
    removed = {key for key in base.keys() - mine.keys() if not isinstance(base[key], list)}
    assert set() == removed & merge(base, mine, theirs).keys()


@given(SESSIONS, SESSIONS, SESSIONS)
def test_what_i_left_alone_is_theirs(
    base: dict[str, Any], mine: dict[str, Any], theirs: dict[str, Any]
) -> None:
    """A key that I did not change has their value, or is as gone as it is there."""
    merged = merge(base, mine, theirs)
    untouched = {key for key in base.keys() & mine.keys() if same(base[key], mine[key])}
    expected = {key: value for key, value in theirs.items() if key in untouched}
    assert agree(expected, {key: value for key, value in merged.items() if key in untouched})


@given(SESSIONS, SESSIONS)
def test_alone_it_is_mine(base: dict[str, Any], mine: dict[str, Any]) -> None:
    """Where nobody else has changed anything, what I have is stored."""
    assert agree(mine, merge(base, mine, stored(base)))


@given(SESSIONS, *[st.floats(0, 4e9) for _ in range(4)])
def test_times(
    session: dict[str, Any], loaded: float, my_use: float, their_use: float, created: float
) -> None:
    """The last use is the later one and the creation the earlier one."""
    mine = {**session, "_accessed_time": my_use, "_creation_time": created}
    theirs = {**session, "_accessed_time": their_use, "_creation_time": loaded}
    merged = merge({**session, "_accessed_time": loaded}, mine, theirs)
    assert max(my_use, their_use) == merged["_accessed_time"]
    assert min(created, loaded) == merged["_creation_time"]


@given(VALUES)
def test_a_value_that_was_stored_is_the_same(value: Any) -> None:
    """Being stored and read is no change."""
    assert same(value, stored(value))
    assert same(stored(value), value)


@given(SESSIONS, st.floats(0, 4e9), st.floats(0, 4e9))
def test_use_is_no_change(session: dict[str, Any], loaded: float, now: float) -> None:
    """The time of the last use alone is no change of the session."""
    loaded_session = {**session, "_accessed_time": loaded}
    assert not differs(loaded_session, {**stored(session), "_accessed_time": now})


@given(SESSIONS, SESSIONS)
def test_differs_is_disagreement(base: dict[str, Any], mine: dict[str, Any]) -> None:
    """A session differs exactly where a key was added, removed or changed."""
    assert differs(base, mine) is not agree(base, mine)


@given(VALUES, VALUES)
def test_same_is_symmetric_and_never_looser_than_equal(one: Any, other: Any) -> None:
    """Comparing is symmetric; of values without NaN, the same ones are equal."""
    assert same(one, other) is same(other, one)
    if same(one, other) and one == one and "nan" not in repr(one):
        assert one == other

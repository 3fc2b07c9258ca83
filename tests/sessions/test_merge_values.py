"""Three-way merge of one value of a session."""

from __future__ import annotations

from collections import Counter, OrderedDict
from copy import deepcopy
from functools import reduce
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beaker_dynamodb.sessions import merge_values
from beaker_dynamodb.sessions.comparison import same
from beaker_dynamodb.sessions.merge import merge
from beaker_dynamodb.sessions.merge_values import MISSING, merge_value
from tests.sessions.test_merge_lists import ANCHOR, merged

LEAVES = st.integers(0, 5) | st.booleans() | st.text(max_size=2) | st.floats() | st.none()
KEYS = st.sampled_from("abcd")
Tree = dict[str, Any]


def tree(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Tree]:
    return st.dictionaries(KEYS, inner, max_size=4).map(lambda made: {ANCHOR: 0, **made})


TREES = st.recursive(tree(LEAVES), lambda inner: tree(LEAVES | inner), max_leaves=12)
#: Each edit is a path along which to look for a leaf, and its new value or MISSING.
EDITS = st.lists(
    st.tuples(st.lists(KEYS, min_size=1, max_size=4), LEAVES | st.just(MISSING)), max_size=6
)
ELEMENTS = st.frozensets(st.integers(0, 6) | st.text(max_size=1), max_size=6)


def leaf(session: Tree, path: list[str]) -> tuple[str, ...] | None:
    """Return the part of a path that leads to a leaf, or None if the path ends at a dict."""
    for depth, key in enumerate(path, 1):
        if not isinstance(session.get(key), dict):
            return tuple(path[:depth])
        session = session[key]
    return None


def edited(session: Tree, edits: dict[tuple[str, ...], Any]) -> Tree:
    session = deepcopy(session)
    for (*path, key), value in edits.items():
        inner = reduce(lambda found, step: found[step], path, session)
        if value is MISSING:
            inner.pop(key, None)
        else:
            inner[key] = value
    return session


def ordered(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: ordered(value[key]) for key in sorted(value)}


@given(TREES, EDITS, EDITS)
def test_changes_of_different_leaves_commute(base: Tree, one: Any, other: Any) -> None:
    my_edits = {path: value for steps, value in one if (path := leaf(base, steps))}
    their_edits = {
        path: value
        for steps, value in other
        if (path := leaf(base, steps)) and path not in my_edits
    }
    mine, theirs = edited(base, my_edits), edited(base, their_edits)
    expected = ordered(edited(theirs, my_edits))
    assert same(expected, ordered(merge(base, mine, theirs)))
    assert same(expected, ordered(merge(base, theirs, mine)))


@pytest.mark.parametrize("base", [MISSING, {}, {"tea": 1}, {"tea": 1, "milk": 2}])
def test_six_additions_to_one_dict_are_all_kept(base: Any) -> None:
    known = {} if base is MISSING else base
    stored: Any = base
    for number in range(6):
        stored = merged(base, {**known, f"new-{number}": number}, stored)
    assert {**known, **{f"new-{number}": number for number in range(6)}} == stored


def test_a_removed_leaf_and_the_order_of_a_dict_are_kept() -> None:
    base, mine, theirs = {"x": 0, "a": 1, "b": 1}, {"x": 0, "a": 1, "b": 2}, {"x": 0, "b": 1}
    assert {"x": 0, "b": 2} == merged(base, mine, theirs) == merged(base, theirs, mine)
    assert {"b": 1} == merged({"a": None}, {"b": 1}, {"a": None, "c": 1})
    ordered = {"b": 1, "a": 1, "x": 0, "c": 1}
    assert [*ordered] == [*merged(base, ordered, base)]
    assert merged(MISSING, object(), MISSING) is not MISSING


RECORD = {"id": 5, "name": "Ada", "visits": {"first": 1, "last": 2}}


@pytest.mark.parametrize(
    "replaced",
    [{"id": 7, "name": "Bob", "visits": {"first": 1, "last": 9}}, {"login": 7}, {}],
    ids=["all values", "other keys", "cleared"],
)
def test_a_replaced_record_is_not_mixed_with_the_old_one(replaced: Tree) -> None:
    changed = {**RECORD, "admin": True}
    assert replaced == merged(RECORD, replaced, changed)
    assert changed == merged(RECORD, changed, replaced)


@pytest.mark.parametrize(
    ("value", "edit", "other"),
    [
        ({"n": 1}, {"n": 2}, {"n": 1, "more": 1}),
        ([1], [1, 2], [1, 3]),
        ([], [2], [3]),
        ([1], [], [1, 3]),
        ({1}, {1, 2}, {1, 3}),
        (set(), {2}, {3}),
    ],
    ids=repr,
)
def test_a_dict_whose_only_value_was_edited_inside_is_merged(
    value: Any, edit: Any, other: Any
) -> None:
    base, mine, theirs = {"a": value}, {"a": edit, "mine": 1}, {"a": other}
    assert {"a": merged(value, edit, other), "mine": 1} == merged(base, mine, theirs)


@pytest.mark.parametrize(("value", "other"), [([1], [2]), ({1}, {2}), (1, 2), ({"n": 1}, [1])])
def test_a_dict_whose_only_value_was_replaced_is_not_merged(value: Any, other: Any) -> None:
    mine = {"a": other, "mine": 1}
    assert mine == merged({"a": value}, mine, {"a": value, "theirs": 1})


def test_a_dict_with_another_special_key_is_not_mixed_with_the_old_one() -> None:
    base, changed = {"user": RECORD}, {"user": {**RECORD, "admin": True}}
    other = {"user": {**RECORD, "id": 7}}
    for special in (["user.id"], ["user.name", "user.id"]):
        assert other == merge(base, other, changed, special)
        assert changed == merge(base, changed, other, special)
    for special in ([], ["user.name"], ["id"], ["other.id"], ["user"], ["user.absent"]):
        assert {"user": {**RECORD, "id": 7, "admin": True}} == merge(base, other, changed, special)


def test_a_nested_special_key_counts_for_each_dict_around_it() -> None:
    base = {"a": {"b": {"id": 1, "x": 1}, "y": 1}}
    mine = {"a": {"b": {"id": 1, "x": 1}, "y": 2}}
    theirs = {"a": {"b": {"id": 2, "x": 1}, "y": 1}}
    assert mine == merge(base, mine, theirs, ["a.b.id"])
    assert {"a": {"b": {"id": 2, "x": 1}, "y": 2}} == merge(base, mine, theirs)


def test_dicts_that_both_requests_created_are_joined_unless_they_contradict() -> None:
    mine, theirs = {"tea": 1, "n": {"x": 1}, "s": 1}, {"milk": 1, "n": {"y": 1}, "s": 1}
    joined = {"milk": 1, "n": {"y": 1, "x": 1}, "s": 1, "tea": 1}
    assert joined == merged(MISSING, mine, theirs)
    ada, bob = {"id": 5, "name": "Ada"}, {"id": 7, "admin": True}
    assert ada == merged(MISSING, ada, bob)
    assert bob == merged(MISSING, bob, ada)
    assert {"n": ada} == merged(MISSING, {"n": ada}, {"n": bob})
    assert {"n": 1} == merged(MISSING, {"n": 1}, {"n": bob})
    assert {"s": 1, "n": 1} == merged(MISSING, {"s": 1, "n": 1}, {"s": 1, "n": 2, "x": 1})
    assert {"a": 1, "b": 1} == merged(MISSING, {"a": 1}, {"b": 1}, "id")
    for one, other in permutations([{"id": 5}, {"admin": True}]):
        assert one == merged(MISSING, one, other, "id")


@pytest.mark.parametrize(
    ("value", "changed"), [({"a": 1, "b": 1}, {"a": 1, "b": 1, "c": 1}), ({1, 2}, {1, 2, 3})]
)
def test_a_removed_dict_or_set_is_not_merged(value: Any, changed: Any) -> None:
    assert merged(value, MISSING, changed) is MISSING
    assert changed == merged(value, changed, MISSING)


@pytest.mark.parametrize("kind", [set, frozenset])
@given(ELEMENTS, ELEMENTS, ELEMENTS)
def test_additions_and_removals_of_both_requests_are_kept(
    kind: type[Any], base: Any, mine: Any, theirs: Any
) -> None:
    result = merged(kind(base), kind(mine), kind(theirs))
    assert kind is type(result)
    assert (mine | theirs) - base <= result
    assert not (base - mine | base - theirs) & result
    assert result <= mine | theirs


def test_equal_elements_of_different_types_are_different() -> None:
    assert same({True}, merged({1}, {True}, {1}))
    assert same({True, 2}, merged({1}, {True}, {1, 2}))
    nan = float("nan")
    assert 3 == len(merged({nan}, {nan, 2}, {nan, 1}))


# -- what is not merged -----------------------------------------------------------------------


class Cart(dict[str, int]):
    """An application's class."""


@pytest.mark.parametrize("kind", [OrderedDict, Counter, Cart, lambda value: tuple(value.items())])
def test_subclasses_and_tuples_are_not_merged(kind: Any) -> None:
    base, mine, theirs = kind({"a": 1}), kind({"a": 1, "b": 1}), kind({"a": 1, "c": 1})
    assert mine == merged(base, mine, theirs)


def test_containers_of_different_types_are_not_merged() -> None:
    values = [{"a": 1}, ["a"], {"a"}, frozenset("a"), ("a",), "a", None, MISSING]
    for base, mine, theirs in permutations(values, 3):
        if (mine, theirs) not in (([], MISSING), (MISSING, [])):
            result = merged(base, mine, theirs)
            assert result is MISSING if mine is MISSING else mine == result


def cyclic(**extra: Any) -> Tree:
    made: Tree = {ANCHOR: 0, **extra}
    made["self"] = made["again"] = made
    made["list"] = [made, made]
    return made


def test_a_value_that_contains_itself_is_not_merged_forever() -> None:
    result = merged(cyclic(a=1, b=1), cyclic(a=2, b=1), cyclic(a=1, b=2))
    assert 2 == result["a"]
    assert 2 == result["self"]["again"]["a"]


def doubled(depth: int, value: Any) -> Any:
    """Return a value of 2**depth parts that is stored as ``depth`` of them."""
    for _ in range(depth):
        value = {"left": value, "right": value, "list": [value, value]}
    return value


def test_values_that_share_parts_are_compared_in_bounded_time() -> None:
    base, mine, theirs = ({ANCHOR: 0, "big": doubled(60, n), "n": n} for n in range(3))
    assert same(mine, merged(base, mine, theirs))
    assert not same(doubled(60, 1), doubled(60, 2))
    one, other = doubled(60, 1), doubled(60, 1)
    assert same([one, one], [one, other])


def nested(depth: int, **extra: Any) -> Tree:
    made: Tree = {ANCHOR: 0, **extra}
    for _ in range(depth):
        made = {ANCHOR: 0, "inner": made}
    return made


def test_values_beyond_the_maximum_depth_are_not_merged() -> None:
    most = merge_values.MAX_DEPTH - 1
    both = nested(most, a=1, b=1)
    assert both == merged(nested(most), nested(most, a=1), nested(most, b=1))
    deep = nested(most + 1, a=1)
    assert deep == merged(nested(most + 1), deep, nested(most + 1, b=1))
    joined = merged(MISSING, nested(most + 1, a=1), nested(most + 1, b=1))
    assert nested(most + 1, a=1, b=1) == joined
    assert nested(most + 2, a=1) == merged(MISSING, nested(most + 2, a=1), nested(most + 2, b=1))
    # Beyond Python's recursion limit too.
    result = merge_value(nested(5000), nested(5000, a=1), nested(5000, b=1), (), rebased=False)
    while "inner" in result:
        result = result["inner"]
    assert {ANCHOR: 0, "a": 1} == result


@pytest.mark.parametrize(("entries", "is_merged"), [(10, True), (200, False)])
def test_values_with_too_many_entries_are_not_merged(
    monkeypatch: pytest.MonkeyPatch, entries: int, is_merged: bool
) -> None:
    monkeypatch.setattr(merge_values, "MAX_ENTRIES", 100)
    mine: Any = {"a": 1, **dict.fromkeys(range(entries), 1)}
    assert is_merged is not (mine == merged({"a": 1}, mine, {**mine, "theirs": 1}))
    mine = [0, *range(entries)]
    assert is_merged is not (mine == merged([0], mine, [0, "theirs"]))


class Touchy:
    def __hash__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        raise ValueError


def test_the_later_save_wins_if_comparing_raises() -> None:
    base, mine, theirs = {"a": 1, "b": 1}, {Touchy(): 1, "b": 1}, {Touchy(): 1, "a": 1}
    assert mine is merge_value(base, mine, theirs, (), rebased=False)


def test_merging_changes_none_of_its_arguments() -> None:
    sides = [{"a": [1], "b": {"c": {1}}, "d": n, "e": 0} for n in range(3)]
    before = deepcopy(sides)
    merge(*sides)
    assert before == sides

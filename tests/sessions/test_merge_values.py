"""Merging inside one value: dicts, sets and lists that two requests have changed."""

from __future__ import annotations

import pickle
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

#: A key that no request changes, so that no dict counts as replaced by another record.
ANCHOR = "anchor"
LEAVES = st.integers(0, 5) | st.booleans() | st.text(max_size=2) | st.floats() | st.none()
KEYS = st.sampled_from("abcd")
Tree = dict[str, Any]


def tree(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Tree]:
    """Make dicts of leaves and of dicts, each with the anchor."""
    return st.dictionaries(KEYS, inner, max_size=4).map(lambda made: {ANCHOR: 0, **made})


TREES = st.recursive(tree(LEAVES), lambda inner: tree(LEAVES | inner), max_leaves=12)
#: A change: where it begins to look for a leaf, and the new value; MISSING removes the leaf.
EDITS = st.lists(
    st.tuples(st.lists(KEYS, min_size=1, max_size=4), LEAVES | st.just(MISSING)), max_size=6
)
ENTRIES = st.lists(st.integers(0, 2) | st.booleans() | st.text(max_size=1), max_size=4)
ELEMENTS = st.frozensets(st.integers(0, 6) | st.text(max_size=1), max_size=6)


def leaf(session: Tree, path: list[str]) -> tuple[str, ...] | None:
    """Follow a path as far as there are dicts; return where it ends, None if that is a dict."""
    for depth, key in enumerate(path, 1):
        if not isinstance(session.get(key), dict):
            return tuple(path[:depth])
        session = session[key]
    return None


def edited(session: Tree, edits: dict[tuple[str, ...], Any]) -> Tree:
    """Return a copy of a session with leaves that are set, added or removed."""
    session = deepcopy(session)
    for (*path, key), value in edits.items():
        inner = reduce(lambda found, step: found[step], path, session)
        if value is MISSING:
            inner.pop(key, None)
        else:
            inner[key] = value
    return session


def ordered(value: Any) -> Any:
    """Return a value with the keys of all dicts in order."""
    if not isinstance(value, dict):
        return value
    return {key: ordered(value[key]) for key in sorted(value)}


def merged(base: Any, mine: Any, theirs: Any, *special: str, rebased: bool = False) -> Any:
    """Merge a value, of which each request has a copy of its own."""
    base, mine, theirs = (
        value if value is MISSING else pickle.loads(pickle.dumps(value))
        for value in (base, mine, theirs)
    )
    return merge_value(base, mine, theirs, special, rebased=rebased)


# -- dicts ------------------------------------------------------------------------------------


@given(TREES, EDITS, EDITS)
def test_changes_of_different_leaves_give_what_one_after_the_other_gives(
    base: Tree, one: Any, other: Any
) -> None:
    found_one = {path: value for steps, value in one if (path := leaf(base, steps))}
    found_other = {
        path: value
        for steps, value in other
        if (path := leaf(base, steps)) and path not in found_one
    }
    mine, theirs = edited(base, found_one), edited(base, found_other)
    expected = ordered(edited(theirs, found_one))
    assert same(expected, ordered(merge(base, mine, theirs)))
    assert same(expected, ordered(merge(base, theirs, mine)))


def test_six_requests_that_add_to_one_dict_at_once_lose_nothing() -> None:
    bases: list[dict[str, int]] = [{}, {"tea": 1}, {"tea": 1, "milk": 2}]
    for base in bases:
        stored = base
        for number in range(6):
            stored = merged(base, {**base, f"new-{number}": number}, stored)
        assert {**base, **{f"new-{number}": number for number in range(6)}} == stored


def test_dicts_nested_deeper_are_merged_where_each_level_has_one_key() -> None:
    base = {"shop": {"cart": {"tea": 1}}}
    mine = {"shop": {"cart": {"tea": 1, "milk": 1}}}
    theirs = {"shop": {"cart": {"tea": 1, "bread": 1}}}
    assert {"shop": {"cart": {"tea": 1, "bread": 1, "milk": 1}}} == merged(base, mine, theirs)


def test_the_same_leaf_is_the_later_saves() -> None:
    base = {ANCHOR: 0, "a": 1, "b": 1}
    mine, theirs = {ANCHOR: 0, "a": 2}, {ANCHOR: 0, "a": 3, "b": 3}
    assert mine == merged(base, mine, theirs)
    assert theirs == merged(base, theirs, mine)


RECORD = {"id": 5, "name": "Ada", "visits": {"first": 1, "last": 2}}


@pytest.mark.parametrize(
    "replaced",
    [
        pytest.param({"id": 7, "name": "Bob", "visits": {"first": 1, "last": 9}}, id="all changed"),
        pytest.param({"login": 7}, id="other keys"),
        pytest.param({}, id="cleared"),
    ],
)
def test_another_record_is_not_mixed_with_the_old_one(replaced: Tree) -> None:
    changed = {**RECORD, "admin": True}
    assert replaced == merged(RECORD, replaced, changed)
    assert changed == merged(RECORD, changed, replaced)


def test_a_dict_whose_special_key_changed_is_not_mixed_with_the_old_one() -> None:
    base, changed = {"user": RECORD}, {"user": {**RECORD, "admin": True}}
    other = {"user": {**RECORD, "id": 7}}
    for special in (["user.id"], ["user.name", "user.id"]):
        assert other == merge(base, other, changed, special)
        assert changed == merge(base, changed, other, special)
    for special in ([], ["user.name"], ["id"], ["other.id"], ["user"]):
        assert {"user": {**RECORD, "id": 7, "admin": True}} == merge(base, other, changed, special)


def test_a_special_key_deeper_inside_counts_for_each_dict_around_it() -> None:
    base = {"a": {"b": {"id": 1, "x": 1}, "y": 1}}
    mine = {"a": {"b": {"id": 1, "x": 1}, "y": 2}}
    theirs = {"a": {"b": {"id": 2, "x": 1}, "y": 1}}
    assert mine == merge(base, mine, theirs, ["a.b.id"])
    assert {"a": {"b": {"id": 2, "x": 1}, "y": 2}} == merge(base, mine, theirs)


def test_dicts_that_both_created_are_joined_unless_they_contradict_each_other() -> None:
    mine, theirs = {"tea": 1, "n": {"x": 1}}, {"milk": 1, "n": {"y": 1}}
    assert {"milk": 1, "n": {"y": 1, "x": 1}, "tea": 1} == merged(MISSING, mine, theirs)
    ada, bob = {"id": 5, "name": "Ada"}, {"id": 7, "admin": True}
    assert ada == merged(MISSING, ada, bob)
    assert bob == merged(MISSING, bob, ada)
    assert {"id": 5} == merged(MISSING, {"id": 5}, {"admin": True}, "id")


@pytest.mark.parametrize("removed_later", [True, False])
@pytest.mark.parametrize("value", [{"a": 1, "b": 1}, {1, 2}])
def test_a_dict_or_set_that_was_removed_is_the_later_saves(value: Any, removed_later: bool) -> None:
    changed = {**value, "c": 1} if isinstance(value, dict) else {*value, 3}
    mine, theirs = (MISSING, changed) if removed_later else (changed, MISSING)
    result = merged(value, mine, theirs)
    assert result is MISSING if removed_later else changed == result


# -- sets -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [set, frozenset])
@given(ELEMENTS, ELEMENTS, ELEMENTS)
def test_no_addition_to_a_set_is_lost_and_no_removal_undone(
    kind: type[Any], base: Any, mine: Any, theirs: Any
) -> None:
    result = merged(kind(base), kind(mine), kind(theirs))
    assert kind is type(result)
    assert (mine | theirs) - base <= result
    assert not (base - mine | base - theirs) & result
    assert result <= mine | theirs


def test_equal_elements_of_other_types_are_others() -> None:
    assert same({True}, merged({1}, {True}, {1}))
    assert same({True, 2}, merged({1}, {True}, {1, 2}))
    assert 1 == len(merged({float("nan")}, {float("nan")}, {float("nan"), 1}) - {1})


# -- lists ------------------------------------------------------------------------------------


@given(ENTRIES, ENTRIES, ENTRIES)
def test_what_both_append_stays_even_if_it_is_equal(base: Any, mine: Any, theirs: Any) -> None:
    assert same(base + theirs + mine, merged(base, base + mine, base + theirs))


@given(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5), ENTRIES, ENTRIES)
def test_what_is_consumed_is_gone_and_what_is_appended_stays(
    length: int, consumed: int, more: int, mine: Any, theirs: Any
) -> None:
    """Both consume some of a queue and append; no request replaces the whole."""
    base = [f"entry {number}" for number in range(length)]
    my_list, their_list = base[consumed:] + mine, base[more:] + theirs
    if base and mine and consumed >= length:
        return
    expected = base[max(consumed, more) :] + theirs + mine
    assert same(expected, merged(base, my_list, their_list))


@pytest.mark.parametrize("popped", [MISSING, []])
@pytest.mark.parametrize("order", [*permutations(["pop", "a", "b", "c"])])
def test_messages_of_three_requests_stay_and_the_one_that_was_shown_does_not_return(
    popped: Any, order: tuple[str, ...]
) -> None:
    base = ["shown"]
    stored: Any = base
    for name in order:
        stored = merged(base, popped if name == "pop" else [*base, name], stored)
    assert [name for name in order if name != "pop"] == stored


def test_a_list_that_was_removed_and_has_no_new_entry_stays_removed() -> None:
    assert merged(["a", "b"], MISSING, ["b"]) is MISSING
    assert merged(["a", "b"], ["b"], MISSING) is MISSING
    assert [] == merged(["a", "b"], ["b"], [])


@pytest.mark.parametrize(
    "edit",
    [[1, 9, 3], [1, 3], [9, 1, 2, 3], [3, 2, 1], [9, 8], [1, 2], [1, 9, 2, 3]],
    ids=repr,
)
def test_a_list_that_was_replaced_or_edited_in_the_middle_wins_if_it_is_later(edit: Any) -> None:
    base, appended = [1, 2, 3], [1, 2, 3, 4]
    assert edit == merged(base, edit, appended)
    assert edit == merged(base, edit, [2, 3])


@pytest.mark.parametrize("edit", [[1, 9, 3], [1, 3], [3, 2, 1], [1, 2], [1, 9, 2, 3]], ids=repr)
def test_a_list_that_was_edited_in_the_middle_loses_if_it_is_earlier(edit: Any) -> None:
    base, appended = [1, 2, 3], [1, 2, 3, 4]
    assert appended == merged(base, appended, edit)


def test_lists_that_both_created_are_the_later_saves() -> None:
    """Two entries of two requests need not be a list of four: it may be a pair of numbers."""
    assert [1, 10] == merged(MISSING, [1, 10], [5, 20])


@given(ENTRIES, ENTRIES, ENTRIES, ENTRIES)
def test_a_second_save_of_a_request_keeps_what_others_put_between_its_own(
    base: Any, first: Any, others: Any, second: Any
) -> None:
    """After the first save, the others' entries stand before those of this request."""
    seen, stored = base + first, base + others + first
    assert same(stored + second, merged(seen, seen + second, stored, rebased=True))


def test_a_second_save_of_a_request_consumes_no_entry_of_others() -> None:
    seen, stored = ["a", "b", "mine"], ["a", "b", "other", "mine"]
    assert ["b", "other", "mine", "new"] == merged(seen, [*seen[1:], "new"], stored, rebased=True)
    assert ["other", "mine", "new"] == merged(seen, [*seen[2:], "new"], stored[1:], rebased=True)


# -- what is not merged -----------------------------------------------------------------------


class Cart(dict[str, int]):
    """A class of an application."""


@pytest.mark.parametrize("kind", [OrderedDict, Counter, Cart, lambda value: tuple(value.items())])
def test_types_that_are_not_builtin_containers_are_the_later_saves(kind: Any) -> None:
    base, mine, theirs = kind({"a": 1}), kind({"a": 1, "b": 1}), kind({"a": 1, "c": 1})
    assert mine == merged(base, mine, theirs)


def test_containers_of_different_types_are_the_later_saves() -> None:
    values = [{"a": 1}, ["a"], {"a"}, frozenset("a"), ("a",), "a", None, MISSING]
    for base, mine, theirs in permutations(values, 3):
        if (mine, theirs) not in (([], MISSING), (MISSING, [])):
            result = merged(base, mine, theirs)
            assert result is MISSING if mine is MISSING else mine == result


# -- bounds -----------------------------------------------------------------------------------


def cyclic(**more: Any) -> Tree:
    """Make a dict that contains itself, twice."""
    made: Tree = {"anchor": 0, **more}
    made["self"] = made["again"] = made
    made["list"] = [made, made]
    return made


def test_a_value_that_contains_itself_is_the_later_saves() -> None:
    result = merged(cyclic(a=1, b=1), cyclic(a=2, b=1), cyclic(a=1, b=2))
    assert 2 == result["a"]
    assert result["self"]["again"]["a"] == 2


def doubled(depth: int, value: Any) -> Any:
    """Make a value that has 2**depth parts, and is stored as ``depth`` of them."""
    for _ in range(depth):
        value = {"left": value, "right": value, "list": [value, value]}
    return value


def test_values_that_share_their_parts_are_bounded() -> None:
    base, mine, theirs = ({ANCHOR: 0, "big": doubled(60, n), "n": n} for n in range(3))
    assert same(mine, merged(base, mine, theirs))
    assert not same(doubled(60, 1), doubled(60, 2))
    # The same twice, by one object and by two.
    twice = doubled(60, 1), doubled(60, 1)
    assert same([twice[0], twice[0]], [*twice])


def nested(depth: int, **more: Any) -> Tree:
    """Make a dict in a dict, so many levels deep."""
    made: Tree = {ANCHOR: 0, **more}
    for _ in range(depth):
        made = {ANCHOR: 0, "inner": made}
    return made


def test_values_nested_too_deep_are_the_later_saves() -> None:
    most = merge_values.MAX_DEPTH - 1
    both = nested(most, a=1, b=1)
    assert both == merged(nested(most), nested(most, a=1), nested(most, b=1))
    deep = nested(most + 1, a=1)
    assert deep == merged(nested(most + 1), deep, nested(most + 1, b=1))
    bottomless = nested(5000, a=1)
    result = merge_value(nested(5000), bottomless, nested(5000, b=1))
    while "inner" in result:
        result = result["inner"]
    assert {ANCHOR: 0, "a": 1} == result


def test_values_with_too_many_entries_are_the_later_saves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge_values, "MAX_ENTRIES", 100)
    for base in ({"a": 1}, [0]):
        few, many = range(10), range(200)
        for amount, kept in ((few, True), (many, False)):
            if isinstance(base, dict):
                mine: Any = {**base, **dict.fromkeys(amount, 1)}
                theirs: Any = {**base, "theirs": 1}
            else:
                mine, theirs = [*base, *amount], [*base, "theirs"]
            result = merged(base, mine, theirs)
            assert kept is ("theirs" in result)
            assert kept is not (mine == result)


class Touchy:
    """Raises when it is compared with another."""

    def __hash__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        raise ValueError


def test_values_whose_code_raises_are_the_later_saves() -> None:
    base, mine, theirs = {"a": 1, "b": 1}, {Touchy(): 1, "b": 1}, {Touchy(): 1, "a": 1}
    assert mine is merge_value(base, mine, theirs)


def test_merging_changes_none_of_the_three() -> None:
    sides = [{"a": [1], "b": {"c": {1}}, "d": n, "e": 0} for n in range(3)]
    before = deepcopy(sides)
    merge(*sides)
    assert before == sides

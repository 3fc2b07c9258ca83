"""Three-way merge of a list: both requests append to it or consume it."""

from __future__ import annotations

import pickle
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beaker_dynamodb.sessions.comparison import same
from beaker_dynamodb.sessions.merge import merge
from beaker_dynamodb.sessions.merge_values import MISSING, merge_value

#: A key that no request changes. Without it, the dict may count as replaced.
ANCHOR = "anchor"


def merged(base: Any, mine: Any, theirs: Any, *special: str, rebased: bool = False) -> Any:
    """Merge copies of the three values, as decoded sessions share no objects."""
    base, mine, theirs = (
        value if value is MISSING else pickle.loads(pickle.dumps(value))
        for value in (base, mine, theirs)
    )
    return merge_value(base, mine, theirs, special, rebased=rebased)


ENTRIES = st.lists(st.integers(0, 2) | st.booleans() | st.text(max_size=1), max_size=4)


@given(ENTRIES, ENTRIES, ENTRIES)
def test_entries_that_both_requests_append_are_kept(base: Any, mine: Any, theirs: Any) -> None:
    assert same(base + theirs + mine, merged(base, base + mine, base + theirs))


@given(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5), ENTRIES, ENTRIES)
def test_consumed_entries_are_gone_and_appended_ones_are_kept(
    length: int, my_consumed: int, their_consumed: int, mine: Any, theirs: Any
) -> None:
    base = [f"entry {number}" for number in range(length)]
    if base and mine and my_consumed >= length:
        return  # the list was replaced
    expected = base[max(my_consumed, their_consumed) :] + theirs + mine
    assert same(expected, merged(base, base[my_consumed:] + mine, base[their_consumed:] + theirs))


@pytest.mark.parametrize("popped", [MISSING, []], ids=["removed", "emptied"])
def test_new_messages_stay_and_the_popped_one_does_not_return(popped: Any) -> None:
    base = ["shown"]
    for order in permutations(["pop", "a", "b", "c"]):
        stored: Any = base
        for name in order:
            stored = merged(base, popped if name == "pop" else [*base, name], stored)
        assert [name for name in order if name != "pop"] == stored


def test_a_removed_list_without_new_entries_stays_removed_and_a_created_one_is_not_merged() -> None:
    assert merged(["a", "b"], MISSING, ["b"]) is MISSING
    assert merged(["a", "b"], ["b"], MISSING) is MISSING
    assert [] == merged(["a", "b"], ["b"], [])
    assert [1, 10] == merged(MISSING, [1, 10], [5, 20])  # perhaps pairs of numbers, not queues


EDITED_INSIDE = [[1, 9, 3], [1, 3], [3, 2, 1], [1, 2], [1, 9, 2, 3]]


@pytest.mark.parametrize("edit", [*EDITED_INSIDE, [9, 1, 2, 3], [9, 8]], ids=repr)
def test_the_later_save_wins_if_it_edited_the_middle_or_replaced_the_list(edit: Any) -> None:
    base, appended = [1, 2, 3], [1, 2, 3, 4]
    assert edit == merged(base, edit, appended)
    assert edit == merged(base, edit, [2, 3])
    if edit in EDITED_INSIDE:
        assert appended == merged(base, appended, edit)


@pytest.mark.parametrize(
    ("base", "mine", "theirs", "expected"),
    [
        ([1, 1, 2], [1, 2, 5], [1, 1, 2, 6], [1, 2, 6, 5]),
        ([1, 2, 1, 2], [1, 2, 5], [1, 2, 1, 2, 6], [1, 2, 6, 5]),
        ([0, 0, 0], [0, 0], [0, 0, 0, 6], [0, 0, 6]),
    ],
)
def test_repeated_entries_count_as_kept_as_far_as_possible(
    base: Any, mine: Any, theirs: Any, expected: Any
) -> None:
    assert expected == merged(base, mine, theirs)


@given(ENTRIES, ENTRIES, ENTRIES, ENTRIES)
def test_a_second_save_keeps_entries_before_those_of_the_first(
    base: Any, first: Any, others: Any, second: Any
) -> None:
    seen, stored = base + first, base + others + first
    base, mine, theirs = ({"q": q} for q in (seen, seen + second, stored))
    assert same({"q": stored + second}, merge(base, mine, theirs, rebased=True))


def test_a_second_save_consumes_no_entry_of_other_requests() -> None:
    seen, stored = ["a", "b", "mine"], ["a", "b", "other", "mine"]
    assert ["b", "other", "mine", "new"] == merged(seen, [*seen[1:], "new"], stored, rebased=True)
    assert ["other", "mine", "new"] == merged(seen, [*seen[2:], "new"], stored[1:], rebased=True)
    plain = merge({"q": seen}, {"q": [*seen[1:], "new"]}, {"q": stored})
    assert {"q": ["b", "mine", "new"]} == plain
    # In a nested list too.
    base, mine, theirs = ({ANCHOR: 0, "q": q} for q in (seen, [*seen[1:], "new"], stored))
    assert ["b", "other", "mine", "new"] == merged(base, mine, theirs, rebased=True)["q"]


def test_a_long_list_of_equal_entries_is_merged() -> None:
    base = {"queue": ["x"] * 2000}
    mine = {"queue": ["x"] * 1700 + ["y"] * 290}
    theirs = {"queue": ["x"] * 2000 + ["added"]}
    assert "added" in merge(base, mine, theirs, ())["queue"]

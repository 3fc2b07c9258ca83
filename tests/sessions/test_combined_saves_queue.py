"""The queue of saves that wait to be combined: its rules one by one, in one thread."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast
from uuid import uuid4

import pytest

from beaker_dynamodb import SessionConflict, StoreUnavailable
from beaker_dynamodb.sessions import combined_saves
from beaker_dynamodb.sessions.combined_saves import CombinedSave, Dropped, Save
from beaker_dynamodb.sessions.state import Stored

NOTHING = cast("Any", None)


def stored() -> Stored:
    return Stored(NOTHING, NOTHING)


class Retry:
    """A retry policy with these remaining times, in seconds. Reading the time once more fails."""

    def __init__(self, *left: float) -> None:
        self.left = list(left)

    @property
    def seconds_left(self) -> float:
        return self.left.pop(0)


class Visit:
    """One session, of which several requests have saves."""

    def __init__(self) -> None:
        self._name = uuid4().hex
        self.queue = combined_saves._queue_of(self._name)

    def save(self, **extra: Any) -> CombinedSave:
        return CombinedSave(self._name, Save(**{**EMPTY, **extra}))

    def waits(self, **extra: Any) -> CombinedSave:
        """Return a save that has joined the queue."""
        save = self.save(outcome=Dropped(), **extra)
        assert join(save, Retry())
        save._save.outcome = None
        return save


EMPTY: dict[str, Any] = {"payload": None, "seen": None, "rebased": False, "terms": None}


def join(save: CombinedSave, retry: Retry) -> bool:
    return save.join(cast("Any", retry))


@pytest.fixture
def visit() -> Iterator[Visit]:
    visit = Visit()
    yield visit
    # Other tests count the saves that wait.
    visit.queue.saves.clear()


@pytest.fixture
def waited(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The timeouts of the waits, which end at once."""
    timeouts: list[float] = []
    monkeypatch.setattr(visit.queue.condition, "wait", timeouts.append)
    return timeouts


def test_the_first_save_does_not_wait(visit: Visit, waited: list[float]) -> None:
    first = visit.save()
    assert join(first, Retry())
    second = visit.waits()
    with first:
        first.settle(stored())
    assert join(second, Retry())
    assert [] == waited


def test_a_save_looks_every_second_until_its_time_has_run_out(
    visit: Visit, waited: list[float]
) -> None:
    first, second = visit.waits(), visit.save()
    assert not join(second, Retry(60, 1.5, 0.5, 0))
    assert [1, 1, 0.5] == waited
    assert [] == first.take()


def test_a_save_without_time_left_waits_for_the_write_that_contains_it(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = visit.waits(), visit.waits()
    first.take()
    timeouts: list[float] = []

    def wait(timeout: float) -> None:
        timeouts.append(timeout)
        if len(timeouts) == 2:
            second._save.outcome = stored()

    monkeypatch.setattr(visit.queue.condition, "wait", wait)
    assert join(second, Retry(0, -1))
    assert [1, 1] == timeouts


def test_a_save_that_is_aborted_while_it_waits_leaves_the_queue(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def abort(*_: object) -> None:
        raise KeyboardInterrupt

    first, second = visit.waits(), visit.save()
    monkeypatch.setattr(visit.queue.condition, "wait", abort)
    with pytest.raises(KeyboardInterrupt), second:
        join(second, Retry(60))
    assert [first._save] == visit.queue.saves


def test_saves_are_taken_in_order_of_arrival(visit: Visit) -> None:
    saves = [visit.waits() for _ in range(4)]
    assert [save._save for save in saves[1:]] == saves[0].take()
    assert [saves[0]._save, saves[2]._save, saves[3]._save] == saves[1].take()


def test_a_save_without_a_conflict_takes_none_and_has_its_outcome_alone(visit: Visit) -> None:
    other, save = visit.waits(), visit.save()
    outcome = stored()
    with save:
        assert [] == save.take()
        save.settle(outcome, "token")
    assert [outcome, None] == [save._save.outcome, other._save.outcome]
    assert save.last_stored is None


def test_saves_of_another_session_with_this_id_or_on_other_terms_are_not_taken(
    visit: Visit,
) -> None:
    first, *_ = (visit.waits(created_ms=one, terms=terms) for one in (1, 2) for terms in "ab")
    alike = visit.waits(created_ms=1, terms="a")
    assert [alike._save] == first.take()


def test_after_a_refused_write_half_of_the_others_are_taken(visit: Visit) -> None:
    first, *_ = (visit.waits() for _ in range(5))
    taken = [len(first.take())]
    for _ in range(3):
        assert first.halve()
        taken.append(len(first.take()))
    assert not first.halve()
    assert [4, 2, 1, 0] == taken


def test_a_stored_save_is_not_written_again_while_its_thread_wakes(
    visit: Visit, waited: list[float]
) -> None:
    first, second, third = (visit.waits() for _ in range(3))
    first.take()
    first.begin("token")
    first.settle(stored(), "token")
    assert [] == third.take()
    assert not second.contains("token")
    assert join(second, Retry())
    assert [] == waited


def test_a_write_settles_the_saves_that_it_contained(visit: Visit) -> None:
    first, second = visit.waits(), visit.waits()
    first.take()
    first.begin("token")
    late = visit.waits()
    outcome = stored()
    first.settle(outcome, "token")
    assert [outcome, outcome, None] == [save._save.outcome for save in (first, second, late)]
    assert late.last_stored is outcome


def test_a_write_is_recognized_by_its_token_even_if_a_waiting_save_was_in_it(visit: Visit) -> None:
    alone, first, second = visit.save(), visit.waits(), visit.waits()
    alone.begin("alone")
    first.take()
    first.begin("token")
    found = [save.contains(token) for save in (alone, second) for token in ("alone", "token")]
    assert [True, False, False, True] == found


def test_saves_of_a_session_that_is_gone_are_dropped_but_not_those_of_its_successor(
    visit: Visit,
) -> None:
    first, second, successor = (visit.waits(created_ms=one) for one in (1, 1, 2))
    gone = Dropped()
    first.settle(gone)
    assert [gone, gone, None] == [save._save.outcome for save in (first, second, successor)]
    assert successor.last_stored is None


def test_an_outage_ends_a_combined_write_and_each_save_gets_its_own_error(visit: Visit) -> None:
    first, second = visit.waits(), visit.waits()
    error, cause = StoreUnavailable("no answer", table="myapp"), OSError()
    error.__cause__ = cause
    first.take()
    late = visit.waits()
    with pytest.raises(StoreUnavailable), first:
        raise error
    copied = second._save.outcome
    assert isinstance(copied, StoreUnavailable)
    assert copied is not error
    assert ("no answer", "myapp", cause) == (str(copied), copied.table, copied.__cause__)
    assert late._save.outcome is None
    assert [] == late.take()


@pytest.mark.parametrize("error", [SessionConflict("too late"), KeyboardInterrupt()])
def test_other_errors_concern_one_save_only(visit: Visit, error: BaseException) -> None:
    first, second = visit.waits(), visit.waits()
    first.take()
    with pytest.raises(type(error)), first:
        raise error
    assert second._save.outcome is None
    assert join(second, Retry())
    assert [] == second.take()


def test_a_save_that_leaves_the_queue_while_another_thread_writes_changes_nothing(
    visit: Visit,
) -> None:
    first, second, third = (visit.waits() for _ in range(3))
    taken = first.take()
    with second:
        pass
    assert [second._save, third._save] == taken == visit.queue.in_flight
    with pytest.raises(StoreUnavailable), first:
        raise StoreUnavailable("no answer")
    assert isinstance(third._save.outcome, StoreUnavailable)


def test_a_write_of_another_thread_stays_in_flight_when_a_save_ends(
    visit: Visit, waited: list[float]
) -> None:
    first, second, third = (visit.waits() for _ in range(3))
    first.take()
    with third:
        third.settle(Dropped())
    assert [second._save, third._save] == visit.queue.in_flight


def test_the_last_stored_state_is_forgotten_with_the_last_save(visit: Visit) -> None:
    first, second = visit.waits(), visit.waits()
    with first:
        first.begin("token")
        first.settle(stored(), "token")
    assert second.last_stored is not None
    with second:
        pass
    assert visit.waits().last_stored is None

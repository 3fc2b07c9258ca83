"""One attempt that all who arrive meanwhile share, and a failure that is remembered."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from beaker_dynamodb.dynamodb.shared_attempt import Pause, SharedAttempt
from beaker_dynamodb.exceptions import ConfigurationError, DynamoDBError, StoreUnavailable
from tests.clock import Clock

WAITING = 7


class Waits:
    """Lets an attempt go on once others wait for it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        arrived = self._arrived = threading.Semaphore(0)

        class Event(threading.Event):
            def wait(self, timeout: float | None = None) -> bool:
                arrived.release()
                return super().wait(timeout)

        names = SimpleNamespace(Event=Event, Lock=threading.Lock)
        monkeypatch.setattr("beaker_dynamodb.dynamodb.shared_attempt.threading", names)

    def until(self, callers: int) -> None:
        """Return when so many callers wait."""
        for _ in range(callers):
            assert self._arrived.acquire(timeout=60)


def outcome(future: Future[str]) -> str | DynamoDBError:
    """Return the result or the error of a call."""
    error = future.exception()
    if error is None:
        return future.result()
    assert isinstance(error, DynamoDBError)
    return error


class Shared:
    """An attempt that goes on once `WAITING` others wait for it.

    :param ends: the result or the error of each attempt; the last one stays.
    """

    def __init__(self, waits: Waits, *ends: str | BaseException) -> None:
        self._waits, self._ends = waits, list(ends)
        self.attempts = 0

    def __call__(self) -> str:
        self.attempts += 1
        end = self._ends.pop(0) if len(self._ends) > 1 else self._ends[0]
        if self.attempts == 1:
            self._waits.until(WAITING)
        if isinstance(end, str):
            return end
        raise end


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Waits:
    """Counts the callers that wait."""
    return Waits(monkeypatch)


def call_together(function: Shared) -> list[Future[str]]:
    """Return the calls of eight threads, whose clock runs so fast that no error is remembered."""
    attempt: SharedAttempt[str] = SharedAttempt()
    clock = iter(range(0, 10**6, 10))
    with ThreadPoolExecutor(WAITING + 1) as threads:
        return [
            threads.submit(attempt, function, lambda: float(next(clock)))
            for _ in range(WAITING + 1)
        ]


def test_callers_that_arrive_meanwhile_share_the_result(waits: Waits) -> None:
    function = Shared(waits, "made")
    assert ["made"] * 8 == [future.result() for future in call_together(function)]
    assert 1 == function.attempts


@pytest.mark.parametrize("cls", [StoreUnavailable, ConfigurationError])
def test_callers_that_arrive_meanwhile_share_the_error(
    waits: Waits, cls: type[DynamoDBError]
) -> None:
    cause = OSError("reset")
    error = cls("no", operation="GetItem", table="t", aws_code="Busy")
    error.__cause__ = cause
    function = Shared(waits, error)
    errors = [future.exception() for future in call_together(function)]
    assert 1 == function.attempts
    assert 8 == len({id(one) for one in errors})
    for one in errors:
        assert type(one) is cls
        assert ("GetItem", "t", "Busy", cause) == (
            one.operation,
            one.table,
            one.aws_code,
            one.__cause__,
        )


def test_another_caller_takes_over_from_an_aborted_attempt(waits: Waits) -> None:
    function = Shared(waits, KeyboardInterrupt(), "made")
    calls = call_together(function)
    aborted = [future for future in calls if future.exception() is not None]
    assert 1 == len(aborted)
    assert isinstance(aborted[0].exception(), KeyboardInterrupt)
    assert {"made"} == {future.result() for future in calls if future not in aborted}


@pytest.mark.parametrize(
    ("error", "attempts"), [(StoreUnavailable("no"), 1), (ConfigurationError("no"), 2)]
)
def test_only_what_may_pass_is_remembered(error: DynamoDBError, attempts: int) -> None:
    attempt: SharedAttempt[str] = SharedAttempt()
    clock, made = Clock(), []

    def fail() -> str:
        made.append(1)
        raise error

    for _ in range(2):
        with pytest.raises(type(error)):
            attempt(fail, clock)
        clock.advance(0.9)
    assert attempts == len(made)
    clock.advance(0.2)
    assert "made" == attempt(lambda: "made", clock)


def test_a_clock_that_is_set_back_ends_a_pause() -> None:
    pause = Pause()
    assert not pause.lasts(0)
    pause.begin(1000, 10)
    assert [False, True, True, False] == [pause.lasts(now) for now in (999, 1000, 1009, 1010)]
    pause.end()
    assert not pause.lasts(1000)

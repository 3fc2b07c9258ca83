"""One attempt shared by all threads, errors that are remembered, and pauses."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from beaker_dynamodb.dynamodb.shared_attempt import Pause, SharedAttempt
from beaker_dynamodb.exceptions import ConfigurationError, DynamoDBError, StoreUnavailable
from tests.clock import Clock

WAITING = 7


class Shared:
    """A function whose first call returns when `WAITING` other threads wait for it.

    :param results: the result or error of each call; the last one stays.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *results: str | BaseException) -> None:
        arrived = self._arrived = threading.Semaphore(0)

        class Lock:
            def __init__(self) -> None:
                self._lock = threading.Lock()

            def __enter__(self) -> None:
                if not self._lock.acquire(blocking=False):
                    arrived.release()
                    self._lock.acquire()

            def __exit__(self, *_: object) -> None:
                self._lock.release()

        names = SimpleNamespace(Lock=Lock)
        monkeypatch.setattr("beaker_dynamodb.dynamodb.shared_attempt.threading", names)
        self._results = list(results)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.calls == 1:
            for _ in range(WAITING):
                assert self._arrived.acquire(timeout=60)
        result = self._results.pop(0) if len(self._results) > 1 else self._results[0]
        if isinstance(result, str):
            return result
        raise result

    def in_threads(self) -> list[Future[str]]:
        """Make one attempt in each of eight threads. Their clock forgets errors at once."""
        attempt: SharedAttempt[str] = SharedAttempt()
        clock = iter(range(0, 10**6, 10))
        with ThreadPoolExecutor(WAITING + 1) as threads:
            return [
                threads.submit(attempt, self, lambda: float(next(clock)))
                for _ in range(WAITING + 1)
            ]


def test_threads_share_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    function = Shared(monkeypatch, "made")
    assert ["made"] * 8 == [future.result() for future in function.in_threads()]
    assert 1 == function.calls


@pytest.mark.parametrize("cls", [StoreUnavailable, ConfigurationError])
def test_threads_share_the_error(monkeypatch: pytest.MonkeyPatch, cls: type[DynamoDBError]) -> None:
    error = cls("no", operation="GetItem", table="t", aws_code="Busy")
    error.__cause__ = cause = OSError("reset")
    function = Shared(monkeypatch, error)
    errors = [future.exception() for future in function.in_threads()]
    assert 1 == function.calls
    assert 8 == len({id(one) for one in errors})
    for one in errors:
        assert type(one) is cls
        found = (one.operation, one.table, one.aws_code, one.__cause__)
        assert ("GetItem", "t", "Busy", cause) == found


def test_another_thread_replaces_an_aborted_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    futures = Shared(monkeypatch, KeyboardInterrupt(), "made").in_threads()
    (aborted,) = [future for future in futures if future.exception() is not None]
    assert isinstance(aborted.exception(), KeyboardInterrupt)
    assert {"made"} == {future.result() for future in futures if future is not aborted}


@pytest.mark.parametrize(
    ("error", "calls"), [(StoreUnavailable("no"), 1), (ConfigurationError("no"), 2)]
)
def test_only_temporary_errors_are_remembered(error: DynamoDBError, calls: int) -> None:
    attempt: SharedAttempt[str] = SharedAttempt()
    clock, made = Clock(), []

    def fail() -> str:
        made.append(1)
        raise error

    for _ in range(2):
        with pytest.raises(type(error)):
            attempt(fail, clock)
        clock.advance(0.9)
    assert calls == len(made)
    clock.advance(0.2)
    assert "made" == attempt(lambda: "made", clock)


def test_a_clock_that_is_set_back_ends_a_pause() -> None:
    pause = Pause()
    assert not pause.is_active(0)
    pause.begin(1000, 10)
    assert [False, True, True, False] == [pause.is_active(now) for now in (999, 1000, 1009, 1010)]
    pause.end()
    assert not pause.is_active(1000)

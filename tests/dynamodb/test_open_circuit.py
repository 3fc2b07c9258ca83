"""How an open circuit breaker finds out that DynamoDB answers: probes, in a thread if possible."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from beaker_dynamodb.dynamodb import open_circuit
from beaker_dynamodb.dynamodb.circuit_breaker import CircuitBreaker
from beaker_dynamodb.exceptions import StoreUnavailable
from tests.clock import Clock
from tests.dynamodb.breakers import call, is_refused, open_breaker, waiting


class Prober:
    """Stands in for the probing thread's waits, which return when the test lets them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.intervals: list[float] = []
        self._go = threading.Semaphore(0)
        self._asleep = threading.Semaphore(0)

    def wait(self, event: threading.Event, seconds: float) -> None:
        self.intervals.append(seconds)
        self._asleep.release()
        self._go.acquire()

    def wake(self) -> None:
        """Advance the clock by the interval, and wake the thread."""
        self._asleep.acquire()
        self._clock.advance(self.intervals[-1])
        self._go.release()


@pytest.fixture
def prober(clock: Clock) -> Iterator[Prober]:
    prober = Prober(clock)
    yield prober
    prober._go.release(10)


@pytest.fixture
def breaker(clock: Clock, prober: Prober) -> Iterator[CircuitBreaker]:
    breaker = CircuitBreaker(clock, prober.wait)
    yield breaker
    breaker.answered()


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.01, [1.0, 0.75, 0.75, 0.75]), (2.0, [1.0, 2.0, 4.0, 5.0, 5.0])],
    ids=["refused connections", "silence"],
)
def test_the_intervals_of_probes(
    breaker: CircuitBreaker, prober: Prober, clock: Clock, seconds: float, expected: list[float]
) -> None:
    def probe() -> None:
        clock.advance(seconds)
        raise StoreUnavailable("no answer")

    open_breaker(breaker, probe)
    for _ in expected:
        prober.wake()
    prober._asleep.acquire()
    found = prober.intervals[: len(expected)]
    assert all(
        0.8 * most <= interval <= most for interval, most in zip(found, expected, strict=True)
    )
    assert is_refused(breaker)


def test_an_answered_probe_ends_the_refusal_although_overdue_calls_never_end(
    breaker: CircuitBreaker, clock: Clock, prober: Prober
) -> None:
    """Their connections may be dead, while the store answers on new ones."""
    probed = threading.Event()

    def probe() -> None:
        call(breaker)  # not refused
        breaker.answered()
        breaker.end()
        probed.set()

    with waiting(breaker, 3):
        clock.advance(1.001)
        with pytest.raises(StoreUnavailable):
            call(breaker, probe)
        prober.wake()
        probed.wait()
        assert not breaker.is_open
        clock.advance(60)
        assert not is_refused(breaker)


def test_one_call_is_the_probe_where_no_thread_can_be_started(
    breaker: CircuitBreaker, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(self: Any) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    open_breaker(breaker)
    assert is_refused(breaker)
    clock.advance(open_circuit.FIRST_PROBE_SECONDS)
    assert not is_refused(breaker)
    assert is_refused(breaker)
    clock.advance(open_circuit.MAX_PROBE_SECONDS)
    assert not is_refused(breaker)


def test_one_call_is_the_probe_while_the_threads_probe_hangs(
    breaker: CircuitBreaker, prober: Prober, clock: Clock
) -> None:
    hangs, finish = threading.Event(), threading.Event()

    def probe() -> None:
        hangs.set()
        finish.wait()

    open_breaker(breaker, probe)
    prober.wake()
    hangs.wait()
    clock.advance(open_circuit.MAX_PROBE_SECONDS - 0.001)
    assert is_refused(breaker)
    clock.advance(open_circuit.FIRST_PROBE_SECONDS)
    assert not is_refused(breaker)
    assert is_refused(breaker)
    finish.set()

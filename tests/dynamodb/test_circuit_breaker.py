"""When the circuit breaker opens, what it refuses, and when it closes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from beaker_dynamodb.config.parse import Options
from beaker_dynamodb.dynamodb import circuit_breaker, open_circuit
from beaker_dynamodb.dynamodb.circuit_breaker import CircuitBreaker
from beaker_dynamodb.exceptions import StoreUnavailable
from tests.clock import Clock

OPTIONS = Options(table_name="any", read_timeout=2.0, total_timeout=5.0)
BURST_SECONDS = circuit_breaker.BURST_SHARE * 2.0
NO_ANSWER = ReadTimeoutError(endpoint_url="https://example")


class Prober:
    """Stands in for the probing thread: its waits return when the test lets them."""

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
def clock() -> Clock:
    return Clock(0.0)


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


def call(
    breaker: CircuitBreaker, probe: Callable[[], object] = int, options: Options = OPTIONS
) -> None:
    breaker.begin("GetItem", options, probe)


def fail(
    breaker: CircuitBreaker, error: Exception = NO_ANSWER, probe: Callable[[], object] = int
) -> bool:
    """Make a call with one attempt that gets no answer; return whether it may be repeated."""
    call(breaker, probe)
    try:
        return breaker.may_retry(error)
    finally:
        breaker.end()


@contextmanager
def waiting(breaker: CircuitBreaker, count: int) -> Iterator[None]:
    """Begin calls in threads, which wait for answers until the context ends."""
    begun, finish = threading.Barrier(count + 1), threading.Event()

    def wait() -> None:
        call(breaker)
        begun.wait()
        finish.wait()
        breaker.end()

    threads = [threading.Thread(target=wait) for _ in range(count)]
    for thread in threads:
        thread.start()
    begun.wait()
    try:
        yield
    finally:
        finish.set()
        for thread in threads:
            thread.join()


def is_refused(breaker: CircuitBreaker) -> bool:
    try:
        call(breaker)
    except StoreUnavailable:
        return True
    breaker.end()
    return False


def test_consecutive_failures_open_it(breaker: CircuitBreaker, clock: Clock) -> None:
    for _ in range(circuit_breaker.CONSECUTIVE_FAILURES - 1):
        assert fail(breaker)
    clock.advance(BURST_SECONDS)
    assert not fail(breaker)
    with pytest.raises(
        StoreUnavailable, match=r"not sent, because DynamoDB has not answered since"
    ):
        call(breaker)
    assert (1, 1) == (breaker.openings, breaker.refusals)


def test_a_burst_of_failures_does_not_open_it(breaker: CircuitBreaker, clock: Clock) -> None:
    """For instance if a firewall has dropped the connections of a large pool."""
    for _ in range(100):
        assert fail(breaker)
    clock.advance(BURST_SECONDS - 0.001)
    assert fail(breaker)


def test_failures_of_an_earlier_outage_do_not_count(breaker: CircuitBreaker, clock: Clock) -> None:
    for _ in range(3):
        fail(breaker)
    clock.advance(3600)
    assert fail(breaker)  # a pooled connection is dead
    clock.advance(1)
    assert fail(breaker)


def test_an_answer_starts_the_count_again(breaker: CircuitBreaker, clock: Clock) -> None:
    for _ in range(circuit_breaker.CONSECUTIVE_FAILURES - 1):
        fail(breaker)
    breaker.answered()
    clock.advance(BURST_SECONDS)
    assert fail(breaker)
    assert not breaker.is_open


def test_three_attempts_that_took_a_whole_read_timeout_open_it(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    call(breaker)
    allowed = []
    for _ in range(circuit_breaker.SLOW_FAILURES):
        clock.advance(2 / circuit_breaker.SLOW_FAILURES)
        allowed.append(breaker.may_retry(NO_ANSWER))
    breaker.end()
    assert [True, True, False] == allowed
    assert breaker.is_open


def test_a_failure_rate_opens_it_although_some_calls_are_answered(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    for number in range(circuit_breaker.RATE_ATTEMPTS - 2):
        if number in (15, 30):
            breaker.answered()
        assert not breaker.is_open
        fail(breaker)
        clock.advance(0.01)
    clock.advance(BURST_SECONDS)
    fail(breaker)
    assert breaker.is_open


def test_half_of_all_attempts_may_fail(breaker: CircuitBreaker, clock: Clock) -> None:
    for _ in range(100):
        fail(breaker)
        breaker.answered()
    assert not breaker.is_open


def test_failures_of_an_earlier_window_do_not_count(breaker: CircuitBreaker, clock: Clock) -> None:
    for _ in range(3):
        for _ in range(19):
            fail(breaker)
        breaker.answered()
        clock.advance(circuit_breaker.RATE_SECONDS)
    assert not breaker.is_open


def test_calls_are_refused_once_three_are_overdue(breaker: CircuitBreaker, clock: Clock) -> None:
    with waiting(breaker, 3):
        clock.advance(1.0)  # exactly half of read_timeout
        assert not is_refused(breaker)
        clock.advance(0.001)
        assert is_refused(breaker)
        assert breaker.is_open
        breaker.answered()
        assert not is_refused(breaker)
    assert not is_refused(breaker)


def test_overdue_calls_are_found_behind_a_call_with_a_longer_read_timeout(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    call(breaker, options=Options(read_timeout=60.0))
    with waiting(breaker, 3):
        clock.advance(1.001)
        assert is_refused(breaker)


def test_a_probe_ends_the_refusal_although_the_overdue_calls_never_end(
    breaker: CircuitBreaker, clock: Clock, prober: Prober
) -> None:
    """Their connections may be dead, while the store answers on new ones."""
    probed = threading.Event()

    def probe() -> None:
        call(breaker)
        breaker.answered()
        breaker.end()
        probed.set()

    with waiting(breaker, 3):
        clock.advance(1.001)
        with pytest.raises(StoreUnavailable):
            call(breaker, probe)
        prober.wake()
        probed.wait()
        assert not is_refused(breaker)
        clock.advance(60)
        assert not is_refused(breaker)


def test_two_calls_may_be_overdue(breaker: CircuitBreaker, clock: Clock) -> None:
    with waiting(breaker, 2):
        clock.advance(10)
        assert not is_refused(breaker)


def test_calls_that_began_before_an_answer_are_not_overdue(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    with waiting(breaker, 3):
        clock.advance(1.5)
        breaker.answered()
        clock.advance(10)
        assert not is_refused(breaker)


def test_a_slow_store_is_never_refused(breaker: CircuitBreaker, clock: Clock) -> None:
    for _ in range(20):
        with waiting(breaker, 8):
            clock.advance(0.999)
            assert not is_refused(breaker)
            breaker.answered()


def test_the_first_timeout_opens_it_while_three_calls_are_overdue(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    call(breaker)
    with waiting(breaker, 2):
        clock.advance(2)
        assert not breaker.may_retry(NO_ANSWER)
    breaker.end()
    assert breaker.is_open


def test_a_call_is_not_repeated_after_total_timeout(breaker: CircuitBreaker, clock: Clock) -> None:
    options = Options(read_timeout=60.0, total_timeout=5.0)
    call(breaker, options=options)
    clock.advance(4.999)
    assert breaker.may_retry(NO_ANSWER)
    clock.advance(0.001)
    assert not breaker.may_retry(NO_ANSWER)
    breaker.end()
    assert not breaker.is_open


def test_the_application_s_own_calls_do_not_count(breaker: CircuitBreaker) -> None:
    assert all(breaker.may_retry(NO_ANSWER) for _ in range(100))
    assert not breaker.is_open


def test_an_answer_to_an_earlier_call_closes_it(
    breaker: CircuitBreaker, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    open_it(breaker, clock)
    assert is_refused(breaker)
    clock.advance(12)
    breaker.answered()
    assert not is_refused(breaker)
    assert breaker.was_open_since(clock.now - 1)
    assert not breaker.was_open_since(clock.now)
    assert [
        "calls to DynamoDB fail at once until it answers: DynamoDB at example:443 did not answer "
        "within read_timeout",
        "DynamoDB answers again, after 12.0 s; calls that were not sent: 1",
    ] == [record.getMessage() for record in caplog.records]


def open_it(
    breaker: CircuitBreaker,
    clock: Clock,
    probe: Callable[[], object] = int,
    error: Exception = NO_ANSWER,
) -> None:
    while not breaker.is_open:
        clock.advance(0.1)
        fail(breaker, error, probe)


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
        fail(breaker)

    open_it(breaker, clock, probe)
    for _ in expected:
        prober.wake()
    prober._asleep.acquire()
    found = prober.intervals[: len(expected)]
    assert all(
        0.8 * most <= interval <= most for interval, most in zip(found, expected, strict=True)
    )
    assert is_refused(breaker)


def test_an_answered_probe_closes_it(breaker: CircuitBreaker, clock: Clock, prober: Prober) -> None:
    probed = threading.Event()

    def probe() -> None:
        call(breaker)  # not refused
        breaker.answered()
        breaker.end()
        probed.set()

    open_it(breaker, clock, probe)
    prober.wake()
    probed.wait()
    assert not breaker.is_open


def test_one_call_is_the_probe_where_no_thread_can_be_started(
    breaker: CircuitBreaker, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(self: Any) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    open_it(breaker, clock)
    assert is_refused(breaker)
    clock.advance(open_circuit.FIRST_PROBE_SECONDS)
    assert not is_refused(breaker)
    assert is_refused(breaker)
    clock.advance(open_circuit.MAX_PROBE_SECONDS)
    assert not is_refused(breaker)


def test_one_call_is_the_probe_while_the_thread_s_probe_hangs(
    breaker: CircuitBreaker, prober: Prober, clock: Clock
) -> None:
    hangs, finish = threading.Event(), threading.Event()

    def probe() -> None:
        hangs.set()
        finish.wait()

    open_it(breaker, clock, probe)
    prober.wake()
    hangs.wait()
    clock.advance(open_circuit.MAX_PROBE_SECONDS - 0.001)
    assert is_refused(breaker)
    clock.advance(open_circuit.FIRST_PROBE_SECONDS)
    assert not is_refused(breaker)
    assert is_refused(breaker)
    finish.set()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            ClientError(
                {"Error": {"Code": "InternalServerError", "Message": ""}},
                "GetItem",
            ),
            "it answers only with errors (InternalServerError)",
        ),
        (
            EndpointConnectionError(
                endpoint_url="http://127.0.0.1:8000", error=ConnectionRefusedError()
            ),
            "cannot connect to DynamoDB at 127.0.0.1:8000",
        ),
    ],
    ids=["errors", "no connection"],
)
def test_the_reason(breaker: CircuitBreaker, clock: Clock, error: Exception, reason: str) -> None:
    open_it(breaker, clock, error=error)
    with pytest.raises(StoreUnavailable) as caught:
        call(breaker)
    assert reason in str(caught.value)

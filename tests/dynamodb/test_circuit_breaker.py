"""When the circuit breaker opens, what it refuses, and when it closes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.exceptions import ReadTimeoutError

from beaker_dynamodb.config.options import Options
from beaker_dynamodb.dynamodb import circuit_breaker
from beaker_dynamodb.dynamodb.circuit_breaker import CircuitBreaker
from beaker_dynamodb.exceptions import StoreUnavailable
from tests.clock import Clock
from tests.dynamodb.breakers import call, is_refused, never_probe, open_breaker, waiting

BURST_SECONDS = circuit_breaker.BURST_SHARE * 2.0
NO_ANSWER = ReadTimeoutError(endpoint_url="https://example")


@pytest.fixture
def clock() -> Clock:
    return Clock(0.0)


@pytest.fixture
def breaker(clock: Clock) -> Iterator[CircuitBreaker]:
    breaker = CircuitBreaker(clock, never_probe)
    yield breaker
    breaker.answered()


def fail(breaker: CircuitBreaker) -> bool:
    """Make a call with one attempt that gets no answer; return whether it may be repeated."""
    call(breaker)
    try:
        return breaker.may_retry(NO_ANSWER)
    finally:
        breaker.end()


def test_consecutive_failures_open_it(breaker: CircuitBreaker, clock: Clock) -> None:
    for _ in range(circuit_breaker.CONSECUTIVE_FAILURES - 1):
        assert fail(breaker)
    clock.advance(BURST_SECONDS)
    assert not fail(breaker)
    with pytest.raises(StoreUnavailable, match="not sent, because DynamoDB has not") as caught:
        call(breaker)
    assert "DynamoDB at example:443 did not answer within read_timeout" in str(caught.value)
    assert breaker._open_circuit is not None
    assert 1 == breaker._open_circuit.refusals


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


def test_two_calls_may_be_overdue(breaker: CircuitBreaker, clock: Clock) -> None:
    with waiting(breaker, 2):
        clock.advance(10)
        assert not is_refused(breaker)


def test_calls_before_an_answer_are_not_overdue(breaker: CircuitBreaker, clock: Clock) -> None:
    with waiting(breaker, 3):
        clock.advance(1.5)
        breaker.answered()
        clock.advance(10)
        assert not is_refused(breaker)


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


def test_the_applications_own_calls_do_not_count(breaker: CircuitBreaker) -> None:
    assert all(breaker.may_retry(NO_ANSWER) for _ in range(100))
    assert not breaker.is_open


def test_an_answer_to_an_earlier_call_closes_it(
    breaker: CircuitBreaker, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    open_breaker(breaker)
    assert is_refused(breaker)
    clock.advance(12)
    breaker.answered()
    assert not is_refused(breaker)
    assert breaker.was_open_since(clock.now - 1)
    assert not breaker.was_open_since(clock.now)
    assert [
        "calls to DynamoDB fail at once until it answers: DynamoDB did not answer",
        "DynamoDB answers again, after 12.0 s; calls that were not sent: 1",
    ] == [record.getMessage() for record in caplog.records]

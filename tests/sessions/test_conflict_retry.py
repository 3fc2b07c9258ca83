"""How long and how often a save retries after conflicts."""

from __future__ import annotations

import pytest

from beaker_dynamodb.sessions.conflict_retry import (
    CONFLICT_SECONDS,
    MAX_CONFLICT_SECONDS,
    ConflictRetry,
)
from tests.clock import Clock


def after_calls(clock: Clock, *seconds: float) -> ConflictRetry:
    """Return a retry policy that has timed calls of these durations."""
    retry = ConflictRetry(clock)
    for duration in seconds:
        with retry.timed():
            clock.advance(duration)
    return retry


def test_the_time_limit_is_five_seconds_with_a_fast_store(clock: Clock) -> None:
    retry = after_calls(clock, 0.01, 0.01, 0.01)
    assert CONFLICT_SECONDS - 0.03 == pytest.approx(retry.seconds_left)


def test_the_time_limit_is_a_hundred_round_trips_with_a_slow_store(clock: Clock) -> None:
    retry = after_calls(clock, 0.3)
    clock.advance(29.5)
    assert retry.again()
    clock.advance(0.3)
    assert not retry.again()


def test_the_time_limit_has_a_maximum(clock: Clock) -> None:
    assert not after_calls(clock, MAX_CONFLICT_SECONDS).again()


def test_pauses_grow_with_latency_and_conflicts(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without jitter each pause is the longest possible.
    monkeypatch.setattr("random.uniform", lambda low, high: high - low)
    pauses: list[float] = []
    retry = ConflictRetry(clock, pauses.append)
    with retry.timed():
        clock.advance(0.1)
    paused = []
    for _ in range(20):
        assert retry.again()
        paused.append(retry.paused)
    assert ([False] * 3 + [True]) * 5 == paused
    assert pytest.approx([0.2, 0.4, 0.8, 0.8, 0.8]) == pauses

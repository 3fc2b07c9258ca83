"""The limit of capacity units per second."""

from __future__ import annotations

import threading

import pytest

from beaker_dynamodb.dynamodb.rate_limiter import RateLimiter
from tests.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock(0.0)


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def limiter(clock: Clock, waits: list[float]) -> RateLimiter:
    return RateLimiter(10.0, clock=clock, wait=lambda stopped, seconds: waits.append(seconds))


def test_callers_wait_one_after_the_other(
    limiter: RateLimiter, clock: Clock, waits: list[float]
) -> None:
    for units in (10.0, 10.0, 5.0):
        limiter.spend(units, threading.Event())
    clock.advance(2.0)
    limiter.spend(10.0, threading.Event())
    assert [1.0, 2.0, 2.5, 1.5] == waits


def test_unused_time_is_not_saved_up(
    limiter: RateLimiter, clock: Clock, waits: list[float]
) -> None:
    limiter.spend(10.0, threading.Event())
    clock.advance(3600.0)
    limiter.spend(10.0, threading.Event())
    limiter.spend(0.0, threading.Event())
    assert [1.0, 1.0, 1.0] == waits


def test_no_wait_without_a_rate_or_units(limiter: RateLimiter, waits: list[float]) -> None:
    limiter.spend(0.0, threading.Event())
    RateLimiter(None, wait=lambda stopped, seconds: waits.append(seconds)).spend(
        1e9, threading.Event()
    )
    assert [] == waits


def test_a_set_event_ends_the_wait() -> None:
    stopped = threading.Event()
    stopped.set()
    RateLimiter(1e-9).spend(1.0, stopped)

"""When a session expires by its data, as a table."""

from __future__ import annotations

import math
from typing import Any

import pytest

from beaker_dynamodb.config.converters import MAX_NUMBER
from beaker_dynamodb.sessions.lifetime import (
    LATEST,
    TIMEOUT,
    expiry,
    number_in,
    own_timeout,
    started,
)
from beaker_dynamodb.sessions.merge import ACCESSED, CREATED, LOGGED_IN

A, C, L, T = ACCESSED, CREATED, LOGGED_IN, TIMEOUT


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (0, 0),
        (0.5, 0.5),
        (1, 1),
        (LATEST, LATEST),
        (LATEST + 1, None),
        (-0.5, None),
        (math.nan, None),
        (math.inf, None),
        (True, None),
        ("1", None),
        (None, None),
    ],
)
def test_a_time_in_the_data_is_a_possible_number_or_missing(
    value: object, number: float | None
) -> None:
    found = number_in({"key": value, "other": 7}, "key")
    assert number == found
    assert type(found) in (float, type(None))
    assert number_in({"other": value}, "key") is None


@pytest.mark.parametrize(
    ("seconds", "timeout"),
    [(0, None), (0.5, 0.5), (1, 1), (MAX_NUMBER, MAX_NUMBER), (MAX_NUMBER + 1, None), ("1", None)],
)
def test_a_timeout_of_zero_or_of_an_absurd_length_is_none(
    seconds: object, timeout: float | None
) -> None:
    assert timeout == own_timeout({T: seconds})


@pytest.mark.parametrize(
    ("data", "start"),
    [({}, None), ({C: 5}, 5), ({L: 0, C: 5}, 0), ({L: 9, C: 5}, 9), ({L: "9", C: 5}, 5)],
)
def test_the_absolute_timeout_starts_at_the_log_in_or_else_at_the_creation(
    data: dict[str, Any], start: float | None
) -> None:
    assert start == started(data)


@pytest.mark.parametrize(
    ("data", "idle", "absolute", "why"),
    [
        ({}, 10, 10, None),
        # The idle timeout is over after it, the absolute one at it.
        ({A: 90}, 10, None, None),
        ({A: 89}, 10, None, "idle"),
        ({A: 89}, None, None, None),
        ({C: 91}, None, 10, None),
        ({C: 90}, None, 10, "absolute"),
        ({C: 90}, 10, None, None),
        ({C: 0, L: 95}, None, 10, None),
        # The session's own timeout replaces the configured one.
        ({A: 89, T: 20}, 10, None, None),
        ({A: 89, T: 5}, 20, None, "idle"),
        ({A: 89, T: 5}, None, None, "idle"),
        # The one that ended first is the reason.
        ({A: 50, C: 0}, 10, 80, "idle"),
        ({A: 50, C: 0}, 40, 80, "absolute"),
        ({A: "50", C: 0}, 40, 80, "absolute"),
    ],
)
def test_a_session_expires_at_the_timeout_that_ends_first(
    data: dict[str, Any], idle: float | None, absolute: float | None, why: str | None
) -> None:
    assert why == expiry(data, 100, idle, absolute)

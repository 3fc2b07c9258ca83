"""Whatever a visitor does, the session lives exactly as long as its timeouts say."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beaker_dynamodb import DynamoDBSession
from beaker_dynamodb.config.beaker_settings import BEAKER_SLACK_SECONDS
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
from tests.clock import Clock
from tests.format.tables import beaker_at
from tests.servers.endpoint import DynamoDBClient
from tests.sessions.driven import Visitor, save

#: Idle and absolute timeout in seconds.
LIFE, ABSOLUTE = 1800, 10_000
ACTS = ["touch", "change", "log in", "another id", "clear", 60.0, 2.0 * LIFE, 2.0 * ABSOLUTE, None]
WAITS = [0, 1, 6, 90, 600, LIFE, LIFE + 1, ABSOLUTE // 2, ABSOLUTE]


@dataclass
class Model:
    """The times of one session, in epoch seconds.

    :param accessed: last access, as far as it was written.
    :param start: when the absolute timeout started.
    """

    accessed: float
    start: float
    timeout: float = LIFE

    def alive(self, now: float) -> bool:
        return now - self.accessed <= self.timeout and now - self.start < ABSOLUTE

    @property
    def deadline(self) -> float:
        return min(self.accessed + self.timeout, self.start + ABSOLUTE) + BEAKER_SLACK_SECONDS

    def act(self, act: Any, now: float) -> None:
        interval = min(LIFE * 0.05, self.timeout * 0.1)
        if act == "touch" and now - self.accessed < interval:
            return
        self.accessed = now
        if act == "log in":
            self.start = now
        elif act == "clear":
            self.timeout = LIFE
        elif act is None or isinstance(act, float):
            self.timeout = act or LIFE


def do(session: Any, act: Any, number: int) -> None:
    if act == "touch":
        session.save(accessed_only=True)
        return
    if act == "log in":
        session.logged_in()
    elif act == "another id":
        session.regenerate_id()
    elif act == "clear":
        session.clear()
    elif act != "change":
        session.set_timeout(act)
    save(session, n=number)


def follow(here: DynamoDBClient, clock: Clock, steps: list[tuple[float, Any]]) -> None:
    """Compare a session with the model until it ends.

    :param steps: seconds to wait, and what the visitor does then.
    """
    options = {
        "client": here,
        "table_name": "lifetimes",
        "timeout": LIFE,
        "absolute_timeout": ABSOLUTE,
        "clock": clock,
    }
    visitor = Visitor(options, DynamoDBSession)
    visitor.starts(n=-1)
    model = Model(clock.now, clock.now)
    for number, (wait, act) in enumerate(steps):
        clock.advance(wait)
        session = visitor.request()
        assert model.alive(clock.now) is not session.is_new
        if session.is_new:
            return
        do(session, act, number)
        visitor.id = session.id
        model.act(act, clock.now)
        key = {"id": {"S": f"sess:{session.id}"}}
        item = here.get_item(TableName="lifetimes", Key=key)["Item"]
        assert model.deadline == float(item["deadline"]["N"])


USED = [(1500, "touch")] * 6


SEQUENCES: dict[str, list[tuple[float, Any]]] = {
    "two log-ins and a new id": [
        *[*USED, (500, "log in")] * 2,
        *[(500, "another id"), *USED, (499, "touch"), (1, "touch")],
    ],
    "cleared": [(1000, "log in"), (1000, "clear"), *USED[1:], (1499, "touch"), (1, "touch")],
    "own timeout removed": [(0, 5000.0), (0, None), (0, None), (LIFE, "change"), (LIFE + 1, None)],
    "refreshed after 10 % of its own timeout": [
        *[(0, 60.0), (5, "touch"), (1, "touch"), (60, "touch"), (61, "touch")]
    ],
    "refreshed after 5 % of the configured timeout": [
        *[(0, 100_000.0), (89, "touch"), (1, "touch")]
    ],
}


@pytest.mark.owasp("7.3.2")
@pytest.mark.parametrize("steps", SEQUENCES.values(), ids=SEQUENCES)
def test_a_session_lives_as_long_as_its_timeouts_say(
    here: DynamoDBClient, clock: Clock, steps: list[tuple[float, Any]]
) -> None:
    follow(here, clock, steps)


@pytest.mark.full
@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from(WAITS), st.sampled_from(ACTS)), max_size=12))
def test_any_session_lives_as_long_as_its_timeouts_say(
    here: DynamoDBClient, steps: list[tuple[float, Any]]
) -> None:
    clock = Clock()
    with beaker_at(clock):
        follow(here, clock, steps)


A, C, L, T = ACCESSED, CREATED, LOGGED_IN, TIMEOUT


@pytest.mark.parametrize("value", [0, 0.5, 1, LATEST])
def test_a_time_in_the_data_is_a_float(value: float) -> None:
    found = number_in({"key": value, "other": 7}, "key")
    assert (value, float) == (found, type(found))


@pytest.mark.parametrize("value", [LATEST + 1, -0.5, math.nan, math.inf, True, "1", None])
def test_an_impossible_time_in_the_data_is_missing(value: object) -> None:
    assert number_in({"key": value, "other": 7}, "key") is None
    assert number_in({"other": 7}, "key") is None


@pytest.mark.parametrize(
    ("seconds", "timeout"),
    [(0, None), (0.5, 0.5), (1, 1), (MAX_NUMBER, MAX_NUMBER), (MAX_NUMBER + 1, None), ("1", None)],
)
def test_a_timeout_of_zero_or_of_an_absurd_length_is_ignored(
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
        # A session may reach its idle timeout, but not its absolute timeout.
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

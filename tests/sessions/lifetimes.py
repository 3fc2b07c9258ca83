"""What the tests of lifetimes share: a session in use, and when the table ends it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from beaker_dynamodb import DynamoDBSession
from tests.sessions.driven import Visitor, save, stored_sessions

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from tests.clock import Clock

#: Idle and absolute timeout in seconds.
LIFE, ABSOLUTE = 1800, 10_000
MONTH = 30 * 86_400


@pytest.fixture
def options(options: dict[str, Any], shape: str) -> dict[str, Any]:
    sort_key = {"sort_key": "range"} if shape == "sorted" else {}
    return {**options, **sort_key, "hash_ids": True}


@pytest.fixture
def visitor(moved: dict[str, Any]) -> Visitor:
    return Visitor({**moved, "timeout": LIFE, "absolute_timeout": ABSOLUTE}, DynamoDBSession)


def deadline(client: DynamoDBClient, options: dict[str, Any]) -> float:
    """Return when the table ends the one session, in epoch seconds."""
    (item,) = stored_sessions(client, options["table_name"])
    assert math.ceil(float(item["deadline"]["N"])) == int(item["expires"]["N"])
    return float(item["deadline"]["N"])


def use_until(visitor: Visitor, clock: Clock, moment: float, act: Callable[[Any], Any]) -> None:
    """Use the session every 1,000 seconds, the last time one second before a moment."""
    while clock.now < moment - 1:
        clock.advance(min(1000.0, moment - 1 - clock.now))
        session = visitor.request()
        assert not session.is_new
        act(session)


def touch(session: Any) -> None:
    session.save(accessed_only=True)


def change(session: Any) -> None:
    save(session, n=session.get("n", 0) + 1)


def never_time_out(session: Any) -> None:
    session.set_timeout(MONTH)
    session.save()


def log_in(visitor: Visitor) -> Any:
    session = visitor.request()
    session.logged_in()
    save(session, user=42)
    return session

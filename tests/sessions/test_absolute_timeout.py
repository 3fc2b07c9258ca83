"""`absolute_timeout`: sessions end that long after the last log-in or creation, even in use."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from beaker_dynamodb import DynamoDBSession, SessionEvent
from beaker_dynamodb.config.beaker_settings import BEAKER_SLACK_SECONDS
from tests.sessions.driven import Visitor, save
from tests.sessions.lifetimes import (
    ABSOLUTE,
    LIFE,
    change,
    deadline,
    log_in,
    never_time_out,
    touch,
    use_until,
)
from tests.sessions.lifetimes import options as options
from tests.sessions.lifetimes import visitor as visitor
from tests.sessions.site import ENCRYPTED

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from tests.clock import Clock


@pytest.mark.owasp("7.3.2")
@pytest.mark.parametrize("act", [touch, change, never_time_out])
@pytest.mark.both_servers
@pytest.mark.both_shapes
def test_nothing_extends_the_absolute_timeout(
    visitor: Visitor,
    clock: Clock,
    client: DynamoDBClient,
    moved: dict[str, Any],
    act: Callable[[Any], Any],
) -> None:
    end = clock.now + ABSOLUTE
    visitor.starts(a=1)
    use_until(visitor, clock, end, act)
    assert end + BEAKER_SLACK_SECONDS == deadline(client, moved)
    clock.now = end
    session = visitor.request()
    assert session.was_invalidated
    assert session.is_new


def test_a_session_that_was_cleared_during_another_save_keeps_its_end(
    visitor: Visitor, clock: Clock
) -> None:
    visitor.starts(a=1)
    use_until(visitor, clock, clock.now + ABSOLUTE - 500, touch)
    log_in(visitor)
    end = clock.now + ABSOLUTE
    session = visitor.request()
    save(visitor.request(), b=1)
    session.clear()
    save(session, c=1)
    assert {"b": 1, "c": 1} == visitor.finds()
    use_until(visitor, clock, end, touch)
    clock.now = end
    assert {} == visitor.finds()


def test_beaker_s_own_session_ends_by_the_table(
    visitor: Visitor, clock: Clock, client: DynamoDBClient, moved: dict[str, Any]
) -> None:
    beaker = Visitor(visitor.options)
    end = clock.now + ABSOLUTE + BEAKER_SLACK_SECONDS
    beaker.starts(a=1)
    use_until(beaker, clock, end, change)
    session = beaker.request()
    session.clear()  # removes Beaker's times
    save(session, b=1)
    assert end == deadline(client, moved)
    clock.now = end
    assert {} == beaker.finds()


def test_an_opaque_session_of_beaker_s_has_the_configured_lifetime(
    visitor: Visitor, clock: Clock, client: DynamoDBClient, moved: dict[str, Any]
) -> None:
    opaque = Visitor({**visitor.options, **ENCRYPTED})
    opaque.starts(a=1)
    use_until(opaque, clock, clock.now + 2 * ABSOLUTE, change)
    assert clock.now + LIFE + BEAKER_SLACK_SECONDS == deadline(client, moved)
    encrypted = Visitor({**visitor.options, **ENCRYPTED}, DynamoDBSession)
    encrypted.id = opaque.id
    assert {} == encrypted.finds()  # decrypts it


def test_a_lower_absolute_timeout_applies_to_stored_sessions(
    visitor: Visitor, clock: Clock
) -> None:
    visitor.starts(a=1)
    clock.advance(1000)
    lower = Visitor({**visitor.options, "absolute_timeout": 1000}, DynamoDBSession)
    lower.id = visitor.id
    assert {} == lower.finds()
    assert {"a": 1} == visitor.finds()


def test_the_event_of_the_end_tells_which_timeout_came_first(
    visitor: Visitor, clock: Clock
) -> None:
    """An idle session's end is in test_event_reasons.py."""
    reported: list[SessionEvent] = []
    visitor.options["on_event"] = reported.append
    end = clock.now + ABSOLUTE
    visitor.starts(a=1)
    use_until(visitor, clock, end, touch)
    for late in (0, BEAKER_SLACK_SECONDS, 2 * ABSOLUTE):
        clock.now = end + late
        assert {} == visitor.finds()
        assert ("ended", "absolute") == (reported[-1].kind, reported[-1].reason)

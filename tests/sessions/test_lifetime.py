"""When a session ends: its own timeout, `absolute_timeout`, and the rules as a table."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from beaker.session import Session

from beaker_dynamodb import DynamoDBSession, SessionEvent, SessionStore
from beaker_dynamodb.config.beaker_settings import BEAKER_SLACK_SECONDS
from tests.clock import Clock
from tests.servers.endpoint import DynamoDBClient
from tests.sessions.driven import Visitor, save, stored_sessions
from tests.sessions.site import ENCRYPTED, PLANTED

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


# -- the timeout of a session, `set_timeout` ---------------------------------------------------


@pytest.mark.owasp("7.3.1")
@pytest.mark.parametrize("seconds", [60, MONTH])
@pytest.mark.both_servers
@pytest.mark.both_shapes
def test_a_sessions_own_timeout_replaces_the_configured_one(
    moved: dict[str, Any], clock: Clock, client: DynamoDBClient, seconds: int
) -> None:
    visitor = Visitor({**moved, "timeout": LIFE}, DynamoDBSession)
    session = visitor.starts(a=1)
    session.set_timeout(seconds)
    session.save()
    for _ in range(3):
        end = clock.now + seconds
        assert end + BEAKER_SLACK_SECONDS == deadline(client, moved)
        clock.now = end
        session = visitor.request()
        assert 1 == session["a"]
        touch(session)
    clock.advance(seconds + 1)
    session = visitor.request()
    assert session.was_invalidated
    assert session.is_new


@pytest.mark.parametrize("seconds", [0, "soon"])
def test_an_impossible_timeout_is_refused(visitor: Visitor, seconds: Any) -> None:
    session = visitor.request()
    with pytest.raises(ValueError, match="must be"):
        session.set_timeout(seconds)
    assert "_timeout" not in session


def test_a_stored_timeout_or_time_that_is_impossible_is_ignored(
    visitor: Visitor, clock: Clock, client: DynamoDBClient, moved: dict[str, Any]
) -> None:
    """See test_expiry.py for other values."""
    visitor.starts(a=1)
    end = clock.now + ABSOLUTE
    save(visitor.request(), _timeout="soon", _login_time="soon")
    assert clock.now + LIFE + BEAKER_SLACK_SECONDS == deadline(client, moved)
    assert not visitor.request().fresh_within(LIFE)
    use_until(visitor, clock, end, touch)
    clock.now = end
    assert {} == visitor.finds()


def test_the_stored_data_has_two_keys_besides_beakers(
    visitor: Visitor, clock: Clock, moved: dict[str, Any]
) -> None:
    """They are part of the stored format, so later versions must read them."""
    visitor.starts()
    session = visitor.request()
    clock.advance(10)
    session.logged_in()
    session.set_timeout(60)
    session.save()
    found = SessionStore(**moved).get(visitor.id)
    assert found is not None
    assert {
        "_creation_time": clock.now - 10,
        "_accessed_time": clock.now,
        "_login_time": clock.now,
        "_timeout": 60.0,
        "_domain": None,
        "_path": "/",
        "_planted": PLANTED,
    } == found.payload()


def test_beakers_session_reads_one_with_its_own_timeout(
    visitor: Visitor, clock: Clock, client: DynamoDBClient, moved: dict[str, Any]
) -> None:
    visitor.starts(a=1)
    session = log_in(visitor)
    session.set_timeout(5000)
    session.save()
    beaker = Visitor(visitor.options, Session)
    beaker.id = visitor.id
    clock.advance(LIFE)
    session = beaker.request()
    assert 1 == session["a"]
    save(session, a=2)
    assert clock.now + 5000 + BEAKER_SLACK_SECONDS == deadline(client, moved)
    assert 2 == visitor.finds()["a"]


# -- absolute_timeout --------------------------------------------------------------------------


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


def test_beakers_own_session_ends_by_the_table(
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


def test_an_opaque_beaker_session_has_the_configured_lifetime(
    visitor: Visitor, clock: Clock, client: DynamoDBClient, moved: dict[str, Any]
) -> None:
    opaque = Visitor({**visitor.options, **ENCRYPTED})
    opaque.starts(a=1)
    use_until(opaque, clock, clock.now + 2 * ABSOLUTE, change)
    assert clock.now + LIFE + BEAKER_SLACK_SECONDS == deadline(client, moved)
    encrypted = Visitor({**visitor.options, **ENCRYPTED}, DynamoDBSession)
    encrypted.id = opaque.id
    assert {} == encrypted.finds()  # decrypts it


def test_the_event_says_which_timeout_came_first(visitor: Visitor, clock: Clock) -> None:
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


def test_a_log_in_does_not_move_the_creation_time(options: dict[str, Any], clock: Clock) -> None:
    visitor = Visitor({**options, "clock": clock, "absolute_timeout": ABSOLUTE}, DynamoDBSession)
    visitor.starts(a=1)
    created = clock.now
    for number in range(2):
        clock.advance(60)
        session = visitor.request()
        if number == 0:
            session.logged_in()
        save(session, number=number)
    assert created == visitor.request()["_creation_time"]

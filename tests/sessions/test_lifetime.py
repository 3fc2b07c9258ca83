"""How long a session lives: `absolute_timeout`, and a timeout of its own."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from beaker.session import Session

from beaker_dynamodb import DynamoDBSession, SessionStore
from beaker_dynamodb.config.beaker_settings import BEAKER_SLACK_SECONDS
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import Visitor, save, stored_sessions
from tests.sessions.site import ENCRYPTED

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


# -- absolute_timeout -------------------------------------------------------------------------


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
    assert "absolute" == session._expiry


@pytest.mark.owasp("7.3.2")
def test_it_starts_anew_with_each_log_in_and_a_new_id_keeps_it(
    visitor: Visitor, clock: Clock
) -> None:
    visitor.starts(a=1)
    for _ in range(2):
        use_until(visitor, clock, clock.now + ABSOLUTE - 500, touch)
        log_in(visitor)
        end = clock.now + ABSOLUTE
    use_until(visitor, clock, end - 2000, touch)
    session = visitor.request()
    session.regenerate_id()
    save(session)
    visitor.id = session.id
    use_until(visitor, clock, end, touch)
    clock.now = end
    assert {} == visitor.finds()


def test_a_session_that_was_cleared_keeps_its_end(visitor: Visitor, clock: Clock) -> None:
    visitor.starts(a=1)
    clock.advance(1000)
    log_in(visitor)
    end = clock.now + ABSOLUTE
    clock.advance(1000)
    session = visitor.request()
    session.clear()
    save(session, b=1)
    assert not session.fresh_within(ABSOLUTE)
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


def test_a_request_that_outlasts_the_session_saves_nothing(visitor: Visitor, clock: Clock) -> None:
    visitor.starts(a=1)
    session = visitor.request()
    clock.advance(ABSOLUTE + BEAKER_SLACK_SECONDS)
    never_time_out(session)
    assert {} == visitor.finds()


# -- a timeout of its own ---------------------------------------------------------------------


@pytest.mark.owasp("7.3.1")
@pytest.mark.parametrize("seconds", [60, MONTH])
@pytest.mark.both_servers
@pytest.mark.both_shapes
def test_a_session_s_own_timeout_replaces_the_configured_one(
    moved: dict[str, Any], clock: Clock, client: DynamoDBClient, seconds: int
) -> None:
    visitor = Visitor({**moved, "timeout": LIFE}, DynamoDBSession)
    visitor.starts(a=1)
    session = visitor.request()
    session.set_timeout(seconds)
    session.save()
    for _ in range(3):
        end = clock.now + seconds
        assert end + BEAKER_SLACK_SECONDS == deadline(client, moved)
        stored = SessionStore(**moved).get(visitor.id)
        assert stored is not None
        assert stored.expires is not None
        assert end + BEAKER_SLACK_SECONDS == stored.expires.timestamp()
        clock.now = end
        session = visitor.request()
        assert 1 == session["a"]
        touch(session)
    clock.advance(seconds + 1)
    session = visitor.request()
    assert session.was_invalidated
    assert session.is_new
    assert "idle" == session._expiry


def test_without_its_own_timeout_the_configured_one_applies_again(
    visitor: Visitor, clock: Clock, client: DynamoDBClient, moved: dict[str, Any]
) -> None:
    visitor.starts(a=1)
    for seconds in (5000, None, None):
        session = visitor.request()
        session.set_timeout(seconds)
        session.save()
    assert clock.now + LIFE + BEAKER_SLACK_SECONDS == deadline(client, moved)
    clock.advance(LIFE + 1)
    assert {} == visitor.finds()


@pytest.mark.parametrize(
    ("seconds", "interval"),
    [
        pytest.param(60, 6, id="10 % of its own"),
        pytest.param(100_000, 90, id="5 % of the configured one"),
    ],
)
def test_its_access_time_is_refreshed_often_enough_and_not_more_often(
    moved: dict[str, Any], clock: Clock, seconds: int, interval: int
) -> None:
    visitor = Visitor({**moved, "timeout": LIFE}, DynamoDBSession)
    visitor.starts(a=1)
    session = visitor.request()
    session.set_timeout(seconds)
    session.save()
    with CallRecorder(visitor.client) as sent:
        for pause in (interval - 0.001, 0.001, 0):
            clock.advance(pause)
            touch(visitor.request())
    assert ["GetItem", "GetItem", "PutItem", "GetItem"] == sent.operations


@pytest.mark.parametrize("seconds", [0, -1, math.nan, math.inf, 1e11, "soon", True])
def test_an_impossible_timeout_is_refused(visitor: Visitor, seconds: Any) -> None:
    session = visitor.request()
    with pytest.raises(ValueError, match="must be"):
        session.set_timeout(seconds)
    assert "_timeout" not in session


@pytest.mark.parametrize("value", ["soon", None, -1, 0, True, math.nan, math.inf, 1e11, [60]])
def test_a_stored_timeout_or_time_that_is_impossible_is_ignored(
    visitor: Visitor, clock: Clock, client: DynamoDBClient, moved: dict[str, Any], value: Any
) -> None:
    visitor.starts(a=1)
    end = clock.now + ABSOLUTE
    session = visitor.request()
    session.update(_timeout=value, _login_time=value if value != 1e11 else 1e12, a=2)
    if value == 0:
        del session["_login_time"]  # the epoch is possible
    session.save()
    assert clock.now + LIFE + BEAKER_SLACK_SECONDS == deadline(client, moved)
    assert not visitor.request().fresh_within(LIFE)
    use_until(visitor, clock, end, touch)
    clock.now = end
    assert {} == visitor.finds()


def test_beaker_s_own_session_reads_one_with_a_timeout_of_its_own(
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

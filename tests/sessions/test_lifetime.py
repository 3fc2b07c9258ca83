"""A session's own timeout: `set_timeout`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from beaker.session import Session

from beaker_dynamodb import DynamoDBSession, SessionStore
from beaker_dynamodb.config.beaker_settings import BEAKER_SLACK_SECONDS
from tests.sessions.driven import Visitor, save
from tests.sessions.lifetimes import ABSOLUTE, LIFE, MONTH, deadline, log_in, touch, use_until
from tests.sessions.lifetimes import options as options
from tests.sessions.lifetimes import visitor as visitor
from tests.sessions.site import PLANTED

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from tests.clock import Clock


@pytest.mark.owasp("7.3.1")
@pytest.mark.parametrize("seconds", [60, MONTH])
@pytest.mark.both_servers
@pytest.mark.both_shapes
def test_a_session_s_own_timeout_replaces_the_configured_one(
    moved: dict[str, Any], clock: Clock, client: DynamoDBClient, seconds: int
) -> None:
    visitor = Visitor({**moved, "timeout": LIFE}, DynamoDBSession)
    session = visitor.starts(a=1)
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


def test_the_stored_data_has_two_keys_besides_beaker_s(
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

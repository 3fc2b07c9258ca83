"""A session that was deleted, or has expired, is never brought back by a request in flight."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from beaker.session import Session

from beaker_dynamodb.session import DynamoDBSession
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import Visitor, save, stored_sessions
from tests.sessions.site import ENCRYPTED

if TYPE_CHECKING:
    from tests.clock import Clock
    from tests.servers.endpoint import Endpoint

LIFE = 1800

MODES = ["merge", "reject", "overwrite"]
PAYLOADS: dict[str, dict[str, object]] = {
    "pickle": {},
    "json": {"data_serializer": "json"},
    "encrypted": ENCRYPTED,
}


@pytest.fixture(params=[Session, DynamoDBSession], ids=["beaker", "ours"])
def session_class(request: pytest.FixtureRequest) -> type[Any]:
    """Beaker's Session, and ours."""
    session_class: type[Any] = request.param
    return session_class


@pytest.fixture(params=MODES)
def visitor(
    request: pytest.FixtureRequest, moved: dict[str, object], session_class: type[Any]
) -> Visitor:
    """A visitor under each mode of concurrency."""
    return Visitor({**moved, "timeout": LIFE, "concurrency": request.param}, session_class)


def log_out(visitor: Visitor) -> None:
    """Make a request that deletes the session, as Beaker's middleware does it."""
    session = visitor.request()
    session.delete()
    session.save()


def change(session: Any) -> None:
    """Save something new."""
    save(session, b=1)


def touch(session: Any) -> None:
    """End a request that only read, so late that it is time for a touch."""
    session.save(accessed_only=True)


def count(endpoint: Endpoint, visitor: Visitor) -> int:
    return len(stored_sessions(endpoint.client, visitor.options["table_name"]))


@pytest.mark.parametrize("late", [change, touch])
def test_deleted(
    visitor: Visitor, endpoint: Endpoint, clock: Clock, late: Callable[[Any], None]
) -> None:
    """A log-out leaves no item, and no request that ends after it brings the session back."""
    visitor.starts(a=1)
    clock.advance(LIFE // 2)
    session = visitor.request()
    log_out(visitor)
    late(session)
    late(session)
    assert 0 == count(endpoint, visitor)


@pytest.mark.parametrize(
    ("session_class", "payload"),
    [(Session, "json"), (DynamoDBSession, "json"), (DynamoDBSession, "encrypted")],
)
def test_deleted_whatever_the_payload(
    moved: dict[str, object], session_class: type[Any], payload: str
) -> None:
    """A log-out wins too where the payload is JSON, or encrypted and the session is ours."""
    visitor = Visitor({**moved, **PAYLOADS[payload]}, session_class)
    visitor.starts(a=1)
    session = visitor.request()
    log_out(visitor)
    change(session)
    assert {} == visitor.finds()


def test_only_ours_deletes_what_is_encrypted(moved: dict[str, object], endpoint: Endpoint) -> None:
    """To the store, a log-out of Beaker's own encrypted session is one more write (README)."""
    visitor = Visitor({**moved, **ENCRYPTED}, Session)
    visitor.starts(a=1)
    session = visitor.request()
    log_out(visitor)
    assert 1 == count(endpoint, visitor)
    change(session)
    assert {"a": 1, "b": 1} == visitor.finds()


@pytest.mark.parametrize("payload", PAYLOADS)
def test_item_gone_whatever_the_payload(
    moved: dict[str, object], session_class: type[Any], endpoint: Endpoint, payload: str
) -> None:
    """Whoever deletes the item, and however it is encoded: it stays gone."""
    visitor = Visitor({**moved, **PAYLOADS[payload]}, session_class)
    session = visitor.starts(a=1)
    late = visitor.request()
    del session.namespace["session"]
    change(late)
    assert 0 == count(endpoint, visitor)


def test_deleted_between_two_saves(visitor: Visitor, endpoint: Endpoint) -> None:
    """A request that has saved once does not bring the session back with its second save."""
    visitor.starts(a=1)
    session = visitor.request()
    change(session)
    log_out(visitor)
    save(session, c=1)
    assert 0 == count(endpoint, visitor)


def test_the_first_request_too(visitor: Visitor, endpoint: Endpoint) -> None:
    """The request that made the session does not bring it back either."""
    session = visitor.starts(a=1)
    log_out(visitor)
    change(session)
    assert 0 == count(endpoint, visitor)


@pytest.mark.parametrize("late", [change, touch])
def test_expired(visitor: Visitor, clock: Clock, late: Callable[[Any], None]) -> None:
    """A request that ends after the session's expiry does not prolong it."""
    visitor.starts(a=1)
    clock.advance(LIFE // 2)
    session = visitor.request()
    clock.advance(LIFE // 2 + 120)  # what Beaker adds for the store
    late(session)
    assert {} == visitor.finds()


@pytest.mark.parametrize("late", [change, touch])
def test_another_incarnation(
    moved: dict[str, object], clock: Clock, late: Callable[[Any], None]
) -> None:
    """A late save does not reach a session that was made anew under the same id."""
    visitor = Visitor({**moved, "touch_interval": 0})
    visitor.id = "0123456789abcdef"
    visitor.starts(a=1)
    session = visitor.request()
    log_out(visitor)
    clock.advance(1)
    save(visitor.request(), name="Grace")
    late(session)
    assert {"name": "Grace"} == visitor.finds()


@pytest.mark.parametrize("payload", PAYLOADS)
def test_another_incarnation_whatever_the_payload(
    moved: dict[str, object], clock: Clock, payload: str
) -> None:
    """The same where plain Beaker writes the payload whole, or `overwrite` does."""
    visitor = Visitor({**moved, "concurrency": "overwrite", **PAYLOADS[payload]})
    visitor.id = "0123456789abcdef"
    session = visitor.starts(a=1)
    late = visitor.request()
    del session.namespace["session"]
    clock.advance(1)
    save(visitor.request(), name="Grace")
    change(late)
    assert {"name": "Grace"} == visitor.finds()


def test_the_log_tells(visitor: Visitor, caplog: pytest.LogCaptureFixture) -> None:
    """A dropped save is told at INFO, without the id that would open the session."""
    visitor.starts(a=1)
    session = visitor.request()
    log_out(visitor)
    with caplog.at_level(logging.INFO, "beaker_dynamodb"):
        change(session)
    (told,) = [entry for entry in caplog.records if entry.name == "beaker_dynamodb"]
    assert visitor.id is not None
    hashed_id = hashlib.sha256(visitor.id.encode()).hexdigest()[:16]
    assert "INFO" == told.levelname
    assert f"session {hashed_id} is gone; a save of it was dropped" == told.getMessage()
    assert visitor.id not in caplog.text


def test_after_a_dropped_save_the_next_one_asks_nothing(visitor: Visitor) -> None:
    visitor.starts(a=1)
    session = visitor.request()
    log_out(visitor)
    with CallRecorder(visitor.client) as sent:
        change(session)
        save(session, c=1)
    assert ["PutItem"] == sent.operations

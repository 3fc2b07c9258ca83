"""A request in flight never restores a session that was deleted or has expired."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from beaker.session import Session

from beaker_dynamodb import DynamoDBSession
from tests.clock import Clock
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import Visitor, save
from tests.sessions.site import ENCRYPTED

LIFE = 1800


@pytest.fixture(params=[(Session, "merge"), (DynamoDBSession, "reject"), (Session, "overwrite")])
def visitor(request: pytest.FixtureRequest, moved: dict[str, object]) -> Visitor:
    session_class, mode = request.param
    return Visitor({**moved, "timeout": LIFE, "concurrency": mode}, session_class)


def log_out(visitor: Visitor) -> None:
    session = visitor.request()
    session.delete()
    session.save()


def change(session: Any) -> None:
    save(session, b=1)


def touch(session: Any) -> None:
    session.save(accessed_only=True)


@pytest.mark.owasp("7.4.1")
@pytest.mark.both_servers
@pytest.mark.parametrize("late", [change, touch])
def test_a_late_request_does_not_restore_a_deleted_session(
    visitor: Visitor, clock: Clock, late: Callable[[Any], None]
) -> None:
    session = visitor.starts(a=1)
    clock.advance(LIFE // 2)
    requests = [session, visitor.request(), visitor.request()]
    change(requests[2])
    log_out(visitor)
    for request in requests:
        late(request)
        late(request)
    assert [] == visitor.stored()


@pytest.mark.owasp("7.4.1", "7.3.1")
@pytest.mark.both_servers
@pytest.mark.parametrize("late", [change, touch])
def test_a_late_request_does_not_restore_an_expired_session(
    visitor: Visitor, clock: Clock, late: Callable[[Any], None]
) -> None:
    visitor.starts(a=1)
    clock.advance(LIFE // 2)
    session = visitor.request()
    clock.advance(LIFE // 2 + 120)  # Beaker adds 120 s for the store
    late(session)
    assert {} == visitor.finds()


@pytest.mark.parametrize(
    ("session_class", "extra"),
    [(Session, {"data_serializer": "json"}), (Session, ENCRYPTED), (DynamoDBSession, ENCRYPTED)],
    ids=["json", "encrypted", "ours, encrypted"],
)
def test_a_deleted_item_stays_deleted_whatever_its_payload(
    moved: dict[str, object], session_class: type[Any], extra: dict[str, object]
) -> None:
    visitor = Visitor({**moved, **extra}, session_class)
    session = visitor.starts(a=1)
    late = visitor.request()
    del session.namespace["session"]
    change(late)
    assert [] == visitor.stored()


@pytest.mark.parametrize(
    ("extra", "late"),
    [({}, change), ({"touch_interval": 0}, touch), ({"concurrency": "overwrite"}, change)],
    ids=["save", "touch", "overwrite"],
)
def test_a_late_request_does_not_change_a_new_session_with_the_same_id(
    plain: Visitor, clock: Clock, extra: dict[str, object], late: Callable[[Any], None]
) -> None:
    visitor = plain
    visitor.options |= extra
    visitor.id = "0123456789abcdef"
    session = visitor.starts(a=1)
    request = visitor.request()
    del session.namespace["session"]
    clock.advance(1)
    save(visitor.request(), name="Grace")
    late(request)
    assert {"name": "Grace"} == visitor.finds()


def test_the_save_after_a_dropped_one_makes_no_call(visitor: Visitor) -> None:
    visitor.starts(a=1)
    session = visitor.request()
    log_out(visitor)
    with CallRecorder(visitor.client) as sent:
        change(session)
        save(session, c=1)
    assert ["PutItem"] == sent.operations

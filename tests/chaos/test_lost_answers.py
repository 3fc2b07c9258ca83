"""A write has arrived, and its answer is lost: what the same request does next finds it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from beaker_dynamodb import DynamoDBSession, StoreUnavailable
from tests.chaos.scripted import ARRIVED, LOST, Script, scripted_calls
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import Visitor, save, stored_sessions

if TYPE_CHECKING:
    from tests.servers.endpoint import Endpoint


@pytest.fixture
def script() -> Iterator[Script]:
    """What happens to calls."""
    with scripted_calls() as script:
        yield script


@pytest.fixture
def visitor(options: dict[str, Any]) -> Visitor:
    """A visitor with a session."""
    visitor = Visitor(options, DynamoDBSession)
    visitor.starts(a=1)
    return visitor


def moved_unheard(visitor: Visitor, script: Script) -> Any:
    """Give a request whose `regenerate_id()` was saved without its knowing."""
    session = visitor.request()
    session.regenerate_id()
    script.begin([ARRIVED])
    with pytest.raises(StoreUnavailable):
        session.save()
    return session


def count(endpoint: Endpoint, visitor: Visitor) -> int:
    """Return the number of sessions in the table."""
    return len(stored_sessions(endpoint.client, visitor.options["table_name"]))


def test_a_move_is_tried_again(visitor: Visitor, script: Script) -> None:
    """What is saved then is there under the new id."""
    session = moved_unheard(visitor, script)
    save(session, b=2)
    visitor.id = session.id
    assert {"a": 1, "b": 2} == visitor.finds()


def test_a_move_that_is_tried_again_reads_consistently(
    options: dict[str, Any], script: Script
) -> None:
    """An eventually consistent read could miss the session that has just moved."""
    visitor = Visitor({**options, "consistent_read": False}, DynamoDBSession)
    visitor.starts(a=1)
    session = moved_unheard(visitor, script)
    with CallRecorder(visitor.client) as sent:
        session.save()
    assert "GetItem" == sent[0].operation
    assert sent[0].params["ConsistentRead"] is True


@pytest.mark.parametrize("fate", [LOST, ARRIVED])
def test_end_of_a_request_whose_move_failed(visitor: Visitor, script: Script, fate: str) -> None:
    """A save of the access time alone, as the middleware makes it, completes the move."""
    session = visitor.request()
    session.regenerate_id()
    script.begin([fate])
    with pytest.raises(StoreUnavailable):
        session.save()
    session.save(accessed_only=True)
    assert {} == visitor.finds()
    visitor.id = session.id
    assert {"a": 1} == visitor.finds()


def test_a_move_is_tried_again_with_one_more_id(visitor: Visitor, script: Script) -> None:
    """The id that no browser has heard of is kept, and the session with it."""
    session = moved_unheard(visitor, script)
    first = session.id
    session.regenerate_id()
    save(session, b=2)
    assert first == session.id
    visitor.id = session.id
    assert {"a": 1, "b": 2} == visitor.finds()


def test_log_out_after_a_move(visitor: Visitor, script: Script, endpoint: Endpoint) -> None:
    """A log-out deletes the session under its new id too."""
    moved_unheard(visitor, script).delete()
    assert 0 == count(endpoint, visitor)


def test_end_after_a_log_out(visitor: Visitor, endpoint: Endpoint) -> None:
    """The end of a request that has logged out, and does not save, brings nothing back."""
    session = visitor.request()
    session.delete()
    session.save(accessed_only=True)
    assert 0 == count(endpoint, visitor)


def test_a_save_is_tried_again(visitor: Visitor, script: Script) -> None:
    """A save whose answer was lost does not conflict with itself."""
    session = visitor.request()
    script.begin([ARRIVED])
    with pytest.raises(StoreUnavailable):
        save(session, b=2)
    save(session, b=3)
    assert {"a": 1, "b": 3} == visitor.finds()

"""`regenerate_id()` moves a session: with and without transactions, and after a lost response."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from beaker.util import PickleSerializer

from beaker_dynamodb import (
    DynamoDBError,
    DynamoDBNamespaceManager,
    DynamoDBSession,
    StoreUnavailable,
)
from beaker_dynamodb.items.store import ItemStore
from tests.chaos.scripted import ARRIVED, LOST, Script, scripted_calls
from tests.servers.endpoint import DynamoDBClient
from tests.servers.lesser import NO_TRANSACTIONS, UNKNOWN_OPERATION, lesser, sent_twice
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import Visitor, before, payload, record, save


@pytest.fixture
def visitor(client: DynamoDBClient, table_name: str) -> Visitor:
    visitor = Visitor({"client": client, "table_name": table_name}, DynamoDBSession)
    visitor.starts(a=1, log=["start"])
    return visitor


@pytest.fixture
def script() -> Iterator[Script]:
    with scripted_calls() as script:
        yield script


def changed_id(visitor: Visitor, **changes: object) -> Any:
    session = visitor.request()
    session.regenerate_id()
    session.update(changes)
    return session


def finds(visitor: Visitor, session: Any) -> dict[str, Any]:
    """Return what is stored under the new id; nothing must be stored under the old one."""
    assert {} == visitor.finds()
    visitor.id = session.id
    found = visitor.finds()
    assert 1 == len(visitor.stored())
    return found


START = {"a": 1, "log": ["start"]}


def reads(options: dict[str, Any], session_id: str) -> Any:
    try:
        return PickleSerializer().loads(record(options, session_id).read())
    except KeyError:
        return None


def test_an_id_change_leaves_a_marker_unless_the_session_was_used_later(visitor: Visitor) -> None:
    session = changed_id(visitor, b=1)
    accessed_ms = session._old_record.item.accessed_ms
    with mock.patch.object(ItemStore, "move", autospec=True) as move:
        session.save()
    how = dict(move.call_args.kwargs)
    assert how.pop("accessed_by_ms") >= accessed_ms
    assert {"marker": True, "unless_new_ended": False} == how


def test_a_moved_session_is_not_saved_under_its_old_id(moved: dict[str, Any]) -> None:
    old, new = record(moved, "old"), record(moved, "new")
    old.write(payload(a=1))
    new.move_from(old, payload(a=2))
    old.write(payload(a=3))
    assert [True, False] == [old.gone, new.gone]
    assert [{"a": 2}, None] == [reads(moved, "new"), reads(moved, "old")]
    record(moved, "newer").move_from(record(moved, "never stored"), payload(a=1))
    assert {"a": 1} == reads(moved, "newer")


def test_a_move_keeps_what_another_request_saved_before_an_earlier_save(
    moved: dict[str, Any],
) -> None:
    old, other, new = record(moved, "old"), record(moved, "old"), record(moved, "new")
    old.write(payload(a=1))
    other.read()
    other.write(payload(a=1, other=1))
    old.write(payload(a=2))
    new.move_from(old, payload(a=2, b=1))
    assert {"a": 2, "b": 1, "other": 1} == reads(moved, "new")


@pytest.mark.parametrize("knows", [True, False])
@pytest.mark.both_servers
def test_a_session_that_is_gone_does_not_move(moved: dict[str, Any], knows: bool) -> None:
    old, new = record(moved, "old"), record(moved, "new")
    old.write(payload(a=1))
    record(moved, "old").delete()
    if knows:
        old.write(payload(a=2))
    for _ in range(2):
        new.move_from(old, payload(a=3))
        assert new.gone
    assert [None, None] == [reads(moved, "new"), reads(moved, "old")]


@pytest.mark.parametrize("rivals", [1, 2])
@pytest.mark.both_servers
def test_a_move_keeps_the_changes_of_other_requests(moved: dict[str, Any], rivals: int) -> None:
    old, new = record(moved, "old"), record(moved, "new")
    old.write(payload(a=1, b=1))

    def rival(params: dict[str, Any]) -> None:
        other = record(moved, "old")
        other.read()
        other.write(payload(a=1, b=10 + (other.version or (0,))[0]))

    client = DynamoDBNamespaceManager("any", **moved).client
    with before(client, "TransactWriteItems", *[rival] * rivals):
        new.move_from(old, payload(a=2, b=1))
    assert [{"a": 2, "b": 10 + rivals}, None] == [reads(moved, "new"), reads(moved, "old")]


# -- without transactions ---------------------------------------------------------------------


@pytest.fixture
def _no_transactions(client: DynamoDBClient) -> Iterator[None]:
    with lesser(client):
        yield


@pytest.mark.parametrize("error", [UNKNOWN_OPERATION, NO_TRANSACTIONS])
def test_without_transactions_the_new_item_is_written_before_the_old_one_ends(
    visitor: Visitor, client: DynamoDBClient, error: bytes
) -> None:
    session = changed_id(visitor, b=1)
    with lesser(client, error), CallRecorder(client) as calls:
        session.save()
        assert ["TransactWriteItems", "PutItem", "PutItem"] == calls.operations
        types = [call.params["Item"]["type"]["S"] for call in list(calls)[1:]]
        assert ["beaker-session", "beaker-marker"] == types
        calls.clear()
        session.regenerate_id()
        session.save()
    assert ["PutItem", "PutItem"] == calls.operations  # the missing support is remembered
    assert {**START, "b": 1} == finds(visitor, session)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ValidationException", "Transaction request cannot include multiple operations"),
        ("AccessDeniedException", "no"),
    ],
)
def test_another_error_does_not_turn_transactions_off(
    visitor: Visitor, client: DynamoDBClient, code: str, message: str
) -> None:
    error = f'{{"__type": "com.amazon.coral.service#{code}", "message": "{message}"}}'
    session = changed_id(visitor, b=1)
    with lesser(client, error.encode()), pytest.raises(DynamoDBError):
        session.save()
    with CallRecorder(client) as calls:
        session.save()
    assert "TransactWriteItems" in calls.operations


@pytest.mark.usefixtures("_no_transactions")
@pytest.mark.parametrize("logs_out", [False, True])
def test_without_transactions_a_save_or_logout_between_the_writes_counts(
    visitor: Visitor, client: DynamoDBClient, logs_out: bool
) -> None:
    session, other = changed_id(visitor, mine=1), visitor.request()
    meanwhile = (lambda _: other.delete()) if logs_out else (lambda _: save(other, theirs=1))
    with before(client, "PutItem", lambda _: None, meanwhile):
        session.save()
    kept = {} if logs_out else {**START, "theirs": 1}
    assert {**kept, "mine": 1} == finds(visitor, session)


def crash(params: dict[str, Any]) -> None:
    raise StoreUnavailable("the write got no response")


@pytest.mark.usefixtures("_no_transactions")
@pytest.mark.parametrize("arrived", [0, 1])
def test_without_transactions_a_failure_loses_nothing(
    visitor: Visitor, client: DynamoDBClient, arrived: int
) -> None:
    session = changed_id(visitor, b=1)
    actions = [*[lambda _: None] * arrived, crash]
    with before(client, "PutItem", *actions), pytest.raises(StoreUnavailable):
        session.save()
    assert START == visitor.finds()
    session.save()
    assert {**START, "b": 1} == finds(visitor, session)


@pytest.mark.usefixtures("_no_transactions")
@pytest.mark.parametrize("earlier", [0, 1])
def test_without_transactions_a_write_that_is_sent_twice_recognizes_itself(
    visitor: Visitor, client: DynamoDBClient, earlier: int
) -> None:
    session = changed_id(visitor, b=1)
    with before(client, "PutItem", *[lambda _: None] * earlier, lambda _: sent_twice(client)):
        session.save()
    assert {**START, "b": 1} == finds(visitor, session)


# -- lost responses ---------------------------------------------------------------------------


def fails(script: Script, session: Any, fate: str = ARRIVED) -> Any:
    """Save a session whose write is lost, or whose response is."""
    script.begin([fate])
    with pytest.raises(StoreUnavailable):
        session.save()
    return session


def test_a_save_after_a_lost_response_is_stored_once(visitor: Visitor, script: Script) -> None:
    session = changed_id(visitor)
    session["log"].append("new")
    fails(script, session)
    session["log"].append("newer")
    save(session, b=2)
    found = finds(visitor, session)
    assert {"a": 1, "b": 2, "log": ["start", "new", "newer"]} == found


@pytest.mark.parametrize("changes", [False, True])
def test_a_key_that_is_removed_after_a_lost_response_stays_removed(
    visitor: Visitor, script: Script, changes: bool
) -> None:
    session = fails(script, changed_id(visitor))
    if changes:
        other = Visitor(visitor.options, DynamoDBSession)
        other.id = session.id
        save(other.request(), b=1)
    del session["a"]
    session.save()
    assert {"log": ["start"], **({"b": 1} if changes else {})} == finds(visitor, session)


def test_the_retry_of_a_move_reads_consistently(options: dict[str, Any], script: Script) -> None:
    visitor = Visitor({**options, "consistent_read": False}, DynamoDBSession)
    visitor.starts(a=1)
    session = fails(script, changed_id(visitor))
    with CallRecorder(visitor.client) as sent:
        session.save()
    assert ("GetItem", True) == (sent[0].operation, sent[0].params["ConsistentRead"])


@pytest.mark.parametrize("fate", [LOST, ARRIVED])
def test_a_second_id_change_keeps_the_first_new_id(
    visitor: Visitor, script: Script, fate: str
) -> None:
    """It was never sent to a browser, and the session may be stored under it."""
    session = fails(script, changed_id(visitor), fate)
    first = session.id
    session.regenerate_id()
    save(session, b=2)
    assert first == session.id
    assert {**START, "b": 2} == finds(visitor, session)


def test_a_logout_after_a_lost_response_deletes_the_moved_session(
    visitor: Visitor, script: Script
) -> None:
    session = fails(script, changed_id(visitor))
    session.delete()
    session.save(accessed_only=True)
    assert [] == visitor.stored()

"""What a save leaves in the table, and what the next save of the same request goes by."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from beaker.session import Session
from beaker.util import PickleSerializer

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.items import chunks
from beaker_dynamodb.items.codec import Raw
from beaker_dynamodb.session import DynamoDBSession
from beaker_dynamodb.sessions.conflict_retry import ConflictRetry
from beaker_dynamodb.sessions.record import SessionRecord
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import Visitor, save, stored_sessions

if TYPE_CHECKING:
    from tests.clock import Clock
    from tests.servers.endpoint import Endpoint

OVERWRITE = {"concurrency": "overwrite"}


@pytest.fixture(params=[Session, DynamoDBSession], ids=["beaker", "ours"])
def visitor(request: pytest.FixtureRequest, moved: dict[str, object]) -> Visitor:
    """A visitor whose sessions are Beaker's, or ours."""
    return Visitor(moved, request.param)


def item(endpoint: Endpoint, visitor: Visitor) -> dict[str, Any]:
    """Return the one session in the table."""
    (item,) = stored_sessions(endpoint.client, visitor.options["table_name"])
    return item


def count(endpoint: Endpoint, visitor: Visitor) -> int:
    """Return the number of items in the table, chunks included."""
    return endpoint.client.scan(TableName=visitor.options["table_name"])["Count"]


@pytest.fixture
def _small_items(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "MAX_ITEM_BYTES", 1000)
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 500)


@pytest.mark.parametrize("mode", ["merge", "overwrite"])
def test_every_save_keeps_the_creation_time_and_counts_the_version_up(
    visitor: Visitor, endpoint: Endpoint, clock: Clock, mode: str
) -> None:
    visitor.options["concurrency"] = mode
    visitor.starts(a=1)
    first = item(endpoint, visitor)
    clock.advance(10)
    save(visitor.request(), a=2)
    second = item(endpoint, visitor)
    assert first["created"] == second["created"]
    assert ("1", "2") == (first["version"]["N"], second["version"]["N"])
    assert first["writer"] != second["writer"]
    assert float(first["accessed"]["N"]) + 10 == float(second["accessed"]["N"])


def test_a_life_that_is_given_with_a_save_is_the_life_of_the_session(
    moved: dict[str, Any], endpoint: Endpoint
) -> None:
    record(moved, "id").write(payload(a=1), 60)
    stored = item(endpoint, Visitor(moved))
    assert float(stored["accessed"]["N"]) + 60 == float(stored["deadline"]["N"])


@pytest.mark.parametrize("mode", ["merge", "overwrite"])
def test_every_save_writes_the_special_keys(
    visitor: Visitor, endpoint: Endpoint, mode: str
) -> None:
    visitor.options |= {"concurrency": mode, "special_keys": "user:S"}
    visitor.starts(user="Ada")
    save(visitor.request(), user="Grace")
    assert {"S": "Grace"} == item(endpoint, visitor)["user"]


@pytest.mark.parametrize("mode", ["merge", "overwrite"])
def test_the_second_save_of_a_request_without_a_change_is_no_write(
    visitor: Visitor, mode: str
) -> None:
    visitor.options["concurrency"] = mode
    visitor.starts(a=1)
    session = visitor.request()
    save(session, a=2)
    with CallRecorder(visitor.client) as sent:
        session.save()
    assert [] == sent.operations


@pytest.mark.parametrize("mode", ["merge", "overwrite"])
def test_the_second_save_of_a_request_refreshes_what_the_first_one_stored(
    visitor: Visitor, endpoint: Endpoint, clock: Clock, mode: str
) -> None:
    visitor.options |= {"concurrency": mode, "touch_interval": 0}
    visitor.starts(a=1)
    session = visitor.request()
    save(visitor.request(), other=1)
    save(session, a=2)
    before = item(endpoint, visitor)
    clock.advance(10)
    session.save()
    after = item(endpoint, visitor)
    changed = {"accessed", "data", "deadline", "expires"}  # the data hold the access time
    assert {**after, **{name: before[name] for name in changed}} == before
    assert before["accessed"] != after["accessed"]
    expected = {"a": 2, "other": 1} if mode == "merge" else {"a": 2}
    assert expected == visitor.finds()


def test_a_refresh_is_what_the_next_save_of_the_request_goes_by(
    visitor: Visitor, clock: Clock
) -> None:
    visitor.starts(a=1)
    clock.advance(10_000)
    session = visitor.request()
    with CallRecorder(visitor.client) as sent:
        session.save()
        session.save()
        assert ["PutItem"] == sent.operations
        save(session, a=2)
    assert ["PutItem"] * 2 == sent.operations
    assert [None] * 2 == [call.error_code for call in sent]
    assert {"a": 2} == visitor.finds()


def test_another_order_in_a_set_is_no_change(visitor: Visitor) -> None:
    visitor.starts(numbers={0, 8})
    session = visitor.request()
    session["numbers"] = {8, 0}  # the same hashes but for the last bits: the order is another one
    assert [8, 0] == list(session["numbers"])
    with CallRecorder(visitor.client) as sent:
        session.save()
    assert [] == sent.operations


@pytest.mark.usefixtures("_small_items")
@pytest.mark.parametrize("mode", ["merge", "overwrite"])
def test_a_session_that_is_saved_or_refreshed_leaves_no_chunk_behind(
    visitor: Visitor, endpoint: Endpoint, clock: Clock, mode: str
) -> None:
    visitor.options |= {"concurrency": mode, "compression": "off"}
    visitor.starts(large="a" * 2000)
    in_chunks = count(endpoint, visitor)
    assert 4 <= in_chunks
    save(visitor.request(), large="b" * 2000)
    assert in_chunks == count(endpoint, visitor)
    clock.advance(10_000)
    visitor.request().save(accessed_only=True)
    assert in_chunks == count(endpoint, visitor)
    save(visitor.request(), large="small")
    assert 1 == count(endpoint, visitor)


# -- moved from one id to another -----------------------------------------------------------------


def payload(**data: object) -> Raw:
    """Return a session as Beaker writes it."""
    return Raw(PickleSerializer().dumps(data))


def record(moved: dict[str, Any], session_id: str) -> SessionRecord:
    """Return the record of an id, not yet read."""
    session: SessionRecord = DynamoDBNamespaceManager(session_id, **moved).session
    return session


def reads(moved: dict[str, Any], session_id: str) -> Any:
    """Return what is stored under an id, or None."""
    try:
        return PickleSerializer().loads(record(moved, session_id).read())
    except KeyError:
        return None


def test_what_was_never_stored_is_saved_under_the_new_id(moved: dict[str, Any]) -> None:
    record(moved, "new").move_from(record(moved, "old"), payload(a=1))
    assert {"a": 1} == reads(moved, "new")
    assert reads(moved, "old") is None


def test_a_session_that_has_moved_is_not_saved_under_its_old_id(moved: dict[str, Any]) -> None:
    old, new = record(moved, "old"), record(moved, "new")
    old.write(payload(a=1))
    new.move_from(old, payload(a=2))
    old.write(payload(a=3))
    assert old.gone
    assert not new.gone
    assert {"a": 2} == reads(moved, "new")
    assert reads(moved, "old") is None


def test_a_session_that_is_gone_does_not_move(moved: dict[str, Any]) -> None:
    old, new = record(moved, "old"), record(moved, "new")
    old.write(payload(a=1))
    record(moved, "old").delete()
    old.write(payload(a=2))
    for _ in range(2):
        new.move_from(old, payload(a=3))
        assert new.gone
    assert reads(moved, "new") is None
    assert reads(moved, "old") is None


def test_a_session_that_ends_meanwhile_does_not_move(moved: dict[str, Any]) -> None:
    old, new = record(moved, "old"), record(moved, "new")
    old.write(payload(a=1))
    record(moved, "old").delete()
    new.move_from(old, payload(a=2))
    assert new.gone
    assert reads(moved, "new") is None


@pytest.mark.parametrize("rivals", [1, 2])
def test_a_move_takes_other_requests_changes_along(moved: dict[str, Any], rivals: int) -> None:
    old, new = record(moved, "old"), record(moved, "new")
    old.write(payload(a=1, b=1))
    client = DynamoDBNamespaceManager("any", **moved).client
    event = "before-parameter-build.dynamodb.TransactWriteItems"
    left = list(range(rivals))

    def be_quicker(**_: object) -> None:
        if left:
            other = record(moved, "old")
            other.read()
            other.write(payload(a=1, b=f"rival {left.pop()}"))

    client.meta.events.register(event, be_quicker)
    new.move_from(old, payload(a=2, b=1))
    client.meta.events.unregister(event, be_quicker)
    assert {"a": 2, "b": "rival 0"} == reads(moved, "new")
    assert reads(moved, "old") is None


def test_a_save_that_waits_is_dropped_when_the_session_ends_meanwhile(
    moved: dict[str, Any],
) -> None:
    mine = record(moved, "id")
    mine.write(payload(a=1))
    events = DynamoDBNamespaceManager("any", **moved).client.meta.events
    event = "before-parameter-build.dynamodb.PutItem"
    left = [1, 2, 3, 4]

    def be_quicker(**_: object) -> None:
        events.unregister(event, be_quicker)
        other = record(moved, "id")
        other.read()
        other.write(payload(a=1, b=left.pop()))
        if left:
            events.register(event, be_quicker)

    def end(seconds: float) -> None:
        record(moved, "id").delete()

    events.register(event, be_quicker)
    mine.storage.conflict_retry = partial(ConflictRetry, sleep=end)
    mine.write(payload(a=2))
    assert mine.gone
    assert reads(moved, "id") is None

"""What a save writes, and what the next save of the same request starts from."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager, SessionEvent
from beaker_dynamodb.items import chunks
from beaker_dynamodb.items.item import Item, new_token
from beaker_dynamodb.sessions.conflict_retry import ConflictRetry
from beaker_dynamodb.sessions.record import SessionRecord
from beaker_dynamodb.sessions.state import KEPT_WRITERS, kept_writers
from tests.chaos.watch import secret
from tests.clock import Clock
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import Visitor, before, payload, record, save


@pytest.fixture
def mine(moved: dict[str, Any]) -> SessionRecord:
    mine = record(moved)
    mine.write(payload(a=1))
    return mine


def set_stored(mine: SessionRecord, **extra: Any) -> None:
    """Replace attributes of the item that a record treats as stored."""
    assert mine.stored is not None
    mine.stored = mine.stored._replace(item=replace(mine.stored.item, **extra))


def item_of(mine: SessionRecord) -> Item:
    assert mine.item is not None
    return mine.item


def count(visitor: Visitor) -> int:
    """Return the number of items in the table, chunks included."""
    return visitor.client.scan(TableName=visitor.options["table_name"])["Count"]


@pytest.fixture
def _small_items(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "MAX_ITEM_BYTES", 1000)
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 500)


@pytest.mark.both_servers
@pytest.mark.parametrize("mode", ["merge", "overwrite"])
def test_each_save_keeps_the_creation_time_and_increments_the_version(
    visitor: Visitor, clock: Clock, mode: str
) -> None:
    visitor.options["concurrency"] = mode
    visitor.starts(a=1)
    first = visitor.stored()[0]
    clock.advance(10)
    save(visitor.request(), a=2)
    second = visitor.stored()[0]
    assert first["created"] == second["created"]
    assert ("1", "2") == (first["version"]["N"], second["version"]["N"])
    assert first["writer"] != second["writer"]
    assert float(first["accessed"]["N"]) + 10 == float(second["accessed"]["N"])


def expired(moved: dict[str, Any], clock: Clock, seconds: float) -> dict[str, Any] | None:
    clock.advance(seconds)
    late = record(moved)
    with pytest.raises(KeyError, match=r"^'session'$"):
        late.read()
    return late.expired


@pytest.mark.parametrize("extra", [{}, {"secret": secret("signing key")}], ids=["plain", "signed"])
def test_the_data_of_a_session_that_has_expired_is_known(
    moved: dict[str, Any], clock: Clock, extra: dict[str, str]
) -> None:
    moved |= extra
    record(moved).write(payload(a=1), 60)
    assert {"a": 1} == expired(moved, clock, 61)


def test_a_marker_that_has_expired_is_not_a_session(
    mine: SessionRecord, moved: dict[str, Any], clock: Clock
) -> None:
    mine.delete()
    assert expired(moved, clock, 61) is None


def test_an_expired_session_that_cannot_be_read_is_empty(
    moved: dict[str, Any], clock: Clock
) -> None:
    record(moved).write(payload(a=1), 60)
    damaged = {**Visitor(moved).stored()[0], "codec": {"S": "unknown"}}
    Visitor(moved).client.put_item(TableName=moved["table_name"], Item=damaged)
    assert {} == expired(moved, clock, 61)


@pytest.mark.usefixtures("_small_items")
def test_the_chunks_of_an_expired_session_are_not_read(moved: dict[str, Any], clock: Clock) -> None:
    moved["compression"] = "off"
    record(moved).write(payload(a="a" * 2000), 60)
    with CallRecorder(DynamoDBNamespaceManager("any", **moved).client) as sent:
        assert {} == expired(moved, clock, 61)
    assert ["GetItem"] == sent.operations


def test_a_save_keeps_the_later_access_time(moved: dict[str, Any]) -> None:
    mine = record(moved)
    for number, accessed in enumerate((100.0, 200.0, 150.0)):
        mine.write(payload(number=number, _accessed_time=accessed))
    assert payload(number=2, _accessed_time=200.0) == record(moved).read()


def test_the_first_save_alone_creates_the_session(moved: dict[str, Any]) -> None:
    reported: list[SessionEvent] = []
    mine = record({**moved, "concurrency": "overwrite", "on_event": reported.append})
    for number in range(3):
        mine.write(payload(number=number))
    assert ["created"] == [event.kind for event in reported]


def test_a_session_with_only_bookkeeping_left_is_deleted(mine: SessionRecord) -> None:
    mine.write(payload(_cookie_scope="a", _domain=None, _path="/"))
    assert not mine.exists()


def test_a_record_holds_what_was_read_or_saved_last_at_any_access_time(
    moved: dict[str, Any],
) -> None:
    mine = record(moved)
    assert mine.holds(payload(a=1)) is False
    mine.write(payload(a=1, _accessed_time=100.0))
    held = [payload(a=1, _accessed_time=200.0), payload(a=2, _accessed_time=100.0), "opaque"]
    assert [True, False, False] == [mine.holds(other) for other in held]
    mine.write("opaque")
    assert mine.holds(payload(a=1)) is False
    assert mine.holds("opaque") is False


def test_each_save_writes_the_special_keys(visitor: Visitor) -> None:
    visitor.options |= {"concurrency": "overwrite", "special_keys": "user:S"}
    visitor.starts(user="Ada")
    save(visitor.request(), user="Grace")
    assert {"S": "Grace"} == visitor.stored()[0]["user"]


@pytest.mark.parametrize("mode", ["merge", "overwrite"])
def test_a_second_save_without_a_change_writes_nothing(visitor: Visitor, mode: str) -> None:
    visitor.options["concurrency"] = mode
    visitor.starts(a=1)
    session = visitor.request()
    save(session, a=2)
    with CallRecorder(visitor.client) as sent:
        session.save()
    assert [] == sent.operations


@pytest.mark.parametrize("mode", ["merge", "overwrite"])
def test_a_touch_after_a_save_refreshes_what_the_save_stored(
    visitor: Visitor, clock: Clock, mode: str
) -> None:
    visitor.options |= {"concurrency": mode, "touch_interval": 0}
    visitor.starts(a=1)
    session = visitor.request()
    save(visitor.request(), other=1)
    save(session, a=2)
    before = visitor.stored()[0]
    clock.advance(10)
    session.save()
    after = visitor.stored()[0]
    changed = {"accessed", "data", "deadline", "expires"}  # the data hold the access time
    assert {**after, **{name: before[name] for name in changed}} == before
    assert before["accessed"] != after["accessed"]
    expected = {"a": 2, "other": 1} if mode == "merge" else {"a": 2}
    assert expected == visitor.finds()
    save(session, b=1)
    assert {**expected, "b": 1} == visitor.finds()


def test_a_save_after_a_touch_does_not_conflict_with_it(visitor: Visitor, clock: Clock) -> None:
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


@pytest.mark.usefixtures("_small_items")
@pytest.mark.parametrize("mode", ["merge", "overwrite"])
def test_saves_and_touches_leave_no_chunks_behind(
    visitor: Visitor, clock: Clock, mode: str
) -> None:
    visitor.options |= {"concurrency": mode, "compression": "off"}
    visitor.starts(large="a" * 2000)
    in_chunks = count(visitor)
    assert 4 <= in_chunks
    save(visitor.request(), large="b" * 2000)
    assert in_chunks == count(visitor)
    clock.advance(10_000)
    visitor.request().save(accessed_only=True)
    assert in_chunks == count(visitor)
    save(visitor.request(), large="small")
    assert 1 == count(visitor)


def test_only_a_newer_version_of_the_same_session_is_later(
    mine: SessionRecord, moved: dict[str, Any]
) -> None:
    other = record(moved)
    assert not other.is_later(item_of(mine))  # nothing is known
    other.read()
    assert not other.is_later(item_of(mine))
    mine.write(payload(a=2))
    assert other.is_later(item_of(mine))
    assert not other.is_later(replace(item_of(mine), version=None))
    assert not other.is_later(replace(item_of(mine), created_ms=0))
    set_stored(other, version=None)
    assert other.is_later(replace(item_of(mine), version=1))
    assert not other.is_later(replace(item_of(mine), version=None))


def test_a_save_is_dropped_if_the_session_ends_while_it_pauses(
    mine: SessionRecord, moved: dict[str, Any]
) -> None:
    def rival(params: dict[str, Any]) -> None:
        other = record(moved)
        other.read()
        other.write(payload(a=1, b=(other.version or (0,))[0]))

    mine.storage.conflict_retry = partial(ConflictRetry, sleep=lambda _: record(moved).delete())
    with before(DynamoDBNamespaceManager("any", **moved).client, "PutItem", *[rival] * 4):
        mine.write(payload(a=2))
    assert mine.gone
    with pytest.raises(KeyError):
        record(moved).read()


def test_a_writer_token_has_72_bits_in_12_bytes() -> None:
    assert 12 == len(new_token())


def test_an_item_keeps_the_latest_eight_tokens_of_its_predecessors(mine: SessionRecord) -> None:
    tokens: list[str | None] = []
    for number in range(10):
        tokens.insert(0, item_of(mine).writer)
        mine.write(payload(a=1, number=number))
    assert 8 == KEPT_WRITERS
    assert tuple(tokens[:8]) == item_of(mine).earlier
    assert (item_of(mine).writer, *tokens[:7]) == kept_writers(item_of(mine))


def test_the_first_save_of_an_item_without_a_version_writes_version_1(mine: SessionRecord) -> None:
    set_stored(mine, version=None)
    mine.write(payload(a=2))
    assert 1 == item_of(mine).version


def test_a_save_does_not_move_the_last_access_back(mine: SessionRecord, clock: Clock) -> None:
    now_ms = int(clock.now * 1000)
    for known, saved in [(now_ms + 5000, now_ms + 5000), (None, now_ms)]:
        set_stored(mine, accessed_ms=known)
        mine.write(payload(a=str(known)))
        assert saved == item_of(mine).accessed_ms


def test_a_refresh_on_a_host_that_is_behind_does_not_move_the_access_time_back(
    ours: Visitor, clock: Clock
) -> None:
    behind, session = ours.request(), ours.request()
    clock.advance(20_000)
    session.save(accessed_only=True)
    stored = ours.stored()
    clock.advance(-10_000)
    behind.save(accessed_only=True)
    assert stored == ours.stored()

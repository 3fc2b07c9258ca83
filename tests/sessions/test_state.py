"""What a request knows about its session, and the item that follows from it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from beaker.util import PickleSerializer

from beaker_dynamodb import DynamoDBNamespaceManager, DynamoDBSession
from beaker_dynamodb.config.beaker_settings import BEAKER_SLACK_SECONDS
from beaker_dynamodb.items.codec import SessionBytes
from beaker_dynamodb.sessions.record import SessionRecord
from beaker_dynamodb.sessions.state import KEPT_WRITERS, Stored, kept_writers, new_writer
from tests.chaos.watch import secret
from tests.clock import Clock
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import Visitor
from tests.sessions.site import ENCRYPTED


def payload(**data: object) -> SessionBytes:
    return SessionBytes(PickleSerializer().dumps(data))


@pytest.fixture
def record(moved: dict[str, Any]) -> SessionRecord:
    """A session that is stored."""
    record: SessionRecord = DynamoDBNamespaceManager("id", **moved).session
    record.write(payload(a=1))
    return record


def known(record: SessionRecord, **more: Any) -> Stored:
    """Return what the record knows to be stored, with some attributes replaced."""
    assert record.stored is not None
    return record.stored._replace(item=replace(record.stored.item, **more))


def test_a_writer_token_has_72_bits_in_12_bytes() -> None:
    assert 12 == len(new_writer())


def test_an_item_keeps_the_latest_eight_tokens_of_its_predecessors(record: SessionRecord) -> None:
    tokens: list[str | None] = []
    for number in range(10):
        tokens.insert(0, record.item.writer if record.item else None)
        record.write(payload(a=1, number=number))
    assert record.item is not None
    assert 8 == KEPT_WRITERS
    assert tuple(tokens[:8]) == record.item.earlier
    assert (record.item.writer, *tokens[:7]) == kept_writers(record.item)


@pytest.mark.parametrize(
    ("mine", "other", "later"),
    [
        (1, 2, True),
        (1, 1, False),
        (2, 1, False),
        (None, 1, True),
        (1, None, False),
        (None, None, False),
    ],
)
def test_an_item_without_a_version_precedes_all_others(
    record: SessionRecord, mine: int | None, other: int | None, later: bool
) -> None:
    record.stored = known(record, version=mine)
    assert later is record.is_later(known(record, version=other).item)


def test_the_first_save_of_an_item_without_a_version_writes_version_1(
    record: SessionRecord,
) -> None:
    record.stored = known(record, version=None)
    record.write(payload(a=2))
    assert record.item is not None
    assert 1 == record.item.version


def test_a_save_does_not_move_the_last_access_back(record: SessionRecord) -> None:
    assert record.item is not None
    later = (record.item.accessed_ms or 0) + 5000
    record.stored = known(record, accessed_ms=later)
    record.write(payload(a=2))
    assert later == record.item.accessed_ms
    record.stored = known(record, accessed_ms=None)
    record.write(payload(a=3))
    assert later - 5000 == record.item.accessed_ms


def test_the_absolute_timeout_of_data_without_a_creation_time_starts_with_the_item(
    moved: dict[str, Any], clock: Clock
) -> None:
    record: SessionRecord = DynamoDBNamespaceManager("id", absolute_timeout=1000, **moved).session
    start_ms = clock.now * 1000
    for number in range(3):
        record.write(payload(number=number))
        assert record.item is not None
        assert start_ms + (1000 + BEAKER_SLACK_SECONDS) * 1000 == record.item.deadline_ms
        clock.advance(100)


def test_an_item_without_a_version_is_older_than_what_the_browser_has_seen(
    moved: dict[str, Any], record: SessionRecord
) -> None:
    record.storage.items.put(known(record, version=None).item, None)
    manager = DynamoDBNamespaceManager("id", consistent_read="auto", **moved)
    with CallRecorder(manager.client) as sent:
        assert payload(a=1) == manager.session.read(seen_version=1)
    assert [False, True] == [call.params["ConsistentRead"] for call in sent]


def test_an_unsigned_session_is_made_safe_in_the_format_of_its_class(moved: dict[str, Any]) -> None:
    visitor = Visitor({**moved, **ENCRYPTED})
    visitor.starts(a=1)
    reader = Visitor({**visitor.options, "secret": secret("signing key")}, DynamoDBSession)
    reader.id = visitor.id
    assert {"a": 1} == reader.finds()

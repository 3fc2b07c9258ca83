"""Servers that do not return the current item with a failed condition: it is read instead."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from beaker.cache import Cache

from beaker_dynamodb import DynamoDBNamespaceManager
from tests.servers.endpoint import DynamoDBClient
from tests.servers.lesser import lesser, sent_twice
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import Visitor, save

LARGE = "x" * 500_000


@pytest.fixture
def options(client: DynamoDBClient, table_name: str) -> Iterator[dict[str, Any]]:
    with lesser(client):
        yield {"client": client, "table_name": table_name, "compression": "off"}


def test_a_held_lock_is_not_acquired(options: dict[str, Any]) -> None:
    holder = DynamoDBNamespaceManager("news", **options).get_creation_lock(b"key")
    other = DynamoDBNamespaceManager(
        "news", **options, lock_timeout=58
    ).get_creation_lock(b"key")  # fmt: skip
    assert holder is not other
    assert holder.acquire(wait=False)
    assert not other.acquire(wait=False)
    holder.release()


def test_concurrent_changes_are_merged(options: dict[str, Any], client: DynamoDBClient) -> None:
    visitor = Visitor(options)
    visitor.starts(a=1)
    first, second = visitor.request(), visitor.request()
    save(first, b=1)
    with CallRecorder(client) as calls:
        save(second, c=1)
    assert {"a": 1, "b": 1, "c": 1} == visitor.finds()
    assert ["PutItem", "GetItem", "PutItem"] == calls.operations
    assert calls[1].params["ConsistentRead"]


def test_a_deleted_session_stays_deleted(options: dict[str, Any]) -> None:
    visitor = Visitor(options)
    visitor.starts(a=1)
    late, session = visitor.request(), visitor.request()
    session.delete()
    session.save()
    save(late, b=1)
    assert {} == visitor.finds()


def test_a_write_that_is_sent_twice_keeps_its_chunks(
    options: dict[str, Any], client: DynamoDBClient
) -> None:
    visitor = Visitor(options)
    visitor.starts(a=1)
    session = visitor.request()
    sent_twice(client)
    save(session, large=LARGE)
    assert {"a": 1, "large": LARGE} == visitor.finds()


@pytest.mark.parametrize("removed", [False, True])
def test_a_value_is_stored_unless_it_was_removed_meanwhile(
    options: dict[str, Any], client: DynamoDBClient, removed: bool
) -> None:
    cache = Cache("news", "ext:dynamodb", **options)
    assert "key" not in cache

    def create() -> str:
        if removed:
            Cache("news", "ext:dynamodb", lock_timeout=58, **options).remove_value("key")
        sent_twice(client)
        return LARGE

    value = cache.get("key", createfunc=create)
    assert removed is (b"key" not in cache.namespace)
    assert removed or value == cache.get("key")

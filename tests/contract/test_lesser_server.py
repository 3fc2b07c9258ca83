"""Servers that do not return the current item when a condition fails: it is read, never guessed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from beaker.cache import Cache

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.caches.lock_registry import LockRegistry
from tests.contract.opening import Opener, payload
from tests.servers.lesser import lesser, sent_twice
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import Visitor, save

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


@pytest.fixture
def here(client: DynamoDBClient, table_name: str) -> Iterator[dict[str, Any]]:
    """Options that lead to such a server."""
    with lesser(client):
        yield {"client": client, "table_name": table_name}


def test_a_lock_that_another_process_holds_is_left_to_it(here: dict[str, Any]) -> None:
    manager = DynamoDBNamespaceManager("news", **here)
    key = manager.backend.keys.lock("news", b"key")
    storage = manager._cache_storage()
    holder, other = (LockRegistry().lock(storage, key) for _ in range(2))
    assert holder.acquire(wait=False)
    assert not other.acquire(wait=False)
    holder.release()


def test_concurrent_changes_are_merged(here: dict[str, Any], client: DynamoDBClient) -> None:
    visitor = Visitor(here)
    visitor.starts(a=1)
    first, second = visitor.request(), visitor.request()
    save(first, b=1)
    with CallRecorder(client) as calls:
        save(second, c=1)
    assert {"a": 1, "b": 1, "c": 1} == visitor.finds()
    assert ["PutItem", "GetItem", "PutItem"] == calls.operations
    assert calls[1].params["ConsistentRead"]


def test_a_session_that_is_gone_stays_gone(here: dict[str, Any]) -> None:
    visitor = Visitor(here)
    visitor.starts(a=1)
    late = visitor.request()
    session = visitor.request()
    session.delete()
    session.save()
    save(late, b=1)
    assert {} == visitor.finds()


def test_a_write_whose_answer_was_lost_keeps_its_chunks(
    here: dict[str, Any], client: DynamoDBClient, table_name: str
) -> None:
    open_namespace = Opener({**here, "compression": "off"}, client, table_name)
    large = payload(text="x" * 500_000)
    open_namespace("id")["session"] = payload(n=1)
    manager = open_namespace("id")
    assert payload(n=1) == manager["session"]
    sent_twice(client)
    manager["session"] = large
    assert large == open_namespace("id")["session"]


@pytest.mark.parametrize("removed", [False, True])
def test_a_value_is_stored_unless_it_was_removed_meanwhile(
    here: dict[str, Any], client: DynamoDBClient, removed: bool
) -> None:
    """Though the write that stores it is sent twice."""
    cache = Cache("news", "ext:dynamodb", compression="off", **here)
    assert "key" not in cache

    def create() -> str:
        if removed:
            Cache("news", "ext:dynamodb", lock_timeout=58, **here).remove_value("key")
        sent_twice(client)
        return "x" * 500_000

    made = cache.get("key", createfunc=create)
    assert removed is (b"key" not in cache.namespace)
    assert removed or made == cache.get("key")

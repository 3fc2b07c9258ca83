"""`keys()` and `clear()`: what they read, what they cost, and what they leave alone."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.caches import query
from beaker_dynamodb.dynamodb import batches
from beaker_dynamodb.items.item import CACHE, Item
from beaker_dynamodb.items.keys import key_bytes
from tests.contract.opening import Opener, payload
from tests.servers.recorder import CallRecorder

if TYPE_CHECKING:
    from tests.clock import Clock

pytestmark = [pytest.mark.both_servers, pytest.mark.both_shapes]


def fill(manager: DynamoDBNamespaceManager, count: int) -> None:
    """Put so many entries into a cache, as the package would."""
    store = manager.backend
    now_ms = store.items.now_ms()
    puts = []
    for number in range(count):
        key = store.keys.entry(manager.namespace, str(number))
        item = Item(key, CACHE, b"", "pickle", created_ms=now_ms, deadline_ms=None)
        puts.append({"PutRequest": {"Item": store.items.layout.attributes(item)}})
    batches.write(store.items, puts)


def names(manager: DynamoDBNamespaceManager) -> list[bytes]:
    """Give the keys in a cache, sorted."""
    return sorted(map(key_bytes, manager.keys()))


def test_sessions_and_locks_of_the_same_names_are_left_alone(open_namespace: Opener) -> None:
    """Clearing a cache takes no session with that id, and no creation lock of its entries."""
    cache, neighbour = open_namespace("user1"), open_namespace("user10")
    cache[b"k"] = 1
    neighbour[b"k"] = 10
    for prefix in ({}, {"prefix": "cache:"}):
        open_namespace("user1", **prefix)["session"] = payload(name="user1")
    lock = cache.get_creation_lock(b"k")
    lock.acquire()
    assert [b"k"] == names(cache)
    cache.remove()
    assert [] == names(cache)
    assert 10 == neighbour[b"k"]
    for prefix in ({}, {"prefix": "cache:"}):
        assert payload(name="user1") == open_namespace("user1", **prefix)["session"]
    kinds = sorted(item["type"]["S"] for item in open_namespace.items())
    ours = ["beaker-cache", "beaker-lock", "beaker-session", "beaker-session"]
    assert [*ours, "beaker-tombstone"] == kinds, "a value that is being made is refused"
    lock.release()


def test_what_is_written_after_clear_began_stays(open_namespace: Opener, clock: Clock) -> None:
    """An entry with a later time is left, a new one and an overwritten one; `keys()` lists it."""
    manager = open_namespace()
    for key in (b"old", b"overwritten"):
        manager[key] = "before"
    clock.advance(0.001)
    for key in (b"overwritten", b"new"):
        manager[key] = "after"
    clock.advance(-0.001)
    assert [b"new", b"old", b"overwritten"] == names(manager)
    manager.remove()
    assert [b"new", b"overwritten"] == names(manager)
    assert "after" == manager[b"overwritten"]
    clock.advance(0.001)
    manager.remove()
    assert [] == names(manager)


def test_clear_amid_writes(open_namespace: Opener, clock: Clock) -> None:
    """What is new, or was overwritten before `clear()` has listed it, is there afterwards."""
    manager = open_namespace()
    fill(manager, 100)
    items = manager.backend.items
    real, first = items.call, threading.Lock()

    def call(method: str, **params: Any) -> Any:
        if method in ("query", "scan"):
            with first:  # segments are read at once
                if b"new" not in manager:
                    clock.advance(0.001)
                    manager[b"new"] = manager[b"7"] = "after"
        return real(method, **params)

    with mock.patch.object(items, "call", call):
        manager.remove()
    assert [b"7", b"new"] == names(manager)


def test_what_is_overwritten_before_its_page_is_listed_stays(
    open_namespace: Opener, clock: Clock
) -> None:
    """With a sort key `clear()` lists few entries at once; what is overwritten meanwhile stays."""
    manager = open_namespace()
    fill(manager, 60)
    items = manager.backend.items
    real = items.call

    def call(method: str, **params: Any) -> Any:
        if method == "batch_write_item" and b"late" not in manager:
            clock.advance(0.001)
            manager[b"late"] = manager[b"59"] = "after"  # of the last page
        return real(method, **params)

    with mock.patch.object(items, "call", call), mock.patch.object(query, "DELETED_PAGE", 25):
        manager.remove()
    left = names(manager)
    assert b"late" in left
    assert not open_namespace.sorted or b"59" in left


def test_entries_of_a_damaged_time_are_cleared(open_namespace: Opener) -> None:
    """What does not say when it was written has not been written later."""
    manager = open_namespace()
    manager[b"k"] = 1
    item = open_namespace.item()
    open_namespace.put({**item, "created": {"S": "yesterday"}})
    manager.remove()
    del item["created"]
    assert [] == open_namespace.items()
    open_namespace.put(item)
    manager.remove()
    assert [] == open_namespace.items()


def test_a_listing_is_sent_no_value(open_namespace: Opener, sent: CallRecorder) -> None:
    """A listing gets keys and times only; where it is a Scan, it is one in four parts."""
    manager = open_namespace()
    manager.set_value(b"k", "value", expiretime=60)
    sent.clear()
    manager.keys()
    manager.remove()
    listings = [call for call in sent if call.operation != "BatchWriteItem"]
    given = [item for call in listings for item in call.response["Items"]]
    expected = {"id", "type", "created", "deadline"} | (
        {"part"} if open_namespace.sorted else set()
    )
    assert [expected, expected] == [set(item) for item in given]
    parts = [] if open_namespace.sorted else [0, 0, 1, 1, 2, 2, 3, 3]
    assert parts == sorted(
        call.params["Segment"] for call in listings if call.params.get("TotalSegments") == 4
    )


def test_what_a_scan_amounts_to_is_logged_once(
    open_namespace: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a sort key the first listing of a table tells how much it read for how little."""
    manager = open_namespace()
    manager[b"k"] = 1
    for number in range(6):
        open_namespace(f"n{number}")[b"k"] = number
    with caplog.at_level(logging.INFO, logger="beaker_dynamodb"):
        manager.keys()
        manager.remove()
    told = [text for text in caplog.messages if "sort key" in text]
    expected = f"table {open_namespace.table_name!r} has no sort key: all its 7 items were read "
    assert ([] if open_namespace.sorted else [expected + "to find 1 cache entries"]) == told


@pytest.mark.full
@pytest.mark.parametrize("engine", ["local"], scope="session")  # moto takes minutes
@pytest.mark.parametrize("shape", ["sorted"])
def test_ten_thousand_entries_are_cleared_in_400_batches(
    open_namespace: Opener, sent: CallRecorder
) -> None:
    """25 deletes a batch, besides the pages of the Query and one for the locks; neighbours stay."""
    manager, neighbour = open_namespace("user1"), open_namespace("user10")
    fill(manager, 10_000)
    fill(neighbour, 30)
    assert 10_000 == len(manager.keys())
    sent.clear()
    manager.remove()
    assert {"BatchWriteItem": 400, "Query": 42} == Counter(sent.operations)
    assert [] == manager.keys()
    assert 30 == len(neighbour.keys())

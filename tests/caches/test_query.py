"""`keys()` and `clear()`: what they read, what they cost, and what they keep."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.caches import query
from beaker_dynamodb.dynamodb import batches
from beaker_dynamodb.items.item import CACHE, Item
from beaker_dynamodb.items.keys import key_bytes
from tests.caches.conftest import Options
from tests.clock import Clock
from tests.opening import Opener, payload
from tests.servers.endpoint import DynamoDBClient
from tests.servers.recorder import CallRecorder

pytestmark = pytest.mark.both_shapes


@pytest.fixture
def clock() -> Clock:
    return Clock(4_000_000_000.0)


@pytest.fixture
def open_namespace(
    options: Options, shape: str, clock: Clock, client: DynamoDBClient, table_name: str
) -> Opener:
    extra = {"sort_key": "part"} if shape == "sorted" else {}
    return Opener({**options, **extra, "clock": clock}, client, table_name)


def fill(manager: DynamoDBNamespaceManager, count: int) -> None:
    """Store entries with the keys 0, 1, 2, …."""
    backend = manager.backend
    now_ms = backend.items.now_ms()
    puts = []
    for number in range(count):
        key = backend.keys.entry(manager.namespace, str(number))
        item = Item(key, CACHE, b"", "pickle", created_ms=now_ms, deadline_ms=None)
        puts.append({"PutRequest": {"Item": backend.items.layout.attributes(item)}})
    batches.write(backend.items, puts)


def names(manager: DynamoDBNamespaceManager) -> list[bytes]:
    """Return the keys of a cache, sorted."""
    return sorted(map(key_bytes, manager.keys()))


def before_calls(
    monkeypatch: pytest.MonkeyPatch,
    manager: DynamoDBNamespaceManager,
    methods: set[str],
    act: Callable[[], object],
) -> None:
    """Run an action of another process once, before the first call of one of these methods."""
    items = manager.backend.items
    real, turn = items.call, threading.Lock()
    acted: list[int] = []

    def call(method: str, **params: Any) -> Any:
        with turn:  # the segments of a Scan are read in parallel
            if method in methods and not acted:
                acted.append(1)
                act()
        return real(method, **params)

    monkeypatch.setattr(items, "call", call)


@pytest.mark.both_servers
def test_sessions_locks_and_other_namespaces_are_not_cleared(open_namespace: Opener) -> None:
    cache = open_namespace("user1")
    cache[b"k"] = 1
    others = [open_namespace(name) for name in ("user10", "user", "user1|k", "user1:", "")]
    others.append(open_namespace("user1", prefix="cache:user1"))
    for other in others:
        other[b"k"] = 10
    for prefix in ({}, {"prefix": "cache:"}):
        open_namespace("user1", **prefix)["session"] = payload(name="user1")
    locks = [manager.get_creation_lock(b"k") for manager in (cache, *others)]
    for lock in locks:
        lock.acquire()
    cache.remove()
    assert names(cache) == []
    kinds = Counter(item["type"]["S"] for item in open_namespace.items())
    kept = {"beaker-cache": 6, "beaker-lock": 7, "beaker-session": 2}
    assert kinds == {**kept, "beaker-tombstone": 1}
    for lock in locks:
        lock.release()
    assert [other[b"k"] for other in others] == [10] * 6


def test_entries_written_after_clear_started_are_kept(open_namespace: Opener, clock: Clock) -> None:
    manager = open_namespace()
    for key in (b"old", b"overwritten"):
        manager[key] = "before"
    clock.advance(0.001)
    for key in (b"overwritten", b"new"):
        manager[key] = "after"
    clock.advance(-0.001)
    assert names(manager) == [b"new", b"old", b"overwritten"]
    manager.remove()
    assert names(manager) == [b"new", b"overwritten"]
    clock.advance(0.001)
    manager.remove()
    assert names(manager) == []


def test_entries_written_while_clear_lists_are_kept(
    open_namespace: Opener, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager, other = open_namespace(), open_namespace(lock_timeout=58)
    fill(manager, 30)

    def write() -> None:
        clock.advance(0.001)
        other[b"new"] = other[b"7"] = "after"

    before_calls(monkeypatch, manager, {"query", "scan"}, write)
    manager.remove()
    assert names(manager) == [b"7", b"new"]


def test_an_entry_overwritten_before_its_page_is_read_is_kept(
    open_namespace: Opener, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager, other = open_namespace(), open_namespace(lock_timeout=58)
    fill(manager, 60)

    def write() -> None:
        clock.advance(0.001)
        other[b"late"] = other[b"59"] = "after"  # 59 is on the last page

    monkeypatch.setattr(query, "DELETED_PAGE", 25)
    before_calls(monkeypatch, manager, {"batch_write_item"}, write)
    manager.remove()
    assert b"late" in names(manager)
    assert not open_namespace.sorted or b"59" in names(manager)


def test_entries_with_a_damaged_time_are_cleared(open_namespace: Opener) -> None:
    manager = open_namespace()
    manager[b"k"] = 1
    item = open_namespace.item()
    missing = {name: value for name, value in item.items() if name != "created"}
    for damaged in ({**item, "created": {"S": "yesterday"}}, missing):
        open_namespace.put(damaged)
        manager.remove()
        assert open_namespace.items() == []


@pytest.mark.parametrize("consistent_read", [False, True])
def test_listings_are_sent_no_values(open_namespace: Opener, consistent_read: bool) -> None:
    manager = open_namespace(consistent_read=consistent_read)
    manager.set_value(b"k", "value", expiretime=60)
    calls: list[Any] = []
    for listing in (manager.keys, manager.remove):
        with CallRecorder(manager.client) as recorder:
            listing()
        calls.append([call for call in recorder if call.operation != "BatchWriteItem"])
    expected = {"id", "type", "created", "deadline"}
    expected |= {"part"} if open_namespace.sorted else set()
    for listed in calls:
        (item,) = [item for call in listed for item in call.response["Items"]]
        assert item.keys() == expected
    consistent = [{call.params["ConsistentRead"] for call in listed} for listed in calls]
    assert consistent == [{consistent_read}, {consistent_read or open_namespace.sorted}]
    segments = [call.params.get("Segment") for listed in calls for call in listed]
    assert sorted(filter(None, segments)) == ([] if open_namespace.sorted else [1, 1, 2, 2, 3, 3])


def test_the_cost_of_a_scan_is_logged_once(
    open_namespace: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    manager = open_namespace()
    manager[b"k"] = 1
    for number in range(6):
        open_namespace(f"n{number}")[b"k"] = number
    with caplog.at_level(logging.INFO, logger="beaker_dynamodb"):
        manager.keys()
        manager.remove()
    logged = [text for text in caplog.messages if "sort key" in text]
    expected = f"table {open_namespace.table_name!r} has no sort key: all its 7 items were read "
    assert logged == ([] if open_namespace.sorted else [expected + "to find 1 cache entries"])

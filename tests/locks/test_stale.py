"""Entries beyond their expiry: what Beaker still serves, what is gone, and what it costs."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from beaker.cache import Cache

from beaker_dynamodb import DynamoDBNamespaceManager
from tests.beaker import items, used_client
from tests.clock import Clock
from tests.servers.recorder import CallRecorder

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

KEY = b"key"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time for Beaker and for us; it begins now, for DynamoDB Local sweeps what is old."""
    clock = Clock(float(int(time.time())))
    monkeypatch.setattr("beaker.container.time", SimpleNamespace(time=clock))
    return clock


def make_cache(options: dict[str, Any], clock: Clock, **more: Any) -> Cache:
    """Make a cache whose entries live for 10 seconds, unless told otherwise."""
    return Cache("news", "ext:dynamodb", **{"expire": 10, "clock": clock, **options, **more})


class Elsewhere:
    """Another process that holds the creation lock of the key."""

    def __init__(self, cache: Cache) -> None:
        store = cache.namespace.backend
        self._lock = type(cache.namespace.get_creation_lock(KEY))(
            store.items, store.keys.lock("news", KEY)
        )

    def __enter__(self) -> None:
        assert self._lock.acquire(wait=False)

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_served_stale(options: dict[str, Any], clock: Clock) -> None:
    """An expired value is served while another process makes the new one, and then that one."""
    cache = make_cache(options, clock)
    cache.put("key", "old")
    clock.advance(10)
    with Elsewhere(cache):
        assert "old" == cache.get("key", createfunc=lambda: "not ours to make")
    cache.put("key", "new")
    assert "new" == cache.get("key", createfunc=lambda: "not made")


def test_not_in_cache(options: dict[str, Any], clock: Clock) -> None:
    """In its grace an expired value is not in the cache, not among its keys, and not to be got."""
    cache = make_cache(options, clock)
    cache.put("key", "old")
    clock.advance(10)
    assert "key" not in cache
    assert [] == cache.namespace.keys()
    with pytest.raises(KeyError):
        cache.get("key")


@pytest.mark.parametrize(("grace", "seconds", "there"), [(60, 69.9, True), (60, 70, False)])
def test_end_of_grace(
    options: dict[str, Any], clock: Clock, grace: float, seconds: float, there: bool
) -> None:
    """An entry is gone, for the namespace too, when its grace is over."""
    cache = make_cache(options, clock, stale_grace=grace)
    cache.put("key", "old")
    clock.advance(seconds)
    assert there == cache.namespace.has_key(KEY)


@pytest.mark.parametrize(("writer", "reader"), [(0, 60), (60, 0), (0, 0)])
def test_no_grace(options: dict[str, Any], clock: Clock, writer: float, reader: float) -> None:
    """With stale_grace = 0, of the writer or the reader, an expired entry is gone at once."""
    make_cache(options, clock, stale_grace=writer).put("key", "old")
    namespace = make_cache(options, clock, stale_grace=reader).namespace
    clock.advance(9.999)
    assert namespace.has_key(KEY)
    clock.advance(0.001)
    assert not namespace.has_key(KEY)


def test_expiry_of_ours(options: dict[str, Any], clock: Clock) -> None:
    """A life that Beaker knows nothing of has no grace: Beaker would take the value for fresh."""
    cache = make_cache(options, clock, expire=None, timeout=10)
    cache.put("key", "old")
    clock.advance(10)
    assert "key" not in cache
    assert "new" == cache.get("key", createfunc=lambda: "new")


@pytest.mark.parametrize("value", ["plain", (1, 2, 3), (0.0, None, "x"), ("a", 10, "x")])
def test_plain_values(options: dict[str, Any], clock: Clock, value: object) -> None:
    """A value that was not stored by Beaker's Cache cannot be told to be stale, and is gone."""
    namespace = DynamoDBNamespaceManager("news", clock=clock, **options)
    namespace.set_value(KEY, value, expiretime=10)
    clock.advance(10)
    assert KEY not in namespace


@pytest.mark.parametrize(("more", "extra"), [({}, 60), ({"stale_grace": 1.5}, 2)])
def test_time_to_live(
    options: dict[str, Any],
    clock: Clock,
    client: DynamoDBClient,
    table_name: str,
    more: dict[str, Any],
    extra: int,
) -> None:
    """DynamoDB sweeps an entry after the end of its grace; its deadline is its exact expiry."""
    make_cache(options, clock, **more).put("key", "old")
    (item,) = items(client, table_name).values()
    assert int(clock.now) + 10 + extra == int(item["expires"]["N"])
    assert clock.now + 10 == float(item["deadline"]["N"])


def test_cost_of_a_miss(options: dict[str, Any], clock: Clock) -> None:
    """A miss is two reads, the lock taken and given back, and one write; then a hit one read."""
    cache = make_cache(options, clock)
    assert "key" not in cache
    with CallRecorder(used_client(options)) as sent:
        cache.get("key", createfunc=lambda: "value")
        assert ["GetItem", "PutItem", "GetItem", "PutItem", "DeleteItem"] == sent.operations
        sent.clear()
        cache.get("key", createfunc=lambda: "not made")
        assert ["GetItem"] == sent.operations


def test_cost_of_stale(options: dict[str, Any], clock: Clock) -> None:
    """An old value that is served while another process makes the new one is one read."""
    cache = make_cache(options, clock)
    cache.put("key", "old")
    clock.advance(10)
    with Elsewhere(cache):
        cache.get("key", createfunc=lambda: "not made")
        with CallRecorder(used_client(options)) as sent:
            cache.get("key", createfunc=lambda: "not made")
    assert ["GetItem"] == sent.operations


def test_second_look(options: dict[str, Any], clock: Clock) -> None:
    """Under the lock an entry is read strongly consistent, also where reads are not to be."""
    cache = make_cache(options, clock, consistent_read=False)
    assert "key" not in cache
    with CallRecorder(used_client(options)) as sent:
        cache.get("key", createfunc=lambda: "value")
    reads = [call.params["ConsistentRead"] for call in sent if call.operation == "GetItem"]
    assert [False, True] == reads


def test_failing_createfunc(options: dict[str, Any], clock: Clock) -> None:
    """A createfunc that fails gives the lock back: the next caller makes the value."""
    cache = make_cache(options, clock)
    with pytest.raises(ZeroDivisionError):
        cache.get("key", createfunc=lambda: 1 / 0)
    with Elsewhere(cache):
        pass
    assert "value" == cache.get("key", createfunc=lambda: "value")


def test_cost_of_waiting_threads(
    options: dict[str, Any], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads that waited for one value in one process share one lock, and read once each."""
    cache = make_cache(options, clock)
    assert "key" not in cache
    shared = cache.namespace.get_creation_lock(KEY)
    asked, finish = threading.Semaphore(0), threading.Event()
    wait_for = threading.Condition.wait_for

    def announced(condition: threading.Condition, predicate: Any, timeout: Any = None) -> bool:
        if condition is shared._turn:
            asked.release()
        answered: bool = wait_for(condition, predicate, timeout)
        return answered

    monkeypatch.setattr(threading.Condition, "wait_for", announced)

    def create() -> str:
        finish.wait()
        return "value"

    threads = [
        threading.Thread(target=lambda: cache.get("key", createfunc=create)) for _ in range(8)
    ]
    with CallRecorder(used_client(options)) as sent:
        for thread in threads:
            thread.start()
        for _ in threads:
            asked.acquire()
        finish.set()
        for thread in threads:
            thread.join()
    assert 16 == sent.operations.count("GetItem")
    assert 2 == sent.operations.count("PutItem")
    assert 1 == sent.operations.count("DeleteItem")

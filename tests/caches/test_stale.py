"""Expired entries: what is served during `stale_grace`, and what hits and misses cost."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from beaker.cache import Cache

from beaker_dynamodb import DynamoDBNamespaceManager
from tests.beaker import used_client
from tests.caches.conftest import MakeLock, Options
from tests.clock import Clock
from tests.servers.recorder import CallRecorder

KEY = b"key"


def make_cache(options: Options, clock: Clock, **extra: Any) -> Cache:
    """Make a cache whose entries expire after 10 seconds."""
    return Cache("news", "ext:dynamodb", **{"expire": 10, "clock": clock, **options, **extra})


@pytest.fixture
def cache(options: Options, clock: Clock) -> Cache:
    cache = make_cache(options, clock)
    assert "key" not in cache
    return cache


def test_an_expired_value_is_served_while_another_process_computes(
    cache: Cache, clock: Clock, make_lock: MakeLock
) -> None:
    cache.put("key", "old")
    clock.advance(10)
    assert "key" not in cache
    assert cache.namespace.keys() == []
    with pytest.raises(KeyError):
        cache.get("key")
    held_elsewhere = make_lock()
    assert held_elsewhere.acquire(wait=False)
    assert cache.get("key", createfunc=lambda: "not computed") == "old"
    with CallRecorder(cache.namespace.client) as sent:
        cache.get("key", createfunc=lambda: "not computed")
    assert sent.operations == ["GetItem"]
    held_elsewhere.release()
    cache.put("key", "new")
    assert cache.get("key", createfunc=lambda: "not computed") == "new"


@pytest.mark.parametrize(
    ("writer", "reader", "lifetime"), [(60, 60, 70), (1.5, 60, 11.5), (0, 60, 10), (60, 0, 10)]
)
def test_an_entry_is_readable_until_the_shorter_grace_ends(
    options: Options, clock: Clock, writer: float, reader: float, lifetime: float
) -> None:
    make_cache(options, clock, stale_grace=writer).put("key", "old")
    namespace = make_cache(options, clock, stale_grace=reader).namespace
    clock.advance(lifetime - 0.001)
    assert namespace.has_key(KEY)
    clock.advance(0.001)
    assert not namespace.has_key(KEY)


def test_a_value_that_beaker_did_not_store_has_no_grace(options: Options, clock: Clock) -> None:
    namespace = DynamoDBNamespaceManager("news", clock=clock, **options)
    values: list[object] = ["plain", (1, 2, 3), (0.0, None, "x"), ("a", 10, "x")]
    for value in values:
        namespace.set_value(KEY, value, expiretime=10)
        clock.advance(10)
        assert KEY not in namespace


def test_under_the_lock_the_read_is_strongly_consistent(options: Options, clock: Clock) -> None:
    cache = make_cache(options, clock, consistent_read=False)
    assert "key" not in cache
    with CallRecorder(used_client(options)) as sent:
        cache.get("key", createfunc=lambda: "value")
    reads = [call.params["ConsistentRead"] for call in sent if call.operation == "GetItem"]
    assert reads == [False, True]


def test_waiting_threads_share_one_lock_and_read_once_each(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = cache.namespace.get_creation_lock(KEY)  # kept, so that all threads share it
    asked, finish = threading.Semaphore(0), threading.Event()
    wait_for = lock._turn.wait_for

    def announced(predicate: Any, timeout: float | None = None) -> bool:
        asked.release()
        answer: bool = wait_for(predicate, timeout)
        return answer

    monkeypatch.setattr(lock._turn, "wait_for", announced)

    def create() -> str:
        finish.wait()
        return "value"

    threads = [
        threading.Thread(target=lambda: cache.get("key", createfunc=create)) for _ in range(8)
    ]
    with CallRecorder(cache.namespace.client) as sent:
        for thread in threads:
            thread.start()
        for _ in threads:
            asked.acquire()
        finish.set()
        for thread in threads:
            thread.join()
    assert sent.operations.count("GetItem") == 16
    assert sent.operations.count("PutItem") == 2
    assert sent.operations.count("DeleteItem") == 1

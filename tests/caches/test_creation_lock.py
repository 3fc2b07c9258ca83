"""The creation lock: acquisition, waiting, takeover, and the number of calls."""

from __future__ import annotations

import gc
import threading
from contextlib import suppress
from typing import Any

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager, LockTimeout
from beaker_dynamodb.caches import lease, lock_registry
from beaker_dynamodb.caches.creation_lock import CreationLock
from beaker_dynamodb.caches.heartbeat import Heartbeat
from beaker_dynamodb.caches.lock_registry import LockRegistry
from tests.caches.conftest import LEASE, MakeLock, Options, Time, die, in_thread
from tests.servers.recorder import CallRecorder


@pytest.mark.both_servers
def test_one_of_two_processes_holds_the_lock(make_lock: MakeLock, time: Time) -> None:
    one, two = make_lock(), make_lock()
    assert one.acquire(wait=False)
    assert not two.acquire(wait=False)
    one.release()
    time.advance(lease.HELD_ELSEWHERE_SECONDS)
    assert two.acquire(wait=False)


def test_reentry_and_a_refused_thread_cost_no_call(make_lock: MakeLock, sent: CallRecorder) -> None:
    lock = make_lock()
    lock.acquire()
    sent.clear()
    assert lock.acquire(wait=False)
    lock.release()
    assert in_thread(lambda: lock.acquire(wait=False)) is False
    assert sent.operations == []
    lock.release()
    assert sent.operations == ["DeleteItem"]
    lock.acquire()
    owners = {call.params["Item"]["owner"]["S"] for call in sent if "Item" in call.params}
    lock.release()
    lock.acquire()
    assert sent[-1].params["Item"]["owner"]["S"] not in owners


def test_a_thousand_attempts_on_a_held_lock_are_one_write(
    make_lock: MakeLock, time: Time, sent: CallRecorder
) -> None:
    one, two = make_lock(), make_lock()
    one.acquire()
    sent.clear()
    assert not any(two.acquire(wait=False) for _ in range(1000))
    assert sent.operations == ["PutItem"]
    time.advance(lease.HELD_ELSEWHERE_SECONDS)
    two.acquire(wait=False)
    assert sent.operations == ["PutItem"] * 2


def test_a_waiting_caller_polls_at_growing_intervals(
    make_lock: MakeLock, time: Time, sent: CallRecorder
) -> None:
    one, two = make_lock(), make_lock()
    one.acquire()
    sent.clear()
    time.during = lambda: one.release() if len(time.pauses) == 7 else None
    two.acquire()
    assert two.held
    assert sent.operations == ["PutItem", *["GetItem"] * 6, "DeleteItem", "GetItem", "PutItem"]
    for pause, longest in zip(time.pauses, [0.05, 0.1, 0.2, 0.4, 0.8, 1, 1], strict=True):
        assert longest / 2 <= pause <= longest


def test_polling_speeds_up_when_the_lock_changes_hands(make_lock: MakeLock, time: Time) -> None:
    one, two, three = make_lock(), make_lock(), make_lock()
    one.acquire()

    def change_hands() -> None:
        if len(time.pauses) == 6:
            one.release()
            assert three.acquire(wait=False)
        elif len(time.pauses) == 8:
            three.release()

    time.during = change_hands
    two.acquire()
    assert time.pauses[5] >= 0.5
    assert time.pauses[6] <= 0.05
    assert 0.05 <= time.pauses[7] <= 0.1
    assert len(time.pauses) == 8


def test_a_waiting_caller_gives_up_after_lock_timeout(
    make_lock: MakeLock, heartbeat: Heartbeat, time: Time, table_name: str
) -> None:
    one, two = make_lock(), make_lock()
    one.acquire()
    time.during = heartbeat.renew_due
    with pytest.raises(LockTimeout, match=r"more than 60 s; .* increase lock_timeout") as caught:
        two.acquire()
    assert caught.value.table == table_name
    assert time.now == 60
    assert min(time.pauses[5:-1]) >= 0.5  # a renewal does not speed up polling
    one.release()
    assert two.acquire()


@pytest.mark.parametrize("on_error", ["raise", "miss"])
def test_a_thread_gives_up_waiting_for_another_one(options: Options, on_error: str) -> None:
    extra = {"on_error": on_error, "lock_timeout": 0.01}
    lock = DynamoDBNamespaceManager("news", **options, **extra).get_creation_lock(b"key")
    lock.acquire()
    lock._waiting = 1  # the lease is kept, and used again
    lock.release()
    lock._waiting = 0
    lock.acquire()

    def wait() -> bool:
        with pytest.raises(LockTimeout):
            lock.acquire()
        return lock.held

    assert in_thread(wait) is False
    lock.release()


@pytest.mark.parametrize("at_once", [False, True])
def test_an_interrupted_waiter_leaves_no_lock_behind(
    make_lock: MakeLock, monkeypatch: pytest.MonkeyPatch, at_once: bool
) -> None:
    one, two = make_lock(), make_lock()
    one.acquire()
    waiting = threading.Event()
    wait_for = one._turn.wait_for

    def interrupted(predicate: Any, timeout: float | None = None) -> bool:
        waiting.set()
        if not at_once:
            wait_for(predicate, timeout)
        raise KeyboardInterrupt  # like gevent's Timeout

    monkeypatch.setattr(one._turn, "wait_for", interrupted)

    def wait() -> None:
        with suppress(KeyboardInterrupt):
            one.acquire()

    thread = threading.Thread(target=wait)
    thread.start()
    waiting.wait()
    if at_once:
        thread.join()
        assert not one.lost
        assert not two.acquire(wait=False)
    one.release()
    thread.join()
    assert one._lease is None
    assert two._acquirer._items.read(two._acquirer._key) is None


@pytest.mark.both_servers
def test_a_waiting_caller_takes_an_abandoned_lock_over_after_one_lease(
    make_lock: MakeLock, time: Time
) -> None:
    one, two = make_lock(), make_lock()
    one.acquire()
    die(one)
    time.advance(1000)  # the clocks of two processes are never compared
    two.acquire()
    assert time.now == 1000 + LEASE


def test_one_of_two_callers_that_do_not_wait_takes_an_abandoned_lock_over(
    make_lock: MakeLock, time: Time
) -> None:
    one, two, three = make_lock(), make_lock(), make_lock()
    one.acquire()
    die(one)
    for seconds, taken in ((0, False), (LEASE - 1, False), (1, True)):
        time.advance(seconds)
        assert two.acquire(wait=False) is taken
        assert not three.acquire(wait=False)


def test_an_abandoned_lock_is_remembered_without_a_lock_object(
    options: Options, make_lock: MakeLock, time: Time
) -> None:
    one = make_lock()
    one.acquire()
    die(one)
    namespace = DynamoDBNamespaceManager("news", **options)
    assert not namespace.get_creation_lock(b"key").acquire(wait=False)
    gc.collect()
    time.advance(LEASE)
    assert namespace.get_creation_lock(b"key").acquire(wait=False)


def test_the_locks_seen_last_are_remembered(
    options: Options, registry: LockRegistry, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_registry, "MAX_HELD_ELSEWHERE", 2)
    elsewhere = DynamoDBNamespaceManager("news", lock_timeout=58, **options)
    namespace = DynamoDBNamespaceManager("news", **options)
    for key in (b"1", b"2", b"3"):
        elsewhere.get_creation_lock(key).acquire()
    first, second, third = (namespace.get_creation_lock(key) for key in (b"1", b"2", b"3"))
    for lock in (first, second, first, third):
        assert not lock.acquire(wait=False)
        time.advance(lease.HELD_ELSEWHERE_SECONDS)
    assert list(registry._held_elsewhere) == [first, third]


def test_equal_options_share_one_lock_per_key(options: Options) -> None:
    def lock(key: bytes, **extra: Any) -> CreationLock:
        return DynamoDBNamespaceManager("news", **options, **extra).get_creation_lock(key)

    kept = lock(b"key")
    assert type(kept) is CreationLock
    assert lock(b"key") is kept
    assert lock(b"other") is not kept
    assert lock(b"key", lock_timeout=40) is not kept


def test_the_heartbeat_uses_the_clock_of_the_registry(time: Time) -> None:
    assert LockRegistry(lease.Clock(time)).heartbeat._monotonic is time


def test_a_thread_holds_the_lock_it_acquired(options: Options, registry: LockRegistry) -> None:
    manager = DynamoDBNamespaceManager("news", **options)
    key = manager.backend.keys.lock("news", b"key")

    def held() -> CreationLock | None:
        return registry.lock_of_this_thread(manager._cache_storage(), key)

    assert held() is None
    lock = manager.get_creation_lock(b"key")
    assert held() is None
    lock.acquire()
    assert held() is lock
    assert in_thread(held) is None
    lock.release()
    assert held() is None

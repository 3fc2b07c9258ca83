"""``on_error = miss``: the creation lock during an outage."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

import pytest

from beaker_dynamodb import LockTimeout
from beaker_dynamodb.caches.creation_lock import FallbackLock
from beaker_dynamodb.caches.lock_registry import LockRegistry
from tests.caches.conftest import MakeLock, Options, Time, in_thread, make_cache
from tests.dynamodb.breakers import open_breaker, without_probes
from tests.dynamodb.fake_server import OFFLINE
from tests.servers.recorder import CallRecorder
from tests.stubbed import Script


def test_a_thread_that_has_waited_lock_timeout_continues_without_the_lock() -> None:
    lock = make_cache(OFFLINE, lock_timeout=0.05).namespace.get_creation_lock(b"key")
    lock.acquire()

    def late() -> tuple[bool, bool]:
        first = lock.acquire()
        lock.release()
        return first, lock.acquire(wait=False)

    # Its release did not free the other thread's lock.
    assert in_thread(late) == (True, False)
    lock.release()


def test_a_thread_that_waits_for_a_throttled_one_continues_without_the_lock() -> None:
    with Script().refuse("put_item", "ThrottlingException") as script:
        manager = script.manager(on_error="miss", lock_timeout=0.05)
        lock = manager.get_creation_lock(b"key")
        lock.acquire()
        assert in_thread(lock.acquire)
        lock.release()


def test_a_thread_continues_without_the_lock_if_the_circuit_breaker_opened_while_it_waited(
    options: Options, registry: LockRegistry, time: Time
) -> None:
    cache = make_cache(options, lock_timeout=0.05)
    breaker = without_probes(cache.namespace.backend.options, time)
    lock = cache.namespace.get_creation_lock(b"key")
    asked, answered = threading.Event(), threading.Event()

    def hang(until: float) -> Any:
        open_breaker(breaker)
        asked.set()
        answered.wait()

    lock._acquirer.wait = hang

    def ask() -> None:
        with suppress(LockTimeout):
            lock.acquire()

    asking = threading.Thread(target=ask)
    asking.start()
    asked.wait()
    assert lock.acquire()
    lock.release()
    answered.set()
    asking.join()


def test_the_lock_is_shared_with_other_processes_once_the_circuit_breaker_closes(
    options: Options, registry: LockRegistry, make_lock: MakeLock, time: Time
) -> None:
    cache = make_cache(options)
    breaker = without_probes(cache.namespace.backend.options, time)
    lock = cache.namespace.get_creation_lock(b"key")
    assert isinstance(lock, FallbackLock)
    open_breaker(breaker)
    assert lock.acquire(wait=False)
    lock.release()
    breaker.answered()
    assert lock.acquire(wait=False)
    assert not make_lock().acquire(wait=False)
    lock.release()
    lock.acquire_read_lock()
    assert not make_lock().acquire(wait=False)


def test_a_lock_that_another_process_holds_is_not_taken_after_an_outage_elsewhere(
    options: Options, make_lock: MakeLock, registry: LockRegistry, time: Time
) -> None:
    cache = make_cache(options, time)
    storage = cache.namespace._cache_storage()
    backend = cache.namespace.backend
    breaker = without_probes(backend.options, time)
    lock = FallbackLock(
        backend.items,
        backend.keys.lock("news", b"key"),
        registry.heartbeat,
        registry.clock,
        tolerates=storage.tolerates,
    )
    holder = make_lock()
    holder.acquire()

    def meanwhile() -> None:
        if time.now < 1:  # calls to another table get no answer, then calls to this table do
            open_breaker(breaker)
            breaker.answered()
        registry.heartbeat.renew_due()

    time.during = meanwhile
    with pytest.raises(LockTimeout):
        lock.acquire()
    assert time.now >= backend.options.lock_timeout
    assert not holder.lost


@pytest.mark.parametrize(("began", "goes_on"), [(9.0, True), (11.0, False)])
def test_a_thread_skips_its_turn_if_an_outage_ended_while_it_waited(
    options: Options, registry: LockRegistry, time: Time, began: float, goes_on: bool
) -> None:
    cache = make_cache(options, time)
    breaker = without_probes(cache.namespace.backend.options, time)
    lock = cache.namespace.get_creation_lock(b"key")
    open_breaker(breaker)
    time.advance(10)
    breaker.answered()
    time.advance(10)
    assert lock._may_continue_without_turn(began) is goes_on


def test_during_an_outage_a_kept_lease_is_used_and_a_lost_one_forgotten(
    options: Options, registry: LockRegistry, time: Time
) -> None:
    cache = make_cache(options, time)
    breaker = without_probes(cache.namespace.backend.options, time)
    lock = cache.namespace.get_creation_lock(b"key")
    lock.acquire()
    with CallRecorder(cache.namespace.client) as calls:
        for seconds, kept in ((0, True), (30, False)):
            lock._waiting = 1  # a thread to which the lease is passed
            lock.release()
            lock._waiting = 0
            time.advance(seconds)
            open_breaker(breaker)
            assert lock.acquire(wait=False)
            assert (lock._lease is not None) is kept
    lock.release()
    assert calls.operations == []

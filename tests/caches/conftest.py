"""Fixtures: creation locks as in several processes, and a clock that tests advance."""

from __future__ import annotations

import time as real_time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from beaker.cache import Cache

from beaker_dynamodb import DynamoDBNamespaceManager, backend
from beaker_dynamodb.caches import lock_registry
from beaker_dynamodb.caches.creation_lock import CreationLock
from beaker_dynamodb.caches.heartbeat import Heartbeat
from beaker_dynamodb.caches.lease import Clock as LockClock
from beaker_dynamodb.caches.lock_registry import LockRegistry
from beaker_dynamodb.dynamodb.event_counter import EventCounter
from tests.beaker import used_client
from tests.clock import Clock
from tests.servers.recorder import CallRecorder

#: Default lease in seconds.
LEASE = 30.0
Options = dict[str, Any]
#: Creates a lock on the key ``key`` that shares no state with other locks, as in another process.
MakeLock = Callable[[], CreationLock]


class Time(Clock):
    """A monotonic clock that `sleep` advances without waiting."""

    def __init__(self) -> None:
        super().__init__(0.0)
        self.pauses: list[float] = []
        self.during: Callable[[], object] = int

    def sleep(self, seconds: float) -> None:
        """Advance the clock, and run the actions of other processes."""
        self.pauses.append(seconds)
        self.advance(seconds)
        self.during()


class StoppedHeartbeat(Heartbeat):
    """A heartbeat without a thread: tests call `renew_due`."""

    def run(self) -> None:
        """Return at once."""


def die(lock: CreationLock) -> None:
    """Simulate the end of a holder's process, without a release."""
    assert lock._lease is not None
    lock._heartbeat.remove(lock._lease)


def in_thread(action: Callable[[], Any]) -> Any:
    """Return the result of a function in another thread."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(action).result()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of Beaker's values, which tests pass to managers too."""
    clock = Clock(float(int(real_time.time())))
    monkeypatch.setattr("beaker.container.time", SimpleNamespace(time=clock))
    return clock


@pytest.fixture
def registry(time: Time, monkeypatch: pytest.MonkeyPatch) -> LockRegistry:
    registry = LockRegistry(LockClock(time, time.sleep))
    registry.heartbeat = StoppedHeartbeat(time)
    monkeypatch.setattr(lock_registry, "locks", registry)
    return registry


@pytest.fixture
def heartbeat(registry: LockRegistry) -> Heartbeat:
    return registry.heartbeat


@pytest.fixture
def make_lock(options: Options, registry: LockRegistry) -> MakeLock:
    backend = DynamoDBNamespaceManager("news", **options).backend
    key = backend.keys.lock("news", b"key")
    return lambda: CreationLock(backend.items, key, registry.heartbeat, registry.clock)


@pytest.fixture
def sent(options: Options) -> Iterator[CallRecorder]:
    with CallRecorder(used_client(options)) as recorder:
        yield recorder


def make_cache(options: Options, time: Time | None = None, **extra: Any) -> Cache:
    """Make a cache that sends each call once and tolerates errors."""
    settings = {"on_error": "miss", "max_attempts": 1, **options, **extra}
    cache = Cache("news", "ext:dynamodb", **settings)
    if time is not None:
        cache.namespace._cache_storage().tolerated = EventCounter(time)
    return cache


@pytest.fixture(autouse=True)
def _forget_earlier_outages(monkeypatch: pytest.MonkeyPatch) -> None:
    backend._cached_backend.cache_clear()

"""The creation locks of this process: one object per key, shared by its threads."""

from __future__ import annotations

import threading
from weakref import WeakValueDictionary

from beaker_dynamodb.caches.creation_lock import CreationLock, FallbackLock
from beaker_dynamodb.caches.heartbeat import Heartbeat
from beaker_dynamodb.caches.lease import Clock
from beaker_dynamodb.caches.storage import CacheStorage
from beaker_dynamodb.dynamodb.forks import after_fork, check_process
from beaker_dynamodb.items.keys import Key

#: Maximum number of locks held by other processes that are kept in memory.
MAX_HELD_ELSEWHERE = 1000


class LockRegistry:
    """The locks of a process, and the heartbeat that renews their leases."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.heartbeat = Heartbeat(self.clock.monotonic)
        self._locks: WeakValueDictionary[tuple[int, Key], CreationLock] = WeakValueDictionary()
        # Beaker drops a lock that it failed to acquire. A new object would not know how long the
        # lock has been held, so callers that do not wait would never take over an abandoned lock.
        self._held_elsewhere: dict[CreationLock, None] = {}
        self._mutex = threading.Lock()

    def lock(self, storage: CacheStorage, key: Key) -> CreationLock:
        """Return the lock with this primary key: one object per storage, while it is in use."""
        check_process()
        name = id(storage.items), key
        with self._mutex:
            lock = self._locks.get(name)
            if lock is None:
                args = storage.items, key, self.heartbeat, self.clock, self._remember
                if storage.options.on_error == "miss":
                    lock = FallbackLock(*args, tolerates=storage.tolerates)
                else:
                    lock = CreationLock(*args)
                self._locks[name] = lock
            return lock

    def lock_of_this_thread(self, storage: CacheStorage, key: Key) -> CreationLock | None:
        """Return the lock with this primary key if this thread holds it."""
        lock = self._locks.get((id(storage.items), key)) if self._locks else None
        return lock if lock is not None and lock.held else None

    def reset(self) -> None:
        """Forget all leases in a forked process: they belong to the parent."""
        self._mutex = threading.Lock()
        self.heartbeat.reset()
        for lock in list(self._locks.values()):
            lock.reset()

    def _remember(self, lock: CreationLock) -> None:
        with self._mutex:
            self._held_elsewhere.pop(lock, None)
            self._held_elsewhere[lock] = None
            if len(self._held_elsewhere) > MAX_HELD_ELSEWHERE:
                del self._held_elsewhere[next(iter(self._held_elsewhere))]


locks = LockRegistry()

after_fork(lambda: locks.reset())

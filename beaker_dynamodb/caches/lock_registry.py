"""The creation locks of this process: one object for each key, however many ask for it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from beaker_dynamodb.caches.creation_lock import DynamoDBSynchronizer
from beaker_dynamodb.dynamodb.client import connection_key
from beaker_dynamodb.dynamodb.forks import after_fork, check_process

if TYPE_CHECKING:
    from beaker_dynamodb.caches.storage import CacheStorage
    from beaker_dynamodb.items.keys import Key

_registry = threading.Lock()
_locks: WeakValueDictionary[Any, DynamoDBSynchronizer] = WeakValueDictionary()


def creation_lock(store: CacheStorage, key: Key) -> DynamoDBSynchronizer:
    """Give the lock with this primary key: one object per process, table and set of limits."""
    check_process()
    name = _name(store, key)
    with _registry:
        lock = _locks.get(name)
        if lock is None:
            lock = _locks[name] = DynamoDBSynchronizer(store.items, key, store.outage)
        return lock


def held_lock(store: CacheStorage, key: Key) -> DynamoDBSynchronizer | None:
    """Give the lock with this primary key if this thread holds it."""
    if not _locks:
        return None
    lock = _locks.get(_name(store, key))
    return lock if lock is not None and lock.mine else None


def _name(store: CacheStorage, key: Key) -> tuple[Any, ...]:
    options = store.options
    limits = options.lock_timeout, options.on_error
    return connection_key(options), id(options.client), options.table_name, limits, key


def _after_fork() -> None:
    # Threads and what they hold stay behind in the parent.
    global _registry
    _registry = threading.Lock()
    for lock in list(_locks.values()):
        lock.reset()


after_fork(_after_fork)

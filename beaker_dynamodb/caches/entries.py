"""The cache entries of one namespace."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from beaker_dynamodb.caches import lock_registry
from beaker_dynamodb.caches.creation_lock import CreationLock
from beaker_dynamodb.caches.storage import CacheStorage
from beaker_dynamodb.exceptions import StoreUnavailable
from beaker_dynamodb.items.codec import Undecodable
from beaker_dynamodb.items.item import CACHE, Item, new_token

log = logging.getLogger("beaker_dynamodb")
T = TypeVar("T")


class CacheEntries:
    """Reads, writes and lists the cache entries of a namespace."""

    def __init__(self, storage: CacheStorage, namespace: str) -> None:
        self._storage = storage
        self._namespace = namespace

    def read(self, key: str | bytes, default: object) -> Any:
        """Return the value, or ``default`` if it is missing, expired or undecodable.

        Costs one GetItem, and the chunks of a large value. If Beaker can tell that a value has
        expired, it is returned for `stale_grace` more seconds.
        """
        storage = self._storage
        lock = self._held_lock(key)
        saw = None
        if lock is not None and not lock.computation.running:
            lock.computation.start(storage.items.now_ms())
            saw = lock.computation.remember
        item = self._call(
            lambda: storage.items.get(
                storage.keys.entry(self._namespace, key),
                CACHE,
                grace_ms=storage.stale_grace_ms,
                # Under the lock, the read must see the previous holder's value.
                consistent_read=None if lock is None else True,
                saw=saw,
            ),
            lock,
        )
        if item is None:
            return default
        try:
            return storage.codec.decode(item)
        except Undecodable as error:
            if unreported := storage.undecodable.add():
                log.warning(
                    "table %r: an undecodable cache entry is treated as missing: %s; such entries "
                    "since the last warning: %d",
                    storage.options.table_name,
                    error,
                    unreported,
                )
            return default

    def write(self, key: str | bytes, value: Any, expiretime: float | None) -> None:
        """Store a value with one PutItem.

        A value computed under its creation lock is not stored if its key was written or removed
        since the computation started.

        :param expiretime: seconds until it expires, or None for the configured default.
        """
        storage = self._storage
        lock = self._held_lock(key)
        data, codec = storage.codec.encode_value(value)
        created_ms = now_ms = storage.items.now_ms()
        if lock is not None and lock.computation.running:
            created_ms = lock.computation.started_ms or now_ms
        item = Item(
            key=storage.keys.entry(self._namespace, key),
            kind=CACHE,
            data=data,
            codec=codec,
            created_ms=created_ms,
            deadline_ms=storage.deadline_ms(now_ms, expiretime),
            writer=new_token(),
            grace_ms=storage.stale_grace_ms if _has_beaker_expiry(value, expiretime) else 0,
        )
        storage.codec.sign(item)
        if lock is None:
            self._call(lambda: storage.items.put(item))
        else:
            self._call(lambda: self._write_under_lock(item, lock), lock)

    def _write_under_lock(self, item: Item, lock: CreationLock) -> None:
        items, computation, lost = self._storage.items, lock.computation, lock.lost
        if computation.started_ms is None and not lost:
            items.put(item)
            return
        valid = not lost or lock.reclaim()
        stored = valid and computation.store(items, item)
        computation.finished = True
        if not stored:
            log.info(
                "a cache value was not stored: its key was written or removed while it was computed"
            )

    def delete(self, key: str | bytes) -> None:
        """Replace an entry with a tombstone: values being computed are discarded. One PutItem."""
        entry = self._storage.keys.entry(self._namespace, key)
        lock = self._held_lock(key)
        tombstone = self._call(lambda: self._storage.items.remove_entry(entry), lock)
        if lock is not None and lock.computation.started_ms is not None and tombstone is not None:
            # A computation may remove its own key and still store its value.
            lock.computation.remember(tombstone)

    def keys(self) -> Iterator[bytes]:
        """Yield the keys of the entries that have not expired."""
        keys = self._storage.keys
        for key in self._storage.query.keys(keys.entries(self._namespace)):
            yield keys.entry_key(self._namespace, key)

    def remove(self) -> None:
        """Delete every entry, and discard the values being computed."""
        self._storage.query.delete(self._namespace)

    def _call(self, call: Callable[[], T], lock: CreationLock | None = None) -> T | None:
        """Return the result of a call to DynamoDB, or None if its error is tolerated.

        :param lock: the creation lock, if this thread holds it.
        """
        try:
            return call()
        except StoreUnavailable as error:
            if lock is not None and error.aws_code is None:
                lock.computation.unanswered = True
            if not self._storage.tolerates(error):
                raise
            return None

    def _held_lock(self, key: str | bytes) -> CreationLock | None:
        return lock_registry.locks.lock_of_this_thread(
            self._storage, self._storage.keys.lock(self._namespace, key)
        )


def _has_beaker_expiry(value: Any, expiretime: float | None) -> bool:
    """Return whether Beaker can tell from the value itself when it expires.

    Beaker's Value stores ``(storedtime, expiretime, value)``. Any other value, and one whose
    expiry comes from this package's options, would be served as fresh during the grace period.
    """
    match value:
        case (float() | int(), float() | int() as expire, _):
            return expire == expiretime
    return False

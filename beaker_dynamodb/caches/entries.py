"""The cache entries of one namespace."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from beaker_dynamodb.caches.entry_items import Making
from beaker_dynamodb.caches.lock_registry import held_lock
from beaker_dynamodb.exceptions import StoreUnavailable
from beaker_dynamodb.items.codec import Undecodable
from beaker_dynamodb.items.item import CACHE, Item

if TYPE_CHECKING:
    from beaker_dynamodb.caches.creation_lock import DynamoDBSynchronizer
    from beaker_dynamodb.caches.storage import CacheStorage

log = logging.getLogger("beaker_dynamodb")
T = TypeVar("T")


class CacheEntries:
    """Reads, writes and lists the cache entries of a namespace.

    :param store: the configuration's store.
    :param namespace: name of the cache's namespace.
    """

    def __init__(self, store: CacheStorage, namespace: str) -> None:
        self._store = store
        self._namespace = namespace

    def read(self, key: str | bytes, default: object) -> Any:
        """Return the value, or ``default`` if there is none or it has expired: one GetItem.

        One that Beaker itself knows to be expired is returned for ``stale_grace`` more seconds. One
        that this process cannot decode counts as missing.
        """
        store = self._store
        # Under its creation lock an entry is read once more, to see whether the holder before
        # has made it: that has to be what was written last.
        lock = self._creation_lock(key)
        making = None if lock is None else self._begin(lock)
        consistent = not store.options.consistent_read and lock is not None
        if store.outage.skips():
            return default
        item = self._ask(
            lambda: store.items.get(
                store.keys.entry(self._namespace, key),
                CACHE,
                grace_ms=store.stale_grace_ms,
                consistent_read=consistent or None,
                saw=None if making is None else making.saw,
            ),
            lock,
        )
        if item is None:
            return default
        try:
            return store.codec.decode(item)
        except Undecodable as error:
            if since := store.undecodable.add():
                log.warning(
                    "table %r: a cache entry counts as missing: %s; such entries since the last "
                    "warning: %d",
                    store.options.table_name,
                    error,
                    since,
                )
            return default

    def write(self, key: str | bytes, value: Any, expiretime: float | None) -> None:
        """Store a value: one PutItem, whatever is there.

        Only a value that is made under its creation lock gives way, without an error, to anything
        that was written to or removed from its key since its maker began.

        :param expiretime: its life in seconds; None: the options say.
        """
        store = self._store
        lock = self._creation_lock(key)
        making = None if lock is None else lock.making
        data, codec = store.codec.encode_value(value)
        now_ms = store.items.now_ms()
        item = Item(
            key=store.keys.entry(self._namespace, key),
            kind=CACHE,
            data=data,
            codec=codec,
            created_ms=now_ms if making is None or making.finished else making.begun_ms,
            deadline_ms=store.deadline_ms(now_ms, expiretime),
            grace_ms=store.stale_grace_ms if _tells_expiry(value, expiretime) else 0,
        )
        store.codec.sign(item)
        if lock is None:
            self._ask(lambda: store.entries.put(item))
        elif not store.outage.skips():  # its maker found nothing that would still be right
            self._ask(lambda: self._write_made(item, lock, making), lock)

    def _write_made(self, item: Item, lock: DynamoDBSynchronizer, making: Making | None) -> None:
        if lock.lost:
            stored = lock.reclaim() and self._store.entries.put_made(item, making)
        elif making is None:
            self._store.entries.put(item)
            return
        else:
            stored = self._store.entries.put_made(item, making)
        if making is not None:
            making.finished = True
        if not stored:
            log.info("a cache value was not stored: its key was written or removed meanwhile")

    def delete(self, key: str | bytes) -> None:
        """Remove an entry, and refuse a value that is being made: one PutItem, of a tombstone."""
        store = self._store
        lock = self._creation_lock(key)
        tombstone = self._ask(
            lambda: store.entries.remove(store.keys.entry(self._namespace, key)), lock
        )
        if lock is not None and lock.making is not None and tombstone is not None:
            lock.making.saw(tombstone)  # the maker's own removal does not refuse its value

    def _begin(self, lock: DynamoDBSynchronizer) -> Making | None:
        """Return what is to remember the read with which a making begins; None for later reads."""
        if lock.making is not None and not lock.making.finished:
            return None
        lock.making = making = Making(self._store.items.now_ms())
        return making

    def keys(self) -> Iterator[bytes]:
        """Give the keys of the entries that have not expired."""
        keys = self._store.keys
        for key in self._store.query.keys(keys.entries(self._namespace)):
            yield keys.entry_key(self._namespace, key)

    def remove(self) -> None:
        """Delete every entry, and refuse the values that are being made."""
        self._store.query.delete(self._namespace)

    def _ask(self, call: Callable[[], T], lock: DynamoDBSynchronizer | None = None) -> T | None:
        """Make a call of DynamoDB; None where a fault is passed over.

        :param lock: the creation lock, if this thread has it.
        """
        try:
            return call()
        except StoreUnavailable as error:
            if lock is not None and error.aws_code is None:
                lock.silent = True
            if not self._store.outage.passes(error):
                raise
            return None

    def _creation_lock(self, key: str | bytes) -> DynamoDBSynchronizer | None:
        return held_lock(self._store, self._store.keys.lock(self._namespace, key))


def _tells_expiry(value: Any, expiretime: float | None) -> bool:
    """Whether Beaker can tell by the value itself when it expires.

    Beaker's Value stores ``(storedtime, expiretime, value)`` and compares. What has no such mark,
    or whose life is an option of ours, would be served as if it were fresh.
    """
    match value:
        case (float() | int(), float() | int() as expire, _):
            return expire == expiretime
    return False

"""The cache entries of one namespace."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from beaker_dynamodb.errors import StoreUnavailable
from beaker_dynamodb.locks import held_lock
from beaker_dynamodb.storage.faults import ConditionFailed
from beaker_dynamodb.storage.layout import CACHE, Item

if TYPE_CHECKING:
    from beaker_dynamodb.lock import DynamoDBSynchronizer
    from beaker_dynamodb.storage.store import Store

log = logging.getLogger("beaker_dynamodb")
T = TypeVar("T")


class CacheEntries:
    """Reads, writes and lists the cache entries of a namespace.

    :param store: the configuration's store.
    :param namespace: name of the cache's namespace.
    """

    def __init__(self, store: Store, namespace: str) -> None:
        self._store = store
        self._namespace = namespace

    def read(self, key: str | bytes, default: object) -> Any:
        """Give the value, or ``default`` where there is none or it has expired: one GetItem.

        One that Beaker itself knows to be expired is given for ``stale_grace`` more.
        """
        store = self._store
        # Under its creation lock an entry is read once more, to see whether the holder before
        # has made it: that has to be what was written last.
        lock = self._creation_lock(key)
        consistent = not store.options.consistent_read and lock is not None
        if store.outage.skips():
            return default
        item = self._ask(
            lambda: store.items.get(
                store.keys.entry(self._namespace, key),
                CACHE,
                grace_ms=store.stale_grace_ms,
                consistent_read=consistent or None,
            ),
            lock,
        )
        return default if item is None else store.codec.decode(item)

    def write(self, key: str | bytes, value: Any, expiretime: float | None) -> None:
        """Store a value: one PutItem, whatever is there.

        Only a value that was made under a creation lock which is lost by now gives way, without
        an error, to what another caller has made meanwhile.

        :param expiretime: its life in seconds; None: the options say.
        """
        store = self._store
        data, codec = store.codec.encode_value(value)
        now_ms = store.items.now_ms()
        item = Item(
            key=store.keys.entry(self._namespace, key),
            kind=CACHE,
            data=data,
            codec=codec,
            created_ms=now_ms,
            deadline_ms=store.entry_deadline_ms(now_ms, expiretime),
            grace_ms=store.stale_grace_ms if _tells_expiry(value, expiretime) else 0,
        )
        store.codec.sign(item)
        lock = self._creation_lock(key)
        if lock is not None and store.outage.skips():
            return  # who made it found nothing that would still be right
        condition = store.items.if_new() if lock is not None and lock.lost else None
        try:
            self._ask(lambda: store.items.put(item, condition), lock)
        except ConditionFailed:
            log.warning("a cache value was made too late; another one is there and stays")

    def delete(self, key: str | bytes) -> None:
        """Delete an entry: one DeleteItem."""
        store = self._store
        self._ask(lambda: store.items.delete(store.keys.entry(self._namespace, key)))

    def keys(self) -> Iterator[bytes]:
        """Give the keys of the entries that have not expired."""
        keys = self._store.keys
        for key in self._store.listing.keys(keys.entries(self._namespace)):
            yield keys.entry_key(self._namespace, key)

    def remove(self) -> None:
        """Delete every entry."""
        store = self._store
        store.listing.delete(store.keys.entries(self._namespace))

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

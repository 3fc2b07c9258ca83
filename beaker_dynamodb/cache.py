"""The cache entries of one namespace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.storage.layout import CACHE, Item

if TYPE_CHECKING:
    from beaker_dynamodb.storage.store import Store


class CacheEntries:
    """Reads, writes and lists the cache entries of a namespace.

    :param store: the configuration's store.
    :param namespace: name of the cache's namespace.
    """

    def __init__(self, store: Store, namespace: str) -> None:
        self._store = store
        self._namespace = namespace

    def read(self, key: str | bytes, default: object) -> Any:
        """Give the value, or ``default`` where there is none or it has expired: one GetItem."""
        store = self._store
        item = store.items.get(store.keys.entry(self._namespace, key), CACHE)
        return default if item is None else store.codec.decode(item)

    def write(self, key: str | bytes, value: Any, expiretime: float | None) -> None:
        """Store a value: one PutItem, whatever is there.

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
        )
        store.codec.sign(item)
        store.items.put(item)

    def delete(self, key: str | bytes) -> None:
        """Delete an entry: one DeleteItem."""
        store = self._store
        store.items.delete(store.keys.entry(self._namespace, key))

    def keys(self) -> Iterator[bytes]:
        """Give the keys of the entries that have not expired."""
        keys = self._store.keys
        for key in self._store.items.cache_keys(keys.entries(self._namespace)):
            yield keys.entry_key(self._namespace, key)

    def remove(self) -> None:
        """Delete every entry."""
        store = self._store
        store.items.delete_cache_entries(store.keys.entries(self._namespace))

"""What all cache namespaces of one configuration share."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from beaker_dynamodb.caches.entry_items import EntryItems
from beaker_dynamodb.caches.outage import Outage
from beaker_dynamodb.caches.query import Listing
from beaker_dynamodb.dynamodb.event_counter import EventCounter

if TYPE_CHECKING:
    from beaker_dynamodb.backend import Backend


class CacheStorage:
    """A backend, with what only caches need."""

    def __init__(self, backend: Backend) -> None:
        self.options = backend.options
        self.items = backend.items
        self.keys = backend.keys
        self.codec = backend.codec
        self.entries = EntryItems(backend.items)
        self.query = Listing(self.entries)
        self.outage = Outage(backend.options)
        #: Entries that count as missing because this process cannot decode them.
        self.undecodable = EventCounter()
        self.stale_grace_ms = round(backend.options.stale_grace * 1000)

    def deadline_ms(self, now_ms: int, lifetime: float | None) -> int | None:
        """Return when an entry that is written now expires, or None if it never does.

        :param lifetime: in seconds; None for the configured one.
        """
        if lifetime is None:
            # 0 means forever in the option `timeout`, but immediately in Beaker's `expire`.
            lifetime = self.options.timeout or None
        return None if lifetime is None else now_ms + round(lifetime * 1000)


@lru_cache(maxsize=256)
def cache_storage(backend: Backend) -> CacheStorage:
    """Return the one storage of a backend."""
    return CacheStorage(backend)

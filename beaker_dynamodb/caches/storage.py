"""State that all cache namespaces of one configuration share."""

from __future__ import annotations

import logging
import os
from functools import lru_cache

from beaker_dynamodb.backend import Backend
from beaker_dynamodb.caches.query import Listing
from beaker_dynamodb.dynamodb.event_counter import EventCounter
from beaker_dynamodb.exceptions import StoreUnavailable

log = logging.getLogger("beaker_dynamodb")


class CacheStorage:
    """The cache side of a backend."""

    def __init__(self, backend: Backend) -> None:
        self.options = backend.options
        if backend.table_is_default:
            region = backend.options.region_name or os.environ.get("AWS_DEFAULT_REGION")
            _warn_about_default_table(
                backend.options.table_name, f"Region {region}" if region else "the default Region"
            )
        self.items = backend.items
        self.keys = backend.keys
        self.codec = backend.codec
        self.query = Listing(backend.items)
        #: Tolerated errors, including those for calls that were not sent.
        self.tolerated = EventCounter()
        #: Entries that count as missing because this process cannot decode them.
        self.undecodable = EventCounter()
        self.stale_grace_ms = round(backend.options.stale_grace * 1000)

    def deadline_ms(self, now_ms: int, lifetime: float | None) -> int | None:
        """Return when an entry that is written now expires, or None if it never does.

        :param lifetime: in seconds; None for the option ``timeout``.
        """
        if lifetime is None:
            # 0 means forever in the option `timeout`, but immediately in Beaker's `expire`.
            lifetime = self.options.timeout or None
        return None if lifetime is None else now_ms + round(lifetime * 1000)

    def tolerates(self, error: StoreUnavailable) -> bool:
        """Return whether the caller should ignore an error (option ``on_error``); if so, count it.

        Tolerated errors are logged at most once a minute.
        """
        if self.options.on_error != "miss":
            return False
        if unreported := self.tolerated.add():
            log.warning(
                "table %r: a cache continues without DynamoDB (option on_error): %s, %s; errors "
                "since the last such warning: %d",
                self.options.table_name,
                error.operation or "no client",
                error.aws_code or "no answer",
                unreported,
            )
        return True


@lru_cache(maxsize=256)
def _warn_about_default_table(table: str, region: str) -> None:
    """Warn once: Beaker does not pass ``cache.url`` to regions, so this may be the wrong table."""
    log.warning(
        "a cache uses the table %r in %s, because its options name no table. Cache regions "
        "do not inherit cache.url or cache.table_name from Beaker: set cache.REGION.url",
        table,
        region,
    )


@lru_cache(maxsize=256)
def cache_storage(backend: Backend) -> CacheStorage:
    """Return a backend's storage; it is created once."""
    return CacheStorage(backend)

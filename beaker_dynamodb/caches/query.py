"""List and delete the cache entries of one namespace."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from itertools import islice
from typing import Any

from beaker_dynamodb.caches.lock_items import LOCK
from beaker_dynamodb.dynamodb import batches
from beaker_dynamodb.dynamodb.expressions import Attr, Condition, read_params
from beaker_dynamodb.dynamodb.scan import scan
from beaker_dynamodb.items.item import CACHE
from beaker_dynamodb.items.keys import Key
from beaker_dynamodb.items.store import ItemStore

log = logging.getLogger("beaker_dynamodb")

#: Page size of the Query that finds the entries to delete: ten batches.
DELETED_PAGE = 250
#: Attributes to read from each item, besides its primary key.
ATTRIBUTES = ("type", "created", "deadline", "key", "chunk_set", "chunks")

Found = Generator[Mapping[str, Any], None, None]


class Listing:
    """Finds and deletes the cache entries of a table by the prefix of their keys.

    A prefix ends with a ``|``, which no encoded namespace contains, so it matches neither another
    namespace nor a session. With a sort key the items of a namespace share a partition, and a Query
    finds them. Without one, a Scan reads the whole table.
    """

    def __init__(self, items: ItemStore) -> None:
        self._items = items
        self._keys = items.keys
        self._options = items.options
        self._layout = items.layout

    def keys(self, prefix: Key) -> Iterator[Key]:
        """Yield the keys of the unexpired cache entries with a prefix."""
        now_ms = self._items.now_ms()
        consistent = bool(self._options.consistent_read)
        if self._options.sort_key is None:
            found = self._scan(_has_prefix(self._options.hash_key, prefix, CACHE), consistent)
        else:
            found = self._query(prefix, CACHE, consistent)
        with closing(found):
            for attributes in found:
                if not self._layout.expired(attributes, now_ms):
                    yield self._layout.key(attributes)

    def delete(self, namespace: str) -> int:
        """Delete the entries of a namespace, and discard the values being computed.

        Each creation lock found means that a value is being computed. A tombstone under the value's
        key makes its write fail. A stored entry is kept if its computation or write started after
        this call did, by the hosts' clocks.

        An entry overwritten between listing and deletion is deleted too, because a batch takes no
        conditions. Small Query pages keep that interval short.

        With a sort key, the locks are listed before the entries, so no value already being computed
        is kept. A Scan reads locks and entries in no fixed order. It misses a value that is stored
        in a part already read if the value's lock is released before the Scan reaches that lock.

        :returns: the number of deleted entries and discarded values.
        """
        started_ms = self._items.now_ms()
        entries, locks = self._keys.entries(namespace), self._keys.locks(namespace)
        found: list[Found] = []
        if self._options.sort_key is None:
            hash_key = self._options.hash_key
            either = _has_prefix(hash_key, entries, CACHE) | _has_prefix(hash_key, locks, LOCK)
            found.append(self._scan(either, bool(self._options.consistent_read)))
        else:
            found.append(self._query(locks, LOCK, consistent=True))
            found.append(self._query(entries, CACHE, consistent=True, page=DELETED_PAGE))
        discarded: set[Key] = set()
        deleted = 0
        for listed in found:
            with closing(listed):
                deleted += self._delete(listed, started_ms, discarded)
        return deleted + len(discarded)

    def _delete(self, listed: Found, started_ms: int, discarded: set[Key]) -> int:
        """Delete the listed entries; return their number. Write a tombstone for each listed lock.

        :param discarded: collects the keys of the tombstones written.
        """
        old = self._old_entries(listed, started_ms, discarded)
        deleted = 0
        while batch := list(islice(old, batches.MAX_WRITES)):
            # An entry listed before its lock is a tombstone by now.
            batch = [entry for entry in batch if self._layout.key(entry) not in discarded]
            keys = [self._layout.key_attributes(self._layout.key(entry)) for entry in batch]
            batches.write(self._items, [{"DeleteRequest": {"Key": key}} for key in keys])
            deleted += len(batch)
            # Delete chunks last: no reader may find an entry without its chunks.
            for entry in batch:
                self._items.chunks.delete_of(entry)
        return deleted

    def _old_entries(self, listed: Found, started_ms: int, discarded: set[Key]) -> Found:
        for attributes in listed:
            key = self._layout.key(attributes)
            if self._keys.is_lock(key):
                entry = self._keys.entry_of_lock(key)
                discarded.add(entry)
                self._items.remove_entry(entry)
            elif not self._layout.written_after(attributes, started_ms):
                yield attributes

    def _query(self, prefix: Key, kind: str, consistent: bool, page: int | None = None) -> Found:
        hash_key, sort_key = self._options.hash_key, self._options.sort_key or ""
        params = read_params(
            key=Attr(hash_key).eq(prefix.partition) & Attr(sort_key).begins_with(prefix.sort or ""),
            filter=Attr("type").eq(kind),
            projection=(hash_key, sort_key, *ATTRIBUTES),
        )
        if page is not None:
            params["Limit"] = page
        yield from self._items.read_all("query", ConsistentRead=consistent, **params)

    def _scan(self, condition: Condition, consistent: bool) -> Found:
        params = read_params(filter=condition, projection=(self._options.hash_key, *ATTRIBUTES))
        read = found = 0
        with closing(scan(self._items, {**params, "ConsistentRead": consistent})) as pages:
            for page in pages:
                read += page.scanned
                found += len(page.items)
                yield from page.items
        self._log_cost(read, found)

    def _log_cost(self, read: int, found: int) -> None:
        """Log the cost of a Scan, once per process and table."""
        options = self._options
        table = options.region_name, options.endpoint_url, options.table_name
        if table not in _logged:
            _logged.add(table)
            log.info(
                "table %r has no sort key: all its %d items were read to find %d cache entries",
                options.table_name,
                read,
                found,
            )


def _has_prefix(hash_key: str, prefix: Key, kind: str) -> Condition:
    return Attr(hash_key).begins_with(prefix.partition) & Attr("type").eq(kind)


#: Tables for which the cost of a listing was logged.
_logged: set[tuple[Any, ...]] = set()

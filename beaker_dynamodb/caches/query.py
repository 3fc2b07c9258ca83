"""Many cache entries at once: listing and deleting those of one namespace."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.caches.lock_items import LOCK
from beaker_dynamodb.dynamodb import batches
from beaker_dynamodb.dynamodb.scan import scan
from beaker_dynamodb.items.item import CACHE

if TYPE_CHECKING:
    from beaker_dynamodb.caches.entry_items import EntryItems
    from beaker_dynamodb.items.keys import Key, Keys
    from beaker_dynamodb.items.store import ItemStore

log = logging.getLogger("beaker_dynamodb")

#: Calls at once, each over its own part of the table, where a listing is a Scan.
SEGMENTS = 4
#: Entries that are listed before they are deleted: ten batches.
DELETED_PAGE = 250

Found = Generator[Mapping[str, Any], None, None]


class Listing:
    """The cache entries of a table, by what their keys begin with.

    :param items: the table.
    :param entries: puts the tombstones of entries that are being made.
    """

    def __init__(self, items: ItemStore, keys: Keys, entries: EntryItems) -> None:
        self._items = items
        self._keys = keys
        self._entries = entries
        self._options = items.options
        self._layout = items.layout

    def keys(self, beginning: Key) -> Iterator[Key]:
        """Give the keys of the cache entries that are alive and begin with ``beginning``.

        On a table with a sort key this is a Query of one partition. On any other it is a Scan,
        which reads (and pays for) the whole table to find a few items.
        """
        now_ms = self._items.now_ms()
        params = self._params(beginning, CACHE)
        find = self._scan if self._options.sort_key is None else self._query
        with closing(find(params)) as found:
            for attributes in found:
                if not self._layout.expired(attributes, now_ms):
                    yield self._layout.key(attributes)

    def delete(self, namespace: str) -> None:
        """Delete the cache entries of a namespace, page by page, and refuse those being made.

        A value that is being made has a creation lock; a tombstone under its key refuses the
        maker's write. Values whose making, or writing, begins later stay, by the clocks of the two
        hosts. One that is overwritten between being listed and being deleted goes: a batch takes no
        conditions. So a page of a Query is short; one of a Scan, which counts other items too, has
        its 1 MB.

        On a table with a sort key the locks are listed before the entries, both strongly
        consistent, so no value that was being made at the beginning stays. A Scan meets locks and
        entries in any order: a value that is stored while it runs, in a part that it has already
        read, may stay if its lock is gone by the time that the Scan gets there.
        """
        began_ms = self._items.now_ms()
        entries, locks = self._keys.entries(namespace), self._keys.locks(namespace)
        refused: set[Key] = set()
        found: list[Found] = []
        if self._options.sort_key is not None:
            found.append(self._query(self._params(locks, LOCK, consistent_read=True)))
            params = self._params(entries, CACHE, consistent_read=True)
            found.append(self._query({**params, "Limit": DELETED_PAGE}))
        else:
            found.append(self._scan(self._params(entries, CACHE, locks=locks)))
        for listed in found:
            with closing(listed):
                self._delete(listed, began_ms, refused)

    def _delete(self, listed: Found, began_ms: int, refused: set[Key]) -> None:
        """Delete the entries among the items listed, and put a tombstone for each lock.

        :param refused: collects the keys with a tombstone.
        """
        old = self._without_locks(listed, began_ms, refused)
        while batch := list(islice(old, batches.WRITES)):
            # One whose lock came after it is a tombstone by now.
            batch = [entry for entry in batch if self._layout.key(entry) not in refused]
            keys = [self._layout.key_attributes(self._layout.key(entry)) for entry in batch]
            batches.write(self._items, [{"DeleteRequest": {"Key": key}} for key in keys])
            # After the items: nobody may read one whose chunks are gone.
            for entry in batch:
                self._items.chunks.delete_of(entry)

    def _without_locks(self, listed: Found, began_ms: int, refused: set[Key]) -> Found:
        for attributes in listed:
            key = self._layout.key(attributes)
            if self._keys.is_lock(key):
                entry = self._keys.entry_of_lock(key)
                refused.add(entry)
                self._entries.remove(entry)
            elif not self._layout.written_after(attributes, began_ms):
                yield attributes

    def _params(
        self,
        beginning: Key,
        kind: str,
        *,
        locks: Key | None = None,
        consistent_read: bool | None = None,
    ) -> dict[str, Any]:
        """Return the parameters that find key, times and chunks of items of one kind.

        :param locks: on a table without a sort key, find the locks that begin with this as well.
        :param consistent_read: overrides the option.
        """
        names = {
            "#key": self._options.hash_key,
            "#type": "type",
            "#created": "created",
            "#deadline": "deadline",
            "#long": "key",
            "#set": "chunk_set",
            "#chunks": "chunks",
        }
        values = {":key": {"S": beginning.partition}, ":kind": {"S": kind}}
        params: dict[str, Any] = {
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
            "ProjectionExpression": "#key, #type, #created, #deadline, #long, #set, #chunks",
            "ConsistentRead": consistent_read or bool(self._options.consistent_read),
        }
        if self._options.sort_key is None:
            # The items of one namespace: the beginning ends with a "|" that stands in no namespace,
            # so neighbours and other prefixes do not match.
            params["FilterExpression"] = "begins_with(#key, :key) AND #type = :kind"
            if locks is not None:
                # Or its creation locks.
                params["FilterExpression"] += " OR begins_with(#key, :locks) AND #type = :lock"
                values |= {":locks": {"S": locks.partition}, ":lock": {"S": LOCK}}
            return params
        # The items of one namespace; a session in the same partition has no "|".
        params["KeyConditionExpression"] = "#key = :key AND begins_with(#sort, :sort)"
        params["FilterExpression"] = "#type = :kind"
        params["ProjectionExpression"] += ", #sort"
        names["#sort"] = self._options.sort_key
        values[":sort"] = {"S": beginning.sort or ""}
        return params

    def _query(self, params: dict[str, Any]) -> Found:
        while True:
            answer = self._items.call("query", **params)
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            params["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _scan(self, params: dict[str, Any]) -> Found:
        read = found = 0
        with closing(scan(self._items, params, segments=SEGMENTS)) as pages:
            for page in pages:
                read += page.scanned
                found += len(page.items)
                yield from page.items
        self._tell(read, found)

    def _tell(self, read: int, found: int) -> None:
        """Log, once per process and table, what a listing without a sort key amounts to."""
        options = self._options
        table = options.region_name, options.endpoint_url, options.table_name
        if table not in _told:
            _told.add(table)
            log.info(
                "table %r has no sort key: all its %d items were read to find %d cache entries",
                options.table_name,
                read,
                found,
            )


#: The tables of which `Listing` has told what listing them costs.
_told: set[tuple[Any, ...]] = set()

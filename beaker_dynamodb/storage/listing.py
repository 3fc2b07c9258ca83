"""Many cache entries at once: listing and deleting those of one namespace."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.storage import batches
from beaker_dynamodb.storage.layout import CACHE
from beaker_dynamodb.storage.scan import scan

if TYPE_CHECKING:
    from beaker_dynamodb.storage.items import ItemStore
    from beaker_dynamodb.storage.keys import Key

log = logging.getLogger("beaker_dynamodb")

#: Calls at once, each over its own part of the table, where a listing is a Scan.
SEGMENTS = 4
#: Entries that are listed before they are deleted: ten batches.
DELETED_PAGE = 250

Found = Generator[Mapping[str, Any], None, None]


class Listing:
    """The cache entries of a table, by what their keys begin with.

    :param items: the table.
    """

    def __init__(self, items: ItemStore) -> None:
        self._items = items
        self._options = items.options
        self._layout = items.layout

    def keys(self, beginning: Key) -> Iterator[Key]:
        """Give the keys of the cache entries that are alive and begin with ``beginning``.

        On a table with a sort key this is a Query of one partition. On any other it is a Scan,
        which reads (and pays for) the whole table to find a few items.
        """
        now_ms = self._items.now_ms()
        with closing(self._find(beginning)) as found:
            for attributes in found:
                if not self._layout.expired(attributes, now_ms):
                    yield self._layout.key(attributes)

    def delete(self, beginning: Key) -> None:
        """Delete the cache entries that begin with ``beginning``, page by page.

        Those that are written after this has begun stay, by the clocks of the two hosts. One that
        is overwritten between being listed and being deleted goes: a batch takes no conditions. So
        a page of a Query is short; one of a Scan, which counts other items too, has its 1 MB.
        """
        began_ms = self._items.now_ms()
        with closing(self._find(beginning, page=DELETED_PAGE)) as found:
            old = (entry for entry in found if not self._layout.written_after(entry, began_ms))
            while batch := list(islice(old, batches.WRITES)):
                keys = [self._layout.key_attributes(self._layout.key(entry)) for entry in batch]
                batches.write(self._items, [{"DeleteRequest": {"Key": key}} for key in keys])
                # After the items: nobody may read one whose chunks are gone.
                for entry in batch:
                    self._items.chunks.delete_of(entry)

    def _find(self, beginning: Key, *, page: int | None = None) -> Found:
        """Give key, times and chunks of each entry.

        :param page: entries that a Query reads at once; None: 1 MB of them.
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
        values = {":key": {"S": beginning.partition}, ":cache": {"S": CACHE}}
        params: dict[str, Any] = {
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
            "ProjectionExpression": "#key, #type, #created, #deadline, #long, #set, #chunks",
            "ConsistentRead": bool(self._options.consistent_read),
        }
        if self._options.sort_key is None:
            # The cache entries of one namespace: the beginning ends with a "|" that stands in no
            # namespace, so neighbours and other prefixes do not match.
            params["FilterExpression"] = "begins_with(#key, :key) AND #type = :cache"
            return self._scan(params)
        # The cache entries of one namespace; a session in the same partition has no "|".
        params["KeyConditionExpression"] = "#key = :key AND begins_with(#sort, :sort)"
        params["FilterExpression"] = "#type = :cache"
        params["ProjectionExpression"] += ", #sort"
        names["#sort"] = self._options.sort_key
        values[":sort"] = {"S": beginning.sort or ""}
        if page is not None:
            params["Limit"] = page
        return self._query(params)

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

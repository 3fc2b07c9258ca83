"""Splits values that are too large for one item into chunks, which the item refers to.

A writer stores the chunks first, under a new random name. The conditional write of the item then
publishes them. The chunks of the old value are deleted last. A reader that finds a chunk missing
reads the item again. So readers see the old value or the new one, even if a writer stops halfway.
Time to live deletes the chunks of an incomplete write.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from beaker_dynamodb.dynamodb import batches
from beaker_dynamodb.dynamodb.error_mapping import MAX_ITEM_BYTES, ConditionFailed
from beaker_dynamodb.exceptions import DynamoDBError, ItemTooLarge
from beaker_dynamodb.items.conditions import ConditionalCalls
from beaker_dynamodb.items.item import CHUNK, SESSION, Attributes, ChunkSet, Item, item_size
from beaker_dynamodb.items.keys import Key, Keys
from beaker_dynamodb.items.layout import Layout, whole_seconds

log = logging.getLogger("beaker_dynamodb")

#: Maximum size of a stored value.
MAX_VALUE_BYTES = 16 * 1024 * 1024
#: Bytes in one chunk. Leaves room for the longest key and the attribute names, and for moto, which
#: counts a few more bytes than DynamoDB.
CHUNK_BYTES = MAX_ITEM_BYTES - 20_480
#: Chunks in one BatchWriteItem: 1.5 MB, which can be sent within the timeout of one call.
CHUNKS_PER_WRITE = 4
#: Chunks are kept for this many seconds after their item's grace ends, for late readers.
SPARE_SECONDS = 3_600
#: Lifetime of a chunked value that would otherwise never expire. Without one, the chunks of an
#: incomplete write would stay forever.
LONGEST_LIFE_MS = 366 * 86_400_000


class Chunks:
    """Writes, reads and deletes the chunks of items."""

    def __init__(self, calls: ConditionalCalls, keys: Keys, layout: Layout) -> None:
        self._calls = calls
        self._options = calls.options
        self._keys = keys
        self._layout = layout

    def prepare(self, item: Item) -> Attributes:
        """Return the attributes of an item to write, after writing its chunks if it is large.

        Set `Item.chunks`, and the deadline of a chunked item that does not have one.

        :raises ItemTooLarge: the item is too large; nothing has been sent.
        """
        item.chunks = None
        if len(item.data) > MAX_VALUE_BYTES:
            raise self._too_large(item, len(item.data), MAX_VALUE_BYTES)
        attributes = self._layout.attributes(item)
        # Special keys and the originals of hashed keys may have any size.
        near_limit = item.special or item.key.originals or len(item.data) >= MAX_ITEM_BYTES - 20_000
        if not near_limit or item_size(attributes) <= MAX_ITEM_BYTES:
            return attributes
        if item.deadline_ms is None:
            item.deadline_ms = self._calls.now_ms() + LONGEST_LIFE_MS
        count = -(-len(item.data) // CHUNK_BYTES)
        item.chunks = ChunkSet(item.kind, secrets.token_urlsafe(12), count)
        attributes = self._layout.attributes(item)
        if (size := item_size(attributes)) > MAX_ITEM_BYTES:
            raise self._too_large(item, size, MAX_ITEM_BYTES)
        self._write(item, item.chunks, item.deadline_ms)
        return attributes

    def _write(self, item: Item, chunks: ChunkSet, deadline_ms: int) -> None:
        expires = whole_seconds(deadline_ms + item.grace_ms + SPARE_SECONDS * 1000)
        requests = []
        for number, key in enumerate(self.keys(chunks)):
            attributes: Attributes = {
                **self._layout.key_attributes(key),
                "type": {"S": CHUNK},
                "data": {"B": item.data[number * CHUNK_BYTES : (number + 1) * CHUNK_BYTES]},
                self._options.ttl_attribute: expires,
            }
            requests.append({"PutRequest": {"Item": attributes}})
        for start in range(0, len(requests), CHUNKS_PER_WRITE):
            batches.write(self._calls, requests[start : start + CHUNKS_PER_WRITE])

    @contextmanager
    def publishing(self, item: Item, replaced: Item | None) -> Iterator[None]:
        """Delete unused chunks after the conditional write in this context.

        After success, these are the replaced item's chunks; if the condition fails, the new item's.
        After any other error nothing is deleted, because the item may have been stored.
        """
        old = None if replaced is None else replaced.chunks
        try:
            yield
        except ConditionFailed as failed:
            # The stored item has the same chunks if botocore sent this write twice.
            stored = item.chunks is not None and item.chunks == self._layout.chunks(
                failed.attributes or {}
            )
            self.delete(old if stored else item.chunks)
            raise
        self.delete(old)

    def _too_large(self, item: Item, size: int, limit: int) -> ItemTooLarge:
        return ItemTooLarge(
            f"item {item.key.hashed} has {size} bytes, more than {limit}",
            size=size,
            limit=limit,
            hashed_key=item.key.hashed,
            operation="PutItem",
            table=self._options.table_name,
        )

    def read(self, item: Item, *, consistent_read: bool) -> bool:
        """Read the data of an item from its chunks; return False if one is missing."""
        keys = self.keys(item.chunks)
        found = {
            self._layout.key(attributes): attributes
            for attributes in batches.get(
                self._calls,
                [self._layout.key_attributes(key) for key in keys],
                consistent_read=consistent_read,
            )
        }
        try:
            item.data = b"".join(bytes(found[key]["data"]["B"]) for key in keys)
        except KeyError:
            return False
        return True

    def delete_of(self, attributes: Mapping[str, Any], *, keep: ChunkSet | None = None) -> None:
        """Delete the chunks of an item that was replaced or deleted.

        :param keep: the chunks of the new item, if any. The old item has the same ones if botocore
            sent the write twice, because the first response was lost.
        """
        chunks = self._layout.chunks(attributes)
        if chunks != keep:
            self.delete(chunks)

    def delete(self, chunks: ChunkSet | None) -> None:
        """Delete chunks that no item refers to; log an error instead of raising it."""
        if chunks is None:
            return
        keys = [self._layout.key_attributes(key) for key in self.keys(chunks)]
        try:
            batches.write(self._calls, [{"DeleteRequest": {"Key": key}} for key in keys])
        except DynamoDBError as error:
            # The write has already succeeded or failed: cleanup errors must not raise.
            log.warning("unused chunks were not deleted; they will expire: %s", error)

    def keys(self, chunks: ChunkSet | None) -> list[Key]:
        """Return the primary keys of chunks, in order."""
        if chunks is None:
            return []
        of_session = chunks.kind == SESSION
        return [
            self._keys.chunk(chunks.name, number, of_session=of_session)
            for number in range(chunks.count)
        ]

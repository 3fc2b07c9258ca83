"""Reads, writes, ends and moves single items."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from beaker_dynamodb.config.options import Options
from beaker_dynamodb.dynamodb.error_mapping import ConditionFailed, NoTransactions
from beaker_dynamodb.dynamodb.expressions import Attr, write_params
from beaker_dynamodb.exceptions import PayloadError
from beaker_dynamodb.items.chunks import Chunks
from beaker_dynamodb.items.conditions import Condition, ConditionalCalls
from beaker_dynamodb.items.item import CACHE, MARKER, SESSION, TOMBSTONE, Attributes, Item, Marker
from beaker_dynamodb.items.keys import Key, Keys
from beaker_dynamodb.items.layout import Layout

#: Lifetime of a marker. Requests with the old cookie should have ended by then.
MARKER_SECONDS = 10.0
#: Lifetime of a tombstone. A longer computation does not notice that its key was removed. A day is
#: enough for a lock that is renewed for hours, and for clocks that differ by hours. A tombstone
#: takes about 150 bytes.
TOMBSTONE_SECONDS = 86_400


class ItemStore(ConditionalCalls):
    """The items of one table."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.keys = Keys(options)
        self.layout = Layout(options)
        self.chunks = Chunks(self, self.keys, self.layout)
        # `end` must replace an existing item, even a damaged session, but not a marker.
        self._if_session_exists = write_params(
            Attr(options.hash_key).exists() & (Attr("type").not_exists() | Attr("type").ne(MARKER))
        )
        # The client whose server or table does not support transactions.
        self._without_transactions: Any = None

    def get(self, key: Key, kind: str, **how: Any) -> Item | None:
        """Return an item as `find` does, but None for a marker."""
        found = self.find(key, kind, **how)
        return None if isinstance(found, Marker) else found

    def find(
        self,
        key: Key,
        kind: str,
        *,
        grace_ms: int = 0,
        consistent_read: bool | None = None,
        saw: Callable[[Mapping[str, Any] | None], object] | None = None,
    ) -> Item | Marker | None:
        """Return an item, None if it does not exist or has expired, or an ended session's marker.

        :param grace_ms: also return an item that expired at most this long ago, within its grace.
        :param consistent_read: overrides the option unless None.
        :param saw: called after each read with the stored attributes, even of an expired item, or
            with None.
        :raises PayloadError: the item is damaged, or chunks are missing.
        """
        if consistent_read is None:
            consistent_read = bool(self.options.consistent_read)
        incomplete = None
        while True:
            answer = self.call(
                "get_item", Key=self.layout.key_attributes(key), ConsistentRead=consistent_read
            )
            attributes = answer.get("Item")
            if saw is not None:
                saw(attributes)
            item = self._item(attributes, key, kind, grace_ms)
            if item is None or isinstance(item, Marker):
                return item
            if item.chunks is None or self.chunks.read(item, consistent_read=consistent_read):
                return item
            if item.chunks == incomplete:
                raise PayloadError(f"chunks of an item of type {kind!r} are missing")
            # Another value has been written since, or the chunks are not visible yet.
            incomplete, consistent_read = item.chunks, True

    def put(
        self, item: Item, condition: Condition | None = None, *, replaced: Item | None = None
    ) -> None:
        """Write an item, with its data in chunks if it is too large.

        :param condition: from `ConditionalCalls`; None replaces any item.
        :param replaced: the item that the write replaces; its chunks are then deleted.
        :raises ConditionFailed: contains the current item.
        :raises ItemTooLarge: the item is too large; nothing has been sent.
        """
        attributes = self.chunks.prepare(item)
        if condition is None:
            self.replace(attributes)
        else:
            with self.chunks.publishing(item, replaced):
                self.call("put_item", Item=attributes, **condition)

    def replace(self, attributes: Attributes, **condition: Any) -> Attributes:
        """Write an item and delete the old item's chunks; return the old item's attributes."""
        answer = self.call("put_item", Item=attributes, ReturnValues="ALL_OLD", **condition)
        old: Attributes = answer.get("Attributes", {})
        self.chunks.delete_of(old, keep=self.layout.chunks(attributes))
        return old

    def put_with_record(
        self, item: Item, condition: Condition, record: Attributes, if_record: Condition
    ) -> None:
        """Write an item and a record of it, both or neither.

        Without transactions the record is written first: after a crash in between, the item is
        missing, but it is never written twice.

        :raises ConditionFailed: with the item whose condition failed.
        :raises ItemTooLarge: the item is too large; nothing has been sent.
        """
        attributes = self.chunks.prepare(item)
        puts = [{"Item": record, **if_record}, {"Item": attributes, **condition}]
        with self.chunks.publishing(item, None):
            if not self._in_transaction(*(("Put", put) for put in puts)):
                for put in puts:
                    self._put(put)

    def end(self, key: Key) -> bool:
        """Replace a session with a marker and delete its chunks; return whether it was active."""
        marker = self._marker(key)
        try:
            old = self.replace(marker, **self._if_session_exists)
        except ConditionFailed as failed:
            return same_writer(failed, marker)
        return not self.layout.expired(old, self.now_ms())

    def remove_entry(self, key: Key) -> Attributes:
        """Write a tombstone in place of a cache entry, even of a missing one, and return it."""
        tombstone = self.layout.marker(key, self.now_ms(), TOMBSTONE_SECONDS, TOMBSTONE)
        self.replace(tombstone)
        return tombstone

    def move(
        self,
        item: Item,
        loaded: Item,
        old_key: Key,
        *,
        marker: bool,
        accessed_by_ms: int | None = None,
        unless_new_ended: bool = False,
    ) -> None:
        """Write ``item`` under its new key and end ``loaded``, both or neither.

        Without transactions the new item is written first: after a crash in between, the old one
        remains until it expires.

        :param marker: leave a marker under the old key; without transactions, always leave one.
        :param accessed_by_ms: as in `if_unchanged`.
        :param unless_new_ended: fail if there is a marker under the new key.
        :raises ConditionFailed: the loaded item has changed or is gone, or the new key is taken.
        """
        attributes = self.chunks.prepare(item)
        unchanged = self.if_unchanged(loaded, accessed_by_ms=accessed_by_ms)
        new = {"Item": attributes, **self.if_no_session(marker=not unless_new_ended)}
        end = {"Item": self._marker(old_key), **unchanged}
        delete = {"Key": self.layout.key_attributes(old_key), **unchanged}
        first = ("Put", end) if marker else ("Delete", delete)
        with self.chunks.publishing(item, loaded):
            if self._in_transaction(first, ("Put", new)):
                return
            self._put(new)
            try:
                # Not the delete: only a marker shows whether botocore sent the write twice.
                self._put(end)
            except ConditionFailed:
                # Undo the first write, unless another request has changed the item since.
                with suppress(ConditionFailed):
                    self._put({"Item": self._marker(item.key), **self.if_unchanged(item)})
                raise

    def _in_transaction(self, *actions: tuple[str, dict[str, Any]]) -> bool:
        """Make several writes, all or none; return False if transactions are not supported."""
        if self._without_transactions is self.client():
            return False
        table = {"TableName": self.options.table_name}
        writes = [{action: {**table, **params}} for action, params in actions]
        try:
            self.call("transact_write_items", TransactItems=writes)
        except NoTransactions:
            self._without_transactions = self.client()
            return False
        return True

    def _put(self, params: dict[str, Any]) -> None:
        """Make one conditional write; ignore a failure that is due to botocore sending it twice."""
        try:
            self.call("put_item", **params)
        except ConditionFailed as failed:
            if not same_writer(failed, params["Item"]):
                raise

    def _marker(self, key: Key) -> Attributes:
        return self.layout.marker(key, self.now_ms(), MARKER_SECONDS)

    def found(self, failed: ConditionFailed, key: Key, kind: str) -> Item | Marker | None:
        """Return the current item after a failed condition check, as `find` does."""
        item = self._item(failed.attributes, key, kind, grace_ms=0)
        if item is None or isinstance(item, Marker) or item.chunks is None:
            return item
        if self.chunks.read(item, consistent_read=True):
            return item
        return self.find(key, kind, consistent_read=True)

    def _item(
        self, attributes: Mapping[str, Any] | None, key: Key, kind: str, grace_ms: int
    ) -> Item | Marker | None:
        """Return the item (without chunk data) or marker in these attributes; None if expired."""
        if attributes is None:
            return None
        if kind == SESSION and attributes.get("type") == {"S": MARKER}:
            return None if self.layout.expired(attributes, self.now_ms()) else Marker()
        if kind == CACHE and attributes.get("type") == {"S": TOMBSTONE}:
            return None
        item = self.layout.item(key, kind, attributes)
        return None if item.expired(self.now_ms(), grace_ms) else item


def same_writer(failed: ConditionFailed, attributes: Attributes) -> bool:
    """Return whether a write failed only because botocore sent it twice."""
    writer = (failed.attributes or {}).get("writer")
    return writer is not None and writer == attributes.get("writer")

"""Reads, writes, ends and moves single items."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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

#: Lifetime of a marker. Requests that carry the old cookie have ended by then.
MARKER_SECONDS = 10.0


class ItemStore(ConditionalCalls):
    """The items of one table."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.keys = Keys(options)
        self.layout = Layout(options)
        self.chunks = Chunks(self, self.keys, self.layout)
        # A session may be damaged. Without one, `end` must not store a marker.
        self._if_session_exists = write_params(
            Attr(options.hash_key).exists() & (Attr("type").not_exists() | Attr("type").ne(MARKER))
        )
        # The client whose server or table does not support transactions.
        self._without_transactions: Any = None

    # -- one item -----------------------------------------------------------------------------

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

        :param grace_ms: also return an item that expired at most this long ago.
        :param consistent_read: overrides the option unless None.
        :param saw: called with the stored attributes, even if they have expired.
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
            # Another value was written meanwhile, or the chunks are not visible yet.
            incomplete, consistent_read = item.chunks, True

    def put(
        self, item: Item, condition: Condition | None = None, *, replaced: Item | None = None
    ) -> None:
        """Write an item, in chunks if it is too large for one.

        :param condition: from `ConditionalCalls`; None replaces any item.
        :param replaced: the item that the write replaces; its chunks are then deleted.
        :raises ConditionFailed: contains the current item.
        :raises ItemTooLarge: before anything is sent.
        """
        attributes = self.chunks.prepare(item)
        if condition is None:
            answer = self.call("put_item", Item=attributes, ReturnValues="ALL_OLD")
            self.chunks.delete_of(answer.get("Attributes", {}), keep=item.chunks)
        else:
            with self.chunks.publishing(item, replaced):
                self.call("put_item", Item=attributes, **condition)

    def put_with_record(
        self, item: Item, condition: Condition, record: Attributes, if_record: Condition
    ) -> None:
        """Write an item and a record of it, both or neither.

        Without transactions the record is written first: after a crash in between, the item is
        missing, but it is never written twice.

        :raises ConditionFailed: with the item whose condition failed.
        :raises ItemTooLarge: before anything is sent.
        """
        attributes = self.chunks.prepare(item)
        puts = [{"Item": record, **if_record}, {"Item": attributes, **condition}]
        with self.chunks.publishing(item, None):
            if self._without_transactions is not self.client():
                table = {"TableName": self.options.table_name}
                try:
                    self.call(
                        "transact_write_items",
                        TransactItems=[{"Put": {**table, **put}} for put in puts],
                    )
                    return
                except NoTransactions:
                    self._without_transactions = self.client()
            for put in puts:
                try:
                    self.call("put_item", **put)
                except ConditionFailed as failed:
                    if not same_writer(failed, put["Item"]):
                        raise

    def end(self, key: Key) -> bool:
        """Replace a session with a marker and delete its chunks; return whether it was active."""
        marker = self._marker(key)
        try:
            answer = self.call(
                "put_item", Item=marker, ReturnValues="ALL_OLD", **self._if_session_exists
            )
        except ConditionFailed as failed:
            return same_writer(failed, marker)
        old = answer.get("Attributes", {})
        self.chunks.delete_of(old)
        return not self.layout.expired(old, self.now_ms())

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

        :param marker: leave a marker under the old key.
        :param accessed_by_ms: as in `if_unchanged`.
        :param unless_new_ended: fail if there is a marker under the new key.
        :raises ConditionFailed: the loaded item has changed or is gone, or the new one has ended.
        """
        attributes = self.chunks.prepare(item)
        unchanged = self.if_unchanged(loaded, accessed_by_ms=accessed_by_ms)
        new = {"Item": attributes, **self.if_no_session(marker=not unless_new_ended)}
        with self.chunks.publishing(item, loaded):
            if self._without_transactions is not self.client():
                try:
                    self._move_in_transaction(new, unchanged, old_key, marker=marker)
                    return
                except NoTransactions:
                    self._without_transactions = self.client()
            self._move_in_two_writes(new, item, unchanged, old_key)

    def _move_in_transaction(
        self, new: Attributes, unchanged: Condition, old_key: Key, *, marker: bool
    ) -> None:
        table = {"TableName": self.options.table_name}
        end: dict[str, Any]
        if marker:
            end = {"Put": {**table, "Item": self._marker(old_key), **unchanged}}
        else:
            key = self.layout.key_attributes(old_key)
            end = {"Delete": {**table, "Key": key, **unchanged}}
        put = {"Put": {**table, **new}}
        self.call("transact_write_items", TransactItems=[end, put])

    def _move_in_two_writes(
        self, new: Attributes, item: Item, unchanged: Condition, old_key: Key
    ) -> None:
        try:
            self.call("put_item", **new)
        except ConditionFailed as failed:
            if not same_writer(failed, new["Item"]):
                raise
        # Not a DeleteItem: only a marker can be recognized if botocore sends the write twice.
        marker = self._marker(old_key)
        try:
            self.call("put_item", Item=marker, **unchanged)
        except ConditionFailed as failed:
            if not same_writer(failed, marker):
                self._withdraw(item)
                raise

    def _withdraw(self, item: Item) -> None:
        """Undo the write of an item, unless it has changed since: write a marker over it."""
        try:
            self.call("put_item", Item=self._marker(item.key), **self.if_unchanged(item))
        except ConditionFailed:
            return

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
        """Return the item in these attributes without its chunks; None if it has expired."""
        if attributes is None:
            return None
        if kind == SESSION and attributes.get("type") == {"S": MARKER}:
            return None if self.layout.expired(attributes, self.now_ms()) else Marker()
        if kind == CACHE and attributes.get("type") == {"S": TOMBSTONE}:
            return None
        item = self.layout.item(key, kind, attributes)
        return None if item.expired(self.now_ms(), grace_ms) else item


def same_writer(failed: ConditionFailed, attributes: Attributes) -> bool:
    """Return whether a write failed because botocore sent it twice."""
    writer = (failed.attributes or {}).get("writer")
    return writer is not None and writer == attributes.get("writer")

"""Operations on one item: read, written, deleted, moved, and under which conditions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.dynamodb.calls import TableCalls
from beaker_dynamodb.dynamodb.error_mapping import ConditionFailed, NoTransactions
from beaker_dynamodb.exceptions import PayloadError
from beaker_dynamodb.items.chunks import Chunks
from beaker_dynamodb.items.item import CACHE, MARKER, SESSION, TOMBSTONE, Attributes, Item, Marker
from beaker_dynamodb.items.keys import Key, Keys
from beaker_dynamodb.items.layout import Layout, seconds

if TYPE_CHECKING:
    from beaker_dynamodb.config.options import Options

#: A condition: the parameters that it adds to a write.
Condition = dict[str, Any]
#: Lifetime of a marker. Requests that carry the old cookie have ended by then.
MARKER_SECONDS = 10.0


class ItemStore(TableCalls):
    """Items of one table.

    :param options: of the configuration; `Options.clock` tells the time.
    """

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.keys = Keys(options)
        self.layout = Layout(options)
        self.chunks = Chunks(self)
        # The client whose server, or table, was found to lack transactions.
        self._without_transactions: Any = None

    def now_ms(self) -> int:
        """Give the time, milliseconds since the epoch, cut off and not rounded."""
        return int(self.options.clock() * 1000)

    # -- one item -----------------------------------------------------------------------------

    def get(
        self,
        key: Key,
        kind: str,
        *,
        grace_ms: int = 0,
        consistent_read: bool | None = None,
        saw: Callable[[Mapping[str, Any] | None], object] | None = None,
    ) -> Item | None:
        """Return an item, or None if there is none, it has expired, or only a marker is left.

        :param grace_ms: how long after its expiry it is still wanted.
        :param consistent_read: overrides the option; None: as the option says.
        :param saw: is called with all that is stored, expired or not.
        :raises PayloadError: it is damaged, or chunks of it are missing.
        """
        found = self.find(key, kind, grace_ms=grace_ms, consistent_read=consistent_read, saw=saw)
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
        """Return an item as `get` does, or the marker that a session has left in its place."""
        if consistent_read is None:
            consistent_read = bool(self.options.consistent_read)
        missed = None
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
            if item.chunks == missed:
                raise PayloadError(f"chunks of an item of type {kind!r} are missing")
            # Somebody has written another value meanwhile, or the chunks are not seen yet.
            missed, consistent_read = item.chunks, True

    def put(
        self, item: Item, condition: Condition | None = None, *, replaced: Item | None = None
    ) -> None:
        """Write one whole item, in chunks if it is larger than an item may be.

        :param condition: one of those below; None: whatever is there is replaced.
        :param replaced: what is there if the condition holds; its chunks are then deleted.
        :raises ConditionFailed: it did not hold; the error has the item as it is.
        :raises ItemTooLarge: before anything is sent.
        """
        attributes = self.chunks.prepare(item)
        if condition is None:
            answer = self.call("put_item", Item=attributes, ReturnValues="ALL_OLD")
            self.chunks.delete_of(answer.get("Attributes", {}), but=item.chunks)
        else:
            with self.chunks.publishing(item, replaced):
                self.call("put_item", Item=attributes, **condition)

    def delete(self, key: Key) -> None:
        """Delete one item, with its chunks; one that is not there is no error."""
        answer = self.call(
            "delete_item", Key=self.layout.key_attributes(key), ReturnValues="ALL_OLD"
        )
        self.chunks.delete_of(answer.get("Attributes", {}))

    def end(self, key: Key) -> None:
        """Replace a session by a marker and delete its chunks; without a session do nothing."""
        try:
            answer = self.call(
                "put_item",
                Item=self._marker(key),
                # Holds when there is an item, damaged or not, that is not a marker yet. So invented
                # ids leave nothing behind.
                ConditionExpression=(
                    "attribute_exists(#key) AND (attribute_not_exists(#type) OR #type <> :marker)"
                ),
                ExpressionAttributeNames={"#key": self.options.hash_key, "#type": "type"},
                ExpressionAttributeValues={":marker": {"S": MARKER}},
                ReturnValues="ALL_OLD",
            )
        except ConditionFailed:
            return
        self.chunks.delete_of(answer.get("Attributes", {}))

    def move(
        self,
        item: Item,
        loaded: Item,
        old_key: Key,
        *,
        marker: bool,
        accessed_by_ms: int | None = None,
    ) -> None:
        """Write ``item`` under its new key and end ``loaded``: both or neither.

        Without transactions the new item is written first: a crash in between loses nothing, and
        leaves the old one to its expiry.

        :param marker: leave a marker under the old key.
        :param accessed_by_ms: as in `if_unchanged`.
        :raises ConditionFailed: the loaded item has changed or is gone.
        """
        attributes = self.chunks.prepare(item)
        unchanged = self.if_unchanged(loaded, accessed_by_ms=accessed_by_ms)
        with self.chunks.publishing(item, loaded):
            if self._without_transactions is not self.client():
                try:
                    self._move_in_transaction(attributes, unchanged, old_key, marker=marker)
                    return
                except NoTransactions:
                    self._without_transactions = self.client()
            self._move_in_two_writes(attributes, item, unchanged, old_key)

    def _move_in_transaction(
        self, attributes: Attributes, unchanged: Condition, old_key: Key, *, marker: bool
    ) -> None:
        table = {"TableName": self.options.table_name}
        end: dict[str, Any]
        if marker:
            end = {"Put": {**table, "Item": self._marker(old_key), **unchanged}}
        else:
            key = self.layout.key_attributes(old_key)
            end = {"Delete": {**table, "Key": key, **unchanged}}
        put = {"Put": {**table, "Item": attributes, **self.if_no_session()}}
        self.call("transact_write_items", TransactItems=[end, put])

    def _move_in_two_writes(
        self, attributes: Attributes, item: Item, unchanged: Condition, old_key: Key
    ) -> None:
        try:
            self.call("put_item", Item=attributes, **self.if_no_session())
        except ConditionFailed as failed:
            if not same_writer(failed, attributes):
                raise
        # Always a marker, never a deletion: sent twice, it recognizes itself.
        marker = self._marker(old_key)
        try:
            self.call("put_item", Item=marker, **unchanged)
        except ConditionFailed as failed:
            if not same_writer(failed, marker):
                self._withdraw(item)
                raise

    def _withdraw(self, item: Item) -> None:
        """Replace an item that was written a moment ago by a marker, unless it has changed."""
        try:
            self.call("put_item", Item=self._marker(item.key), **self.if_unchanged(item))
        except ConditionFailed:
            return

    def _marker(self, key: Key) -> Attributes:
        return self.layout.marker(key, self.now_ms(), MARKER_SECONDS)

    def found(self, failed: ConditionFailed, key: Key, kind: str) -> Item | Marker | None:
        """Return the current item that a failed condition told of, as `find` does."""
        item = self._item(failed.attributes, key, kind)
        if item is None or isinstance(item, Marker) or item.chunks is None:
            return item
        if self.chunks.read(item, consistent_read=True):
            return item
        return self.find(key, kind, consistent_read=True)

    def _item(
        self, attributes: Mapping[str, Any] | None, key: Key, kind: str, grace_ms: int = 0
    ) -> Item | Marker | None:
        """Return the item that attributes make, its chunks not yet read; None if it has expired."""
        if attributes is None:
            return None
        if kind == SESSION and attributes.get("type") == {"S": MARKER}:
            return None if self.layout.expired(attributes, self.now_ms()) else Marker()
        if kind == CACHE and attributes.get("type") == {"S": TOMBSTONE}:
            return None
        item = self.layout.item(key, kind, attributes)
        return None if item.expired(self.now_ms(), grace_ms) else item

    # -- conditions ---------------------------------------------------------------------------

    def if_new(self) -> Condition:
        """Return the condition for a first write."""
        # Holds when there is no item, or one that has expired and only waits for the sweeper.
        return self.condition(
            "attribute_not_exists(#key) OR #deadline <= :now",
            {"#key": self.options.hash_key, "#deadline": "deadline"},
            {":now": seconds(self.now_ms())},
        )

    def if_no_session(self) -> Condition:
        """Return the condition for a first write of a session."""
        # Holds when there is no item, an expired one, or the marker of a session that has ended.
        condition = self.if_new()
        condition["ConditionExpression"] += " OR #type = :marker"
        condition["ExpressionAttributeNames"]["#type"] = "type"
        condition["ExpressionAttributeValues"][":marker"] = {"S": MARKER}
        return condition

    def if_copied(self, writer: str, accessed_ms: int, *, or_new: bool) -> Condition:
        """Give the condition under which a session may be copied once more from its old store.

        :param writer: what the writer tokens of copies begin with.
        :param accessed_ms: when the session was last used, in the old store.
        :param or_new: it may also not be there.
        """
        # Holds when nobody has written the item but a copier, whose copy was of an older state,
        # and nobody has used it since then either.
        expression = "begins_with(#writer, :writer) AND #accessed < :accessed"
        names = {"#writer": "writer", "#accessed": "accessed"}
        values = {":writer": {"S": writer}, ":accessed": seconds(accessed_ms)}
        if or_new:
            # Or when there is no item, or one that has expired and only waits for the sweeper.
            new = self.if_new()
            expression = f"{new['ConditionExpression']} OR {expression}"
            names |= new["ExpressionAttributeNames"]
            values |= new["ExpressionAttributeValues"]
        return self.condition(expression, names, values)

    def if_unchanged(self, loaded: Item, *, accessed_by_ms: int | None = None) -> Condition:
        """Give the condition under which ``loaded`` may be replaced by what was made of it.

        :param accessed_by_ms: the last access in the table must not be later than this; None: it
            does not matter.
        """
        names = {"#deadline": "deadline", "#writer": "writer"}
        values = {":now": seconds(self.now_ms())}
        if loaded.writer is None:
            # Holds when the item is alive and was, as when loaded, never written by us.
            return self.condition(
                "attribute_not_exists(#writer) AND attribute_exists(#key) AND "
                "(attribute_not_exists(#deadline) OR #deadline > :now)",
                {**names, "#key": self.options.hash_key},
                values,
            )
        # Holds when the item is alive and nobody has changed its data since it was loaded ...
        expression = "#writer = :writer AND (attribute_not_exists(#deadline) OR #deadline > :now)"
        values[":writer"] = {"S": loaded.writer}
        if accessed_by_ms is not None and loaded.accessed_ms is not None:
            # ... and no other request has refreshed its access time beyond this one.
            expression += " AND #accessed <= :accessed"
            names["#accessed"] = "accessed"
            values[":accessed"] = seconds(accessed_by_ms)
        return self.condition(expression, names, values)

    def if_there(self, loaded: Item) -> Condition:
        """Give the condition under which ``loaded`` may be replaced without having been merged."""
        # Holds when the item is alive and still the one that was loaded, not a later one that
        # has the same id.
        return self.condition(
            "#created = :created AND (attribute_not_exists(#deadline) OR #deadline > :now)",
            {"#created": "created", "#deadline": "deadline"},
            {":created": seconds(loaded.created_ms), ":now": seconds(self.now_ms())},
        )

    @staticmethod
    def condition(
        expression: str, names: dict[str, str], values: dict[str, Attributes]
    ) -> Condition:
        """Return the parameters of a write that make it conditional."""
        condition: Condition = {
            "ConditionExpression": expression,
            "ExpressionAttributeNames": names,
            # The present item comes with the error, at the price of no further read.
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if values:
            condition["ExpressionAttributeValues"] = values
        return condition


def same_writer(failed: ConditionFailed, attributes: Attributes) -> bool:
    """Return whether a write met itself: it had arrived, and botocore sent it again."""
    writer = (failed.attributes or {}).get("writer")
    return writer is not None and writer == attributes.get("writer")

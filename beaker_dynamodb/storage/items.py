"""Operations on one item: read, written, deleted, moved, and under which conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from beaker_dynamodb.errors import PayloadError
from beaker_dynamodb.storage.calls import TableCalls
from beaker_dynamodb.storage.chunks import Chunks
from beaker_dynamodb.storage.faults import ConditionFailed
from beaker_dynamodb.storage.keys import Key
from beaker_dynamodb.storage.layout import Attributes, Item, Layout, seconds

if TYPE_CHECKING:
    from beaker_dynamodb.options import Options

#: A condition: the parameters that it adds to a write.
Condition = dict[str, Any]


class ItemStore(TableCalls):
    """Items of one table.

    :param options: of the configuration; `Options.clock` tells the time.
    """

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.layout = Layout(options)
        self.chunks = Chunks(self)

    def now_ms(self) -> int:
        """Give the time, milliseconds since the epoch, cut off and not rounded."""
        return int(self.options.clock() * 1000)

    # -- one item -----------------------------------------------------------------------------

    def get(
        self, key: Key, kind: str, *, grace_ms: int = 0, consistent_read: bool | None = None
    ) -> Item | None:
        """Read one item; None where there is none or it has expired.

        :param grace_ms: how long after its expiry it is still wanted.
        :param consistent_read: read what was written last, or not; None: as the option says.
        :raises PayloadError: it is damaged, or chunks of it are missing.
        """
        if consistent_read is None:
            consistent_read = bool(self.options.consistent_read)
        missed = None
        while True:
            answer = self.call(
                "get_item", Key=self.layout.key_attributes(key), ConsistentRead=consistent_read
            )
            attributes = answer.get("Item")
            if attributes is None:
                return None
            item = self.layout.item(key, kind, attributes)
            if item.expired(self.now_ms(), grace_ms):
                return None
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

    def move(self, item: Item, loaded: Item, old_key: Key) -> None:
        """Write ``item`` under its new key and delete ``loaded``: both or neither.

        :raises ConditionFailed: the loaded item has changed or is gone.
        """
        name = self.options.table_name
        attributes = self.chunks.prepare(item)
        delete = {
            "TableName": name,
            "Key": self.layout.key_attributes(old_key),
            **self.if_unchanged(loaded),
        }
        put = {"TableName": name, "Item": attributes, **self.if_new()}
        with self.chunks.publishing(item, loaded):
            self.call("transact_write_items", TransactItems=[{"Delete": delete}, {"Put": put}])

    def found(self, failed: ConditionFailed, key: Key, kind: str) -> Item | None:
        """Read the item that a failed condition told of; None where it is not there or expired."""
        if failed.attributes is None:
            return None
        item = self.layout.item(key, kind, failed.attributes)
        if item.expired(self.now_ms()):
            return None
        if item.chunks is None or self.chunks.read(item, consistent_read=True):
            return item
        return self.get(key, kind, consistent_read=True)

    # -- conditions ---------------------------------------------------------------------------

    def if_new(self) -> Condition:
        """Give the condition under which a first write may happen."""
        # Holds when there is no item, or one that has expired and only waits for the sweeper.
        return self._condition(
            "attribute_not_exists(#key) OR #deadline <= :now",
            {"#key": self.options.hash_key, "#deadline": "deadline"},
            {":now": seconds(self.now_ms())},
        )

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
        return self._condition(expression, names, values)

    def if_unchanged(self, loaded: Item, *, untouched: bool = False) -> Condition:
        """Give the condition under which ``loaded`` may be replaced by what was made of it.

        :param untouched: nor may anybody have refreshed it meanwhile.
        """
        names = {"#deadline": "deadline", "#writer": "writer"}
        values = {":now": seconds(self.now_ms())}
        if loaded.writer is None:
            # Holds when the item is alive and was, as when loaded, never written by us.
            return self._condition(
                "attribute_not_exists(#writer) AND attribute_exists(#key) AND "
                "(attribute_not_exists(#deadline) OR #deadline > :now)",
                {**names, "#key": self.options.hash_key},
                values,
            )
        # Holds when the item is alive and nobody has changed its data since it was loaded ...
        expression = "#writer = :writer AND (attribute_not_exists(#deadline) OR #deadline > :now)"
        values[":writer"] = {"S": loaded.writer}
        if untouched and loaded.accessed_ms is not None:
            # ... and the time of its last use is still the same.
            expression += " AND #accessed = :accessed"
            names["#accessed"] = "accessed"
            values[":accessed"] = seconds(loaded.accessed_ms)
        return self._condition(expression, names, values)

    def if_there(self, loaded: Item) -> Condition:
        """Give the condition under which ``loaded`` may be replaced without having been merged."""
        # Holds when the item is alive and still the one that was loaded, not a later one that
        # has the same id.
        return self._condition(
            "#created = :created AND (attribute_not_exists(#deadline) OR #deadline > :now)",
            {"#created": "created", "#deadline": "deadline"},
            {":created": seconds(loaded.created_ms), ":now": seconds(self.now_ms())},
        )

    @staticmethod
    def _condition(
        expression: str, names: dict[str, str], values: dict[str, Attributes]
    ) -> Condition:
        return {
            "ConditionExpression": expression,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
            # The present item comes with the error, at the price of no further read.
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

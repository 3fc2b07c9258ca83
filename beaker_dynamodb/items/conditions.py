"""Conditions for writes."""

from __future__ import annotations

from typing import Any

from beaker_dynamodb.dynamodb.calls import TableCalls
from beaker_dynamodb.dynamodb.expressions import Attr, write_params
from beaker_dynamodb.items.item import MARKER, Attributes, Item
from beaker_dynamodb.items.layout import seconds

#: The parameters that make a write conditional.
Condition = dict[str, Any]


class ConditionalCalls(TableCalls):
    """The calls on a table, and the conditions for writes to it."""

    def now_ms(self) -> int:
        """Return the time in milliseconds since the epoch, truncated."""
        return int(self.options.clock() * 1000)

    def if_new(self) -> Condition:
        """Return the condition that the item does not exist or has expired."""
        return self.condition(
            "attribute_not_exists(#key) OR #deadline <= :now",
            {"#key": self.options.hash_key, "#deadline": "deadline"},
            {":now": seconds(self.now_ms())},
        )

    def if_no_session(self, *, marker: bool = True) -> Condition:
        """Return the condition for the first write of a session.

        :param marker: whether it may replace the marker of a session that has just ended.
        """
        condition = self.if_new()
        if marker:
            condition["ConditionExpression"] += " OR #type = :marker"
            condition["ExpressionAttributeNames"]["#type"] = "type"
            condition["ExpressionAttributeValues"][":marker"] = {"S": MARKER}
        return condition

    def if_absent(self) -> Condition:
        """Return the condition that the item does not exist, not even as an expired item."""
        return write_params(Attr(self.options.hash_key).not_exists())

    def if_copied(self, writer: str, accessed_ms: int) -> Condition:
        """Return the condition for copying a session from its old store again.

        :param writer: prefix of the writer tokens of copies.
        :param accessed_ms: last access of the session in the old store.
        """
        # The last write was by a migration, from an older state, and there was no access since.
        older = Attr("accessed").lt(seconds(accessed_ms))
        return write_params(Attr("writer").begins_with(writer) & older)

    def if_unchanged(self, loaded: Item, *, accessed_by_ms: int | None = None) -> Condition:
        """Return the condition for replacing a session with a changed one.

        :param loaded: the session as it was read.
        :param accessed_by_ms: fail if the stored last access is later than this. Ignored if None,
            or if ``loaded`` has no writer token or last access.
        """
        names = {"#deadline": "deadline", "#writer": "writer"}
        values = {":now": seconds(self.now_ms())}
        if loaded.writer is None:
            # The item has not expired, and still has no writer token.
            return self.condition(
                "attribute_not_exists(#writer) AND attribute_exists(#key) AND "
                "(attribute_not_exists(#deadline) OR #deadline > :now)",
                {**names, "#key": self.options.hash_key},
                values,
            )
        # The item has not expired, and its data is unchanged.
        expression = "#writer = :writer AND (attribute_not_exists(#deadline) OR #deadline > :now)"
        values[":writer"] = {"S": loaded.writer}
        if accessed_by_ms is not None and loaded.accessed_ms is not None:
            # No other request has stored a later access time.
            expression += " AND #accessed <= :accessed"
            names["#accessed"] = "accessed"
            values[":accessed"] = seconds(accessed_by_ms)
        return self.condition(expression, names, values)

    def if_same_session(self, loaded: Item) -> Condition:
        """Return the condition for replacing a session without merging."""
        # The item has not expired, and is not a later session with the same id.
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
        return {
            "ConditionExpression": expression,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
            # The error then contains the current item, which saves a read.
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

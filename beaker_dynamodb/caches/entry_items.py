"""Operations on cache entries: the tombstones of removed ones, and writes that respect them.

The maker of a value reads its key under the creation lock, runs for a while and then stores what it
made. In between, the key may be written or removed. So a removal leaves a tombstone instead of a
gap, every write has a token of its own, and the maker's write is conditional on what it read.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.dynamodb.error_mapping import ConditionFailed
from beaker_dynamodb.items.item import TOMBSTONE, Attributes, Item
from beaker_dynamodb.items.store import same_writer

if TYPE_CHECKING:
    from beaker_dynamodb.items.keys import Key
    from beaker_dynamodb.items.store import Condition, ItemStore

#: Life of a tombstone. A value must not take longer to make, or a removal meanwhile is forgotten.
#: The maker's options do not bound that (its lock is renewed as long as it runs), and the clocks of
#: the remover and of DynamoDB may differ by hours. A day is more than both, and costs next to
#: nothing: some 150 bytes of storage.
TOMBSTONE_SECONDS = 86_400


class Making:
    """What the maker of one value has read under its creation lock.

    :param begun_ms: when it read, milliseconds since the epoch.
    """

    def __init__(self, begun_ms: int) -> None:
        self.begun_ms = begun_ms
        #: Set by the write that ends it.
        self.finished = False
        # The read has not been answered: what is stored is unknown.
        self._answered = False
        self._writer: Attributes | None = None
        self._created: Attributes | None = None

    def saw(self, attributes: Mapping[str, Any] | None) -> None:
        """Remember what is stored under the key: an entry, a tombstone, or None."""
        self._answered = True
        self._writer = None if attributes is None else attributes.get("writer")
        self._created = None if attributes is None else attributes.get("created")

    def condition(self, items: ItemStore) -> Condition:
        """Return the condition for the maker's write."""
        if not self._answered:
            return items.if_new()
        names: dict[str, str]
        values: dict[str, Attributes] = {}
        if self._writer is not None:
            # Holds when the last write is still the one that the maker read.
            expression, names = "#writer = :writer", {"#writer": "writer"}
            values[":writer"] = self._writer
        elif self._created is not None:
            # Holds when the item is still the one that the maker read, which has no token.
            expression = "attribute_not_exists(#writer) AND #created = :created"
            names = {"#writer": "writer", "#created": "created"}
            values[":created"] = self._created
        else:
            # Holds when there is still nothing.
            expression, names = "attribute_not_exists(#key)", {"#key": items.options.hash_key}
        return items.condition(expression, names, values)


class EntryItems:
    """Writes and removes the entries of one table, and puts tombstones.

    :param items: the table.
    """

    def __init__(self, items: ItemStore) -> None:
        self._items = items

    def put(self, item: Item) -> None:
        """Write an entry, whatever is stored."""
        item.writer = _token()
        self._items.put(item)

    def put_made(self, item: Item, making: Making | None) -> bool:
        """Write an entry if nothing has happened under its key; return whether it is stored.

        :param making: what its maker read; None: it has not, and only fills a gap.
        """
        items = self._items
        item.writer = _token()
        condition = items.if_new() if making is None else making.condition(items)
        attributes = items.chunks.prepare(item)
        try:
            with items.chunks.publishing(item, None):
                answer = items.call(
                    "put_item", Item=attributes, ReturnValues="ALL_OLD", **condition
                )
        except ConditionFailed as failed:
            if not same_writer(failed, attributes):
                return False
        else:
            items.chunks.delete_of(answer.get("Attributes", {}), but=item.chunks)
        if making is not None:
            making.saw(attributes)
        return True

    def remove(self, key: Key) -> Attributes:
        """Replace whatever is stored by a tombstone, and delete its chunks.

        :returns: the tombstone.
        """
        tombstone = self._items.layout.marker(
            key, self._items.now_ms(), TOMBSTONE_SECONDS, TOMBSTONE
        )
        answer = self._items.call("put_item", Item=tombstone, ReturnValues="ALL_OLD")
        self._items.chunks.delete_of(answer.get("Attributes", {}))
        return tombstone


def _token() -> str:
    return secrets.token_urlsafe(9)

"""Writes and removals of cache entries.

Each write has a unique token, and a removal leaves a tombstone: see `Computation`.
"""

from __future__ import annotations

import secrets

from beaker_dynamodb.caches.computation import Computation
from beaker_dynamodb.dynamodb.error_mapping import ConditionFailed
from beaker_dynamodb.items.item import TOMBSTONE, Attributes, Item
from beaker_dynamodb.items.keys import Key
from beaker_dynamodb.items.store import ItemStore, same_writer

#: A removal during a longer computation is forgotten. A lock is renewed for as long as its
#: computation runs, and the clocks of the remover and of DynamoDB may differ by hours. A tombstone
#: takes some 150 bytes.
TOMBSTONE_SECONDS = 86_400


class EntryItems:
    """Writes and removes the entries of one table.

    :param items: the table.
    """

    def __init__(self, items: ItemStore) -> None:
        self.items = items

    def put(self, item: Item) -> None:
        """Write an entry unconditionally."""
        item.writer = _new_token()
        self.items.put(item)

    def put_computed(self, item: Item, computation: Computation) -> bool:
        """Write a computed entry, unless its key was written or removed meanwhile.

        :returns: whether the entry is stored.
        """
        items = self.items
        item.writer = _new_token()
        condition = computation.condition(items)
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
            items.chunks.delete_of(answer.get("Attributes", {}), keep=item.chunks)
        computation.saw(attributes)
        return True

    def remove(self, key: Key) -> Attributes:
        """Replace an entry, if any, by a tombstone, and delete its chunks.

        :returns: the tombstone.
        """
        items = self.items
        tombstone = items.layout.marker(key, items.now_ms(), TOMBSTONE_SECONDS, TOMBSTONE)
        answer = items.call("put_item", Item=tombstone, ReturnValues="ALL_OLD")
        items.chunks.delete_of(answer.get("Attributes", {}))
        return tombstone


def _new_token() -> str:
    return secrets.token_urlsafe(9)

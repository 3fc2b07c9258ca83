"""Writes and removals of cache entries.

Each write has a unique token, and a removal leaves a tombstone: see `Computation`.
"""

from __future__ import annotations

from beaker_dynamodb.caches.computation import Computation
from beaker_dynamodb.dynamodb.error_mapping import ConditionFailed
from beaker_dynamodb.items.item import TOMBSTONE, Attributes, Item, new_token
from beaker_dynamodb.items.keys import Key
from beaker_dynamodb.items.store import ItemStore, same_writer

#: Lifetime of a tombstone. If a computation takes longer, it does not notice that its key was
#: removed. It is this long because a lock may be renewed for hours, and because the clocks of the
#: remover and of DynamoDB may differ by hours. A tombstone takes some 150 bytes.
TOMBSTONE_SECONDS = 86_400


def put(items: ItemStore, item: Item) -> None:
    """Write an entry unconditionally."""
    item.writer = new_token()
    items.put(item)


def put_computed(items: ItemStore, item: Item, computation: Computation) -> bool:
    """Write a computed entry, unless its key was written or removed meanwhile.

    :returns: whether the entry is stored.
    """
    item.writer = new_token()
    condition = computation.condition(items)
    attributes = items.chunks.prepare(item)
    try:
        with items.chunks.publishing(item, None):
            items.replace(attributes, **condition)
    except ConditionFailed as failed:
        if not same_writer(failed, attributes):
            return False
    computation.saw(attributes)
    return True


def remove(items: ItemStore, key: Key) -> Attributes:
    """Replace an entry, if any, with a tombstone, delete its chunks, and return the tombstone."""
    tombstone = items.layout.marker(key, items.now_ms(), TOMBSTONE_SECONDS, TOMBSTONE)
    items.replace(tombstone)
    return tombstone

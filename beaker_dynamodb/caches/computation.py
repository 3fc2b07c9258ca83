"""The computation of one value under its creation lock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beaker_dynamodb.dynamodb.error_mapping import ConditionFailed
from beaker_dynamodb.dynamodb.expressions import Attr, Attributes, write_params
from beaker_dynamodb.items.conditions import Condition
from beaker_dynamodb.items.item import Item
from beaker_dynamodb.items.store import ItemStore, same_writer


class Computation:
    """The computation of a missing value, and what its key held before.

    Another caller may write or remove the key during the computation. Therefore the value is stored
    only if the item is still the one that was read.
    """

    #: Just before the caller read its key, in milliseconds since the epoch. None before that.
    started_ms: int | None = None
    #: Whether the value was stored, or discarded.
    finished = False
    #: Whether a call to DynamoDB under the lock got no response.
    unanswered = False
    #: Whether the read found out what is stored. If so: the item's writer token and creation time.
    _known = False
    _writer: Attributes | None = None
    _created: Attributes | None = None

    @property
    def running(self) -> bool:
        """Whether the key was read, but the value is neither stored nor discarded."""
        return self.started_ms is not None and not self.finished

    def start(self, now_ms: int) -> None:
        """Start a computation just before the key is read."""
        self.started_ms, self.finished, self._known = now_ms, False, False

    def remember(self, attributes: Mapping[str, Any] | None) -> None:
        """Remember the stored item: an entry, a tombstone, or None."""
        self._known = True
        self._writer = None if attributes is None else attributes.get("writer")
        self._created = None if attributes is None else attributes.get("created")

    def store(self, items: ItemStore, item: Item) -> bool:
        """Write the entry, unless its key was written or removed since it was read.

        :returns: whether the entry is stored.
        """
        condition = self.condition(items)
        attributes = items.chunks.prepare(item)
        try:
            with items.chunks.publishing(item, None):
                items.replace(attributes, **condition)
        except ConditionFailed as failed:
            if not same_writer(failed, attributes):
                return False
        self.remember(attributes)
        return True

    def condition(self, items: ItemStore) -> Condition:
        """Return the condition that the stored item has not changed since it was read.

        After a failed read: the condition that no unexpired item exists.
        """
        if not self._known:
            return items.if_new()
        writer, created = Attr("writer"), Attr("created")
        if self._writer is not None:
            return write_params(writer.eq(self._writer))
        if self._created is not None:  # written before items had tokens
            return write_params(writer.not_exists() & created.eq(self._created))
        return items.if_absent()

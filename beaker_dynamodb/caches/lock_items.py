"""Operations on lock items; docs/reference/items.md lists their attributes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from beaker_dynamodb.dynamodb.error_mapping import ConditionFailed
from beaker_dynamodb.dynamodb.expressions import Attr, Attributes, Condition, write_params
from beaker_dynamodb.exceptions import PayloadError
from beaker_dynamodb.items.keys import Key
from beaker_dynamodb.items.layout import whole_seconds
from beaker_dynamodb.items.store import ItemStore

LOCK = "beaker-lock"
#: DynamoDB may delete an abandoned lock item this many seconds after its lease. No clock is wrong
#: by that much, so a lock in use is never deleted.
LEFTOVER_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class LockItem:
    """The state of a held lock.

    :param owner: owner token, unique per acquisition.
    :param version: incremented at each renewal.
    :param lease: seconds without a renewal after which another process may take the lock over.
    """

    owner: str
    version: int
    lease: float


class LockItems:
    """Acquires, reads, renews and releases lock items, with one call each."""

    def __init__(self, items: ItemStore) -> None:
        self._items = items
        self.options = items.options

    def acquire(self, key: Key, lock: LockItem, abandoned: LockItem | None) -> LockItem | None:
        """Write a lock item unless one exists.

        :param abandoned: a lock item to replace unless it was renewed since it was read, or None.
        :returns: None if the lock was acquired, otherwise its holder's lock item.
        """
        condition = Attr(self.options.hash_key).not_exists()
        if abandoned is not None:
            version = Attr("version").eq(_number(abandoned.version))
            condition |= Attr("owner").eq(abandoned.owner) & version
        try:
            self._put(key, lock, condition)
        except ConditionFailed as failed:
            current = _lock_item(failed.attributes or {})
            # Same owner: the first response was lost, and botocore sent the write again.
            return None if current.owner == lock.owner else current
        return None

    def read(self, key: Key) -> LockItem | None:
        """Return the lock item, or None if the lock is free. The read is strongly consistent."""
        answer = self._items.call(
            "get_item", Key=self._items.layout.key_attributes(key), ConsistentRead=True
        )
        return _lock_item(answer["Item"]) if "Item" in answer else None

    def renew(self, key: Key, lock: LockItem) -> None:
        """Write the next version of a lock item.

        :raises ConditionFailed: the lock is free, or has a different owner.
        """
        self._put(key, lock, Attr("owner").eq(lock.owner))

    def release(self, key: Key, lock: LockItem) -> None:
        """Delete a lock item.

        :raises ConditionFailed: the lock is free, or has a different owner.
        """
        owned = write_params(Attr("owner").eq(lock.owner))
        self._items.call("delete_item", Key=self._items.layout.key_attributes(key), **owned)

    def _put(self, key: Key, lock: LockItem, condition: Condition) -> None:
        leftover_ms = 1000 * (round(lock.lease) + LEFTOVER_SECONDS)
        attributes = {
            **self._items.layout.key_attributes(key),
            "type": {"S": LOCK},
            "owner": {"S": lock.owner},
            "version": _number(lock.version),
            "lease": _number(lock.lease),
            self.options.ttl_attribute: whole_seconds(self._items.now_ms() + leftover_ms),
        }
        self._items.call("put_item", Item=attributes, **write_params(condition))


def _number(value: float) -> Attributes:
    return {"N": str(value)}


def _lock_item(attributes: Mapping[str, Any]) -> LockItem:
    try:
        return LockItem(
            owner=attributes["owner"]["S"],
            version=int(attributes["version"]["N"]),
            lease=float(attributes["lease"]["N"]),
        )
    except (KeyError, ValueError) as error:
        raise PayloadError(f"an item of type {LOCK!r} is damaged: {error!r}") from None

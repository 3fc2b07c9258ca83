"""Operations on the items of creation locks; docs/design.md has their attributes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.dynamodb.error_mapping import ConditionFailed
from beaker_dynamodb.exceptions import PayloadError
from beaker_dynamodb.items.item import Attributes

if TYPE_CHECKING:
    from beaker_dynamodb.items.keys import Key
    from beaker_dynamodb.items.store import ItemStore

LOCK = "beaker-lock"
#: DynamoDB sweeps a lock that was left behind so long after its lease: more than any clock is
#: wrong, so that a lock in use is never swept.
LEFTOVER_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class LockItem:
    """A lock that somebody holds.

    :param owner: a token of this one acquisition.
    :param version: goes up by one at every renewal.
    :param lease: seconds without a renewal after which others may take the lock over.
    """

    owner: str
    version: int
    lease: float


class LockItems:
    """Takes, reads, renews and frees locks: one call each."""

    def __init__(self, items: ItemStore) -> None:
        self._items = items
        self._options = items.options
        self._layout = items.layout

    def take(self, key: Key, lock: LockItem, abandoned: LockItem | None) -> LockItem | None:
        """Take a lock.

        :param abandoned: what may be taken over, if it has not been renewed meanwhile.
        :returns: None when it is taken, else the lock as somebody holds it.
        """
        names = {"#key": self._options.hash_key}
        # Holds when nobody has the lock ...
        expression = "attribute_not_exists(#key)"
        values: dict[str, Attributes] = {}
        if abandoned is not None:
            # ... or he who has it has not renewed it since we saw it.
            expression += " OR (#owner = :owner AND #version = :version)"
            names |= {"#owner": "owner", "#version": "version"}
            values = {":owner": {"S": abandoned.owner}, ":version": _number(abandoned.version)}
        try:
            self._write(key, lock, expression, names, values)
        except ConditionFailed as failed:
            present = _lock(failed.attributes or {})
            # botocore sent it a second time, since the first answer was lost.
            return None if present.owner == lock.owner else present
        return None

    def read(self, key: Key) -> LockItem | None:
        """Read a lock, strongly consistent; None where nobody has it."""
        answer = self._items.call(
            "get_item", Key=self._layout.key_attributes(key), ConsistentRead=True
        )
        return _lock(answer["Item"]) if "Item" in answer else None

    def renew(self, key: Key, lock: LockItem) -> None:
        """Write a lock with its next version.

        :raises ConditionFailed: somebody else has it, or nobody.
        """
        # Holds when the lock is still the one of this acquisition.
        names, values = {"#owner": "owner"}, {":owner": {"S": lock.owner}}
        self._write(key, lock, "#owner = :owner", names, values)

    def free(self, key: Key, lock: LockItem) -> None:
        """Delete a lock.

        :raises ConditionFailed: somebody else has it, or nobody.
        """
        # Holds when the lock is still the one of this acquisition.
        self._items.call(
            "delete_item",
            Key=self._layout.key_attributes(key),
            ConditionExpression="#owner = :owner",
            ExpressionAttributeNames={"#owner": "owner"},
            ExpressionAttributeValues={":owner": {"S": lock.owner}},
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )

    def _write(
        self,
        key: Key,
        lock: LockItem,
        expression: str,
        names: dict[str, str],
        values: dict[str, Attributes],
    ) -> None:
        swept = -(-self._items.now_ms() // 1000) + round(lock.lease) + LEFTOVER_SECONDS
        attributes = {
            **self._layout.key_attributes(key),
            "type": {"S": LOCK},
            "owner": {"S": lock.owner},
            "version": _number(lock.version),
            "lease": _number(lock.lease),
            self._options.ttl_attribute: _number(swept),
        }
        condition: dict[str, Any] = {
            "ConditionExpression": expression,
            "ExpressionAttributeNames": names,
            # The present lock comes with the error, at the price of no further read.
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if values:
            condition["ExpressionAttributeValues"] = values
        self._items.call("put_item", Item=attributes, **condition)


def _number(value: float) -> Attributes:
    return {"N": str(value)}


def _lock(attributes: Mapping[str, Any]) -> LockItem:
    try:
        return LockItem(
            owner=attributes["owner"]["S"],
            version=int(attributes["version"]["N"]),
            lease=float(attributes["lease"]["N"]),
        )
    except (KeyError, ValueError) as error:
        raise PayloadError(f"an item of type {LOCK!r} is damaged: {error!r}") from None

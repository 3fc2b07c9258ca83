"""Many cache entries at once: listing and deleting those of one namespace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.storage import batches
from beaker_dynamodb.storage.layout import CACHE, Attributes

if TYPE_CHECKING:
    from beaker_dynamodb.storage.items import ItemStore
    from beaker_dynamodb.storage.keys import Key


class Listing:
    """The cache entries of a table, by what their keys begin with.

    :param items: the table.
    """

    def __init__(self, items: ItemStore) -> None:
        self._items = items
        self._options = items.options
        self._layout = items.layout

    def keys(self, beginning: Key) -> Iterator[Key]:
        """Give the keys of the cache entries that are alive and begin with ``beginning``.

        On a table with a sort key this is a Query of one partition. On any other it is a Scan,
        which reads (and pays for) the whole table to find a few items.
        """
        now_ms = self._items.now_ms()
        for attributes in self._pages(beginning):
            if not self._layout.expired(attributes, now_ms):
                yield self._layout.key(attributes)

    def delete(self, beginning: Key) -> int:
        """Delete the cache entries that begin with ``beginning``, and say how many."""
        deleted = 0
        batch: list[Key] = []
        for attributes in self._pages(beginning):
            deleted += 1
            batch += self._keys_of(attributes)
            if len(batch) >= batches.WRITES:
                self._delete_batch(batch)
                batch = []
        self._delete_batch(batch)
        return deleted

    def _keys_of(self, attributes: Mapping[str, Any]) -> list[Key]:
        """Give the primary keys of a listed entry and of its chunks."""
        return [
            self._layout.key(attributes),
            *self._items.chunks.keys(self._layout.chunks(attributes)),
        ]

    def _pages(self, beginning: Key) -> Iterator[Mapping[str, Any]]:
        names = {"#key": self._options.hash_key, "#type": "type", "#deadline": "deadline"}
        names |= {"#long": "key", "#set": "chunk_set", "#chunks": "chunks"}
        projection = "#key, #type, #deadline, #long, #set, #chunks"
        values: dict[str, Attributes] = {
            ":key": {"S": beginning.partition},
            ":cache": {"S": CACHE},
        }
        params: dict[str, Any] = {
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
            "ConsistentRead": self._options.consistent_read,
        }
        if self._options.sort_key is not None:
            names["#sort"] = self._options.sort_key
            values[":sort"] = {"S": beginning.sort}
            operation = "query"
            # The cache entries of one namespace; a session in the same partition has no "|".
            params["KeyConditionExpression"] = "#key = :key AND begins_with(#sort, :sort)"
            params["FilterExpression"] = "#type = :cache"
            projection += ", #sort"
        else:
            operation = "scan"
            # The cache entries of one namespace: the beginning ends with a "|" that stands in no
            # namespace, so neighbours and other prefixes do not match.
            params["FilterExpression"] = "begins_with(#key, :key) AND #type = :cache"
        params["ProjectionExpression"] = projection
        while True:
            answer = self._items.call(operation, **params)
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            params["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _delete_batch(self, keys: Iterable[Key]) -> None:
        batches.write(
            self._items,
            [{"DeleteRequest": {"Key": self._layout.key_attributes(key)}} for key in keys],
        )

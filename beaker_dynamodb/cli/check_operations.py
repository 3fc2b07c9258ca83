"""The checks of `doctor` that try each operation on an item that is deleted again."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from typing import Any

from beaker_dynamodb.cli.checks import ERROR, OK, Result, failed
from beaker_dynamodb.dynamodb.calls import OPERATIONS
from beaker_dynamodb.dynamodb.error_mapping import ConditionFailed
from beaker_dynamodb.dynamodb.expressions import Attr, read_params, write_params
from beaker_dynamodb.dynamodb.indexes import index_name
from beaker_dynamodb.exceptions import DynamoDBError
from beaker_dynamodb.items.keys import Key
from beaker_dynamodb.items.store import ItemStore

#: Lifetime of the item, in case it cannot be deleted.
LIFE_SECONDS = 300
#: A value for each type of index key.
_VALUES: dict[str, Any] = {"S": "any", "N": "0", "B": b"any"}


class Operations:
    """Tries each operation on an item of its own type, which the application never reads.

    :param items: the table, which must exist.
    :param prefix: the prefix of the item's key, because a policy may allow only that.
    :param index_keys: special keys whose indexes exist.
    """

    def __init__(self, items: ItemStore, prefix: str, index_keys: Sequence[str] = ()) -> None:
        self._items = items
        self._options = items.options
        self._index_keys = index_keys
        self._types = items.options.special_types
        # No session and no cache entry has a key with a bare "|" here.
        sort = None if items.options.sort_key is None else "|doctor"
        self._keys = [Key(f"{prefix}|doctor|{secrets.token_hex(8)}", sort) for _ in range(2)]

    def check(self) -> Iterator[Result]:
        """Try each operation, and delete the item whatever happens."""
        table = self._options.table_name
        try:
            yield self._try("get_item", Key=self._key(0))
            yield self._try("put_item", Item=self._item(0))
            yield self._check_condition()
            yield self._try(
                "transact_write_items",
                TransactItems=[
                    {"Delete": {"TableName": table, "Key": self._key(0)}},
                    {"Put": {"TableName": table, "Item": self._item(1)}},
                ],
            )
            keys = {"Keys": [self._key(n) for n in range(2)]}
            yield self._try("batch_get_item", RequestItems={table: keys})
            deletes = [{"DeleteRequest": {"Key": self._key(n)}} for n in range(2)]
            yield self._try("batch_write_item", RequestItems={table: deletes})
            if self._options.sort_key is not None:
                yield self._query(self._options.hash_key, self._keys[0].partition)
            for key in self._index_keys:
                yield self._query(key, _VALUES[self._types[key]], IndexName=index_name(key))
            yield self._try("scan", Limit=1)
            yield self._try("delete_item", Key=self._key(0))
        finally:
            for number in range(2):
                self._try("delete_item", Key=self._key(number))

    def _key(self, number: int) -> dict[str, Any]:
        return self._items.layout.key_attributes(self._keys[number])

    def _item(self, number: int) -> dict[str, Any]:
        deadline_ms = self._items.now_ms() + LIFE_SECONDS * 1000
        return {
            **self._key(number),
            "type": {"S": "beaker-doctor"},
            **self._items.layout.expiry(deadline_ms),
        }

    def _query(self, key: str, value: Any, **index: str) -> Result:
        return self._try(
            "query",
            **read_params(key=Attr(key).eq({self._types.get(key, "S"): value})),
            Limit=1,
            **index,
        )

    def _try(self, method: str, **params: Any) -> Result:
        name = OPERATIONS[method] + (f", {params['IndexName']}" if "IndexName" in params else "")
        try:
            self._items.call(method, **params)
        except DynamoDBError as error:
            return failed(name, error)
        return Result(name, OK, "allowed")

    def _check_condition(self) -> Result:
        """Check that a failed condition returns the current item, which merging relies on."""
        name = "PutItem, conditional"
        try:
            # The item exists, so this must fail.
            self._items.call(
                "put_item",
                Item=self._item(0),
                **write_params(Attr(self._options.hash_key).not_exists()),
            )
        except ConditionFailed as refused:
            if refused.reported and refused.attributes is not None:
                return Result(name, OK, "refused, with the present item")
            remedy = "use a newer boto3, or another endpoint"
            return Result(name, ERROR, "the error does not contain the current item", remedy)
        except DynamoDBError as error:
            return failed(name, error)
        text = "the server ignores the condition of a write"
        return Result(name, ERROR, text, "use another endpoint")

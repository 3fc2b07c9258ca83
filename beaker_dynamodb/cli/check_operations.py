"""The checks of `doctor` that try each operation on an item that is deleted again."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from beaker_dynamodb.cli import checks
from beaker_dynamodb.cli.checks import ERROR, OK, Found, Result, failed
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
        # No session and no cache entry has a key with a bare "|" here.
        sort = None if items.options.sort_key is None else "|doctor"
        self._keys = [
            items.layout.key_attributes(Key(f"{prefix}|doctor|{secrets.token_hex(8)}", sort))
            for _ in range(2)
        ]

    def check(self) -> Iterator[Result]:
        """Try each operation, and delete the item whatever happens."""
        table, hash_key = self._options.table_name, self._options.hash_key
        first, second = self._keys
        try:
            yield self._try("get_item", Key=first)
            yield self._try("put_item", Item=self._item(first))
            yield self._conditional_put(first)
            yield self._try(
                "transact_write_items",
                TransactItems=[
                    {"Delete": {"TableName": table, "Key": first}},
                    {"Put": {"TableName": table, "Item": self._item(second)}},
                ],
            )
            yield self._try("batch_get_item", RequestItems={table: {"Keys": self._keys}})
            deletes = [{"DeleteRequest": {"Key": key}} for key in self._keys]
            yield self._try("batch_write_item", RequestItems={table: deletes})
            if self._options.sort_key is not None:
                yield self._query(hash_key, first[hash_key])
            for name in self._index_keys:
                kind = self._options.special_types[name]
                yield self._query(name, {kind: _VALUES[kind]}, IndexName=index_name(name))
            yield self._try("scan", Limit=1)
            yield self._try("delete_item", Key=first)
        finally:
            for key in self._keys:
                self._try("delete_item", Key=key)

    def _item(self, key: Mapping[str, Any]) -> dict[str, Any]:
        deadline_ms = self._items.now_ms() + LIFE_SECONDS * 1000
        expiry = self._items.layout.expiry(deadline_ms)
        return {**key, "type": {"S": "beaker-doctor"}, **expiry}

    def _query(self, name: str, value: dict[str, Any], **index: str) -> Result:
        return self._try("query", **read_params(key=Attr(name).eq(value)), Limit=1, **index)

    def _try(self, method: str, **params: Any) -> Result:
        name = OPERATIONS[method] + (f", {params['IndexName']}" if "IndexName" in params else "")
        try:
            self._items.call(method, **params)
        except DynamoDBError as error:
            return failed(name, error)
        return Result(name, OK, "allowed")

    @checks.check("PutItem, conditional")
    def _conditional_put(self, key: Mapping[str, Any]) -> Found:
        """Check that a failed condition returns the current item, which merging relies on."""
        condition = write_params(Attr(self._options.hash_key).not_exists())
        try:
            # The item exists, so this must fail.
            self._items.call("put_item", Item=self._item(key), **condition)
        except ConditionFailed as refused:
            if refused.reported and refused.attributes is not None:
                return OK, "refused, with the present item"
            remedy = "use a newer boto3, or another endpoint"
            return ERROR, "the error does not contain the current item", remedy
        return ERROR, "the server ignores the condition of a write", "use another endpoint"

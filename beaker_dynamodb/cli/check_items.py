"""The `doctor` checks of items: try each operation, and inspect a sample of stored items."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from beaker_dynamodb.cli import checks
from beaker_dynamodb.cli.checks import ERROR, OK, WARNING, Found, Result, failed
from beaker_dynamodb.cli.settings import CACHE, SESSIONS, Settings
from beaker_dynamodb.dynamodb.error_mapping import ConditionFailed
from beaker_dynamodb.dynamodb.expressions import Attr, read_params, write_params
from beaker_dynamodb.dynamodb.indexes import index_name
from beaker_dynamodb.dynamodb.transport import OPERATIONS
from beaker_dynamodb.exceptions import DynamoDBError
from beaker_dynamodb.items.item import CACHE as CACHE_TYPE
from beaker_dynamodb.items.item import SESSION as SESSION_TYPE
from beaker_dynamodb.items.keys import Key
from beaker_dynamodb.items.store import ItemStore

SAMPLE_ITEMS = 100
#: Lifetime of the test items, in case they cannot be deleted.
LIFE_SECONDS = 300
#: A value for each type of index key.
_VALUES: dict[str, Any] = {"S": "any", "N": "0", "B": b"any"}


class Operations:
    """Tries each operation on test items, whose type the application never reads.

    :param items: the table, which must exist.
    :param prefix: the prefix of the test items' keys: a policy may allow only this one.
    :param index_keys: special keys whose indexes exist.
    """

    def __init__(self, items: ItemStore, prefix: str, index_keys: Sequence[str] = ()) -> None:
        self._items = items
        self._options = items.options
        self._index_keys = index_keys
        # Sessions and cache entries never have "|" directly after the prefix.
        sort = None if items.options.sort_key is None else "|doctor"
        self._keys = [
            items.layout.key_attributes(Key(f"{prefix}|doctor|{secrets.token_hex(8)}", sort))
            for _ in range(2)
        ]

    def check(self) -> Iterator[Result]:
        """Try each operation, and always delete the test items."""
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
                return OK, "refused, with the current item"
            remedy = "use a newer boto3, or another endpoint"
            return ERROR, "the error does not contain the current item", remedy
        return ERROR, "the server ignores the condition of a write", "use another endpoint"


def check_sample(items: ItemStore, settings: Settings) -> Iterator[Result]:
    """Count the types in a sample; check that the items are written as the options say.

    :raises DynamoDBError: the Scan failed.
    """
    found = items.call("scan", Limit=SAMPLE_ITEMS)["Items"]
    if not found:
        yield Result("sample", OK, "the table is empty")
        return
    types = [item.get("type", {}).get("S", "") for item in found]
    shown = Counter(name if name.startswith("beaker-") else "foreign" for name in types)
    counted = ", ".join(f"{number} {name}" for name, number in shown.most_common())
    yield Result("sample", OK, f"of {len(found)} items: {counted}")
    own_type = CACHE_TYPE if settings.purpose == CACHE else SESSION_TYPE
    key = settings.options.hash_key
    own = [
        item
        for item, name in zip(found, types, strict=True)
        if name == own_type and item[key].get("S", "").startswith(settings.prefix)
    ]
    yield _codecs(own, settings)
    if settings.options.item_keys:
        yield _signatures(own, settings)


@checks.check("codec")
def _codecs(own: list[Mapping[str, Any]], settings: Settings) -> Found:
    codecs = Counter(item.get("codec", {}).get("S", "none") for item in own)
    others = {codec: number for codec, number in codecs.items() if not _is_used(codec, settings)}
    if not others:
        return OK, "items are as the options write them"
    shown = ", ".join(f"{number} {codec!r}" for codec, number in others.items())
    remedy = "none needed if the options changed: an item keeps its codec until its next write"
    return WARNING, f"written with other options: {shown}", remedy


def _is_used(codec: str, settings: Settings) -> bool:
    """Return whether items written with these options have this codec."""
    base, _, step = codec.partition(",")
    options = settings.options
    compression = "zlib" if options.compression == "auto" else options.compression
    if step not in ("", compression):
        return False
    if settings.purpose != CACHE:
        encrypted = settings.beaker.get("encrypt_key")
        return base in (("nonce+b64",) if encrypted else ("b64", "text"))
    return bool(base == options.serializer)


@checks.check("signatures")
def _signatures(own: list[Mapping[str, Any]], settings: Settings) -> Found:
    unsigned = sum("signature" not in item for item in own)
    if not unsigned:
        return OK, f"{len(own)} items are signed"
    text = f"{unsigned} of {len(own)} items are not signed"
    accept = settings.options.accept_unsigned
    if accept is True:
        return WARNING, f"{text}, but accepted", "wait one session.timeout"
    if accept == "plain" and settings.purpose == SESSIONS:
        remedy = "wait one session.timeout; Beaker's own middleware signs only with signing_keys"
        return WARNING, f"{text}; they are read if they contain only plain data", remedy
    remedy = "accept_unsigned = true until they have expired, if you wrote them"
    return WARNING, f"{text}, and refused", remedy

"""What `doctor` does with items: each operation on one that is thrown away, and a sample."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from beaker_dynamodb.cli.checks import ERROR, OK, WARNING, Result, failed
from beaker_dynamodb.cli.settings import CACHE, Settings
from beaker_dynamodb.dynamodb.calls import OPERATIONS
from beaker_dynamodb.dynamodb.error_mapping import ConditionFailed
from beaker_dynamodb.dynamodb.indexes import index_name
from beaker_dynamodb.exceptions import DynamoDBError
from beaker_dynamodb.items.item import CACHE as CACHE_TYPE
from beaker_dynamodb.items.item import SESSION as SESSION_TYPE
from beaker_dynamodb.items.keys import Key
from beaker_dynamodb.items.store import ItemStore

#: Items that are looked at, and the life of the one that is thrown away, in seconds.
SAMPLE = 100
LIFE_SECONDS = 300
#: A value of each type that an index's key may have.
_ANY: dict[str, Any] = {"S": "any", "N": "0", "B": b"any"}


class ThrowAway:
    """One item of no kind that anybody looks for, on which every operation is tried.

    :param items: the table, which has to be there.
    :param prefix: begins its key, as those of the application do.
    """

    def __init__(self, items: ItemStore, prefix: str) -> None:
        self._items = items
        self._types = dict(items.options.special_keys)
        # No id and no namespace has a bare "|" in a key: it is nobody's.
        sort = None if items.options.sort_key is None else "|doctor"
        self._keys = [Key(f"{prefix}|doctor|{secrets.token_hex(8)}", sort) for _ in range(2)]

    def results(self) -> Iterator[Result]:
        """Try each operation; the item is deleted again whatever happens."""
        try:
            yield self._try("get_item", Key=self._key(0))
            yield self._try("put_item", Item=self._item(0))
            yield self._condition()
            yield self._try(
                "transact_write_items",
                TransactItems=[
                    {"Delete": {"TableName": self._table, "Key": self._key(0)}},
                    {"Put": {"TableName": self._table, "Item": self._item(1)}},
                ],
            )
            keys = {"Keys": [self._key(n) for n in range(2)]}
            yield self._try("batch_get_item", RequestItems={self._table: keys})
            deletes = [{"DeleteRequest": {"Key": self._key(n)}} for n in range(2)]
            yield self._try("batch_write_item", RequestItems={self._table: deletes})
            if self._items.options.sort_key is not None:
                yield self._query(self._items.options.hash_key, self._keys[0].partition)
            for key in self._items.options.index_keys:
                yield self._query(key, _ANY[self._types[key]], IndexName=index_name(key))
            yield self._try("scan", Limit=1)
            yield self._try("delete_item", Key=self._key(0))
        finally:
            for number in range(2):
                self._try("delete_item", Key=self._key(number))

    @property
    def _table(self) -> str:
        return self._items.options.table_name

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
        kind = self._types.get(key, "S")
        params = {
            # Any item at all of the index, or of our own partition.
            "KeyConditionExpression": "#key = :key",
            "ExpressionAttributeNames": {"#key": key},
            "ExpressionAttributeValues": {":key": {kind: value}},
            "Limit": 1,
        }
        return self._try("query", **params, **index)

    def _try(self, method: str, **params: Any) -> Result:
        name = OPERATIONS[method] + (f", {params['IndexName']}" if "IndexName" in params else "")
        try:
            self._items.call(method, **params)
        except DynamoDBError as error:
            return failed(name, error)
        return Result(name, OK, "allowed")

    def _condition(self) -> Result:
        """Whether a failed condition brings the present item along, which merging lives on."""
        name = "PutItem, conditional"
        try:
            # Holds when there is no item; there is one.
            self._items.call(
                "put_item",
                Item=self._item(0),
                ConditionExpression="attribute_not_exists(#key)",
                ExpressionAttributeNames={"#key": self._items.options.hash_key},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ConditionFailed as refused:
            if refused.reported and refused.attributes is not None:
                return Result(name, OK, "refused, with the present item")
            return Result(name, ERROR, "the error lacks the item", "a newer boto3, or endpoint")
        except DynamoDBError as error:
            return failed(name, error)
        return Result(name, ERROR, "a condition that does not hold was let by", "another endpoint")


# -- a sample -------------------------------------------------------------------------------------


def sample(items: ItemStore, settings: Settings) -> Iterator[Result]:
    """Look at some items: whose they are, and whether the options would write them so today."""
    answer = items.call("scan", Limit=SAMPLE)
    found = answer["Items"]
    if not found:
        yield Result("sample", OK, "the table is empty")
        return
    key = settings.options.hash_key
    wanted = CACHE_TYPE if settings.purpose == CACHE else SESSION_TYPE
    mine = [
        item
        for item in found
        if kind(item) == wanted and item[key].get("S", "").startswith(settings.prefix)
    ]
    types = Counter(kind(item) if kind(item).startswith("beaker-") else "foreign" for item in found)
    counted = ", ".join(f"{number} {name}" for name, number in types.most_common())
    yield Result("sample", OK, f"of {len(found)} items: {counted}")
    yield _codecs(mine, settings)
    if settings.options.signing_keys:
        yield _signatures(mine, settings)


def kind(item: Mapping[str, Any]) -> str:
    """Give an item's ``type``; empty where it has none."""
    told: str = item.get("type", {}).get("S", "")
    return told


def _codecs(mine: list[Mapping[str, Any]], settings: Settings) -> Result:
    name = "codec"
    codecs = Counter(item.get("codec", {}).get("S", "none") for item in mine)
    others = {codec: number for codec, number in codecs.items() if not _written_so(codec, settings)}
    if not others:
        return Result(name, OK, "items are as the options write them")
    told = ", ".join(f"{number} {codec!r}" for codec, number in others.items())
    return Result(
        name,
        WARNING,
        f"written under other options: {told}",
        "nothing, if the options were changed: each item reads by its own codec, and is written "
        "anew when it changes",
    )


def _written_so(codec: str, settings: Settings) -> bool:
    base, _, step = codec.partition(",")
    options = settings.options
    compression = "zlib" if options.compression == "auto" else options.compression
    if step not in ("", compression):
        return False
    if settings.purpose != CACHE:
        # By what Beaker's data_serializer and encrypt_key give.
        return base in (("nonce+b64",) if settings.beaker.get("encrypt_key") else ("b64", "text"))
    return bool(base == options.serializer)


def _signatures(mine: list[Mapping[str, Any]], settings: Settings) -> Result:
    name = "signatures"
    unsigned = sum("signature" not in item for item in mine)
    if not unsigned:
        return Result(name, OK, f"{len(mine)} items carry one")
    text = f"{unsigned} of {len(mine)} items carry none"
    if settings.options.signing_keys_accept_unsigned:
        return Result(name, WARNING, f"{text}; they are read", "wait one session.timeout")
    return Result(
        name,
        WARNING,
        f"{text}, and are refused",
        "signing_keys_accept_unsigned = true for one session.timeout, if they are yours",
    )

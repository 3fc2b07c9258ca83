"""Codecs, and items as they write them."""

from __future__ import annotations

from typing import Any

from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.items.codec import Codec
from beaker_dynamodb.items.item import CACHE, Item
from beaker_dynamodb.items.keys import Key
from tests.beaker import items
from tests.servers.endpoint import DynamoDBClient

KEY = Key("cache:news|today")
#: Two signing keys, and the option that sets both.
NEW, OLD = "new-key-of-20-bytes!", "old-key-of-20-bytes!"
BOTH = f"{NEW}, {OLD}"


def codec(**options: Any) -> Codec:
    return Codec(parse(options))


def item(data: bytes, name: str, key: Key = KEY) -> Item:
    """Return an item with these bytes.

    :param name: name of the codec.
    """
    return Item(key=key, kind=CACHE, data=data, codec=name, created_ms=0, deadline_ms=None)


def written(by: Codec, value: object, key: Key = KEY, *, session: bool = False) -> Item:
    encode = by.encode_session if session else by.encode_value
    made = item(*encode(value), key)
    by.sign(made)
    return made


def overwrite(client: DynamoDBClient, table_name: str, **attributes: Any) -> None:
    """Change attributes of the only item of a table; None removes one."""
    ((key, stored),) = items(client, table_name).items()
    changed = {**stored, "id": {"S": key}, **attributes}
    kept = {name: value for name, value in changed.items() if value is not None}
    client.put_item(TableName=table_name, Item=kept)

"""Values between Python and the table's bytes: serializers, compression, signatures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.items.codec import Codec
from beaker_dynamodb.items.item import CACHE, Item
from beaker_dynamodb.items.keys import Key
from tests.beaker import items

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from tests.beaker import Browser

KEY = Key("cache:news|today")
#: Two signing keys, and what an INI file says to have both.
NEW, OLD = "new-key-of-20-bytes!", "old-key-of-20-bytes!"
BOTH = f"{NEW}, {OLD}"


def codec(**options: Any) -> Codec:
    """Make a codec of options as a user sets them."""
    return Codec(parse(options))


def item(data: bytes, name: str, key: Key = KEY) -> Item:
    """Make an item with these bytes, encoded as the codec's name says."""
    return Item(key=key, kind=CACHE, data=data, codec=name, created_ms=0, deadline_ms=None)


def written(by: Codec, value: object, key: Key = KEY, *, session: bool = False) -> Item:
    """Make the item that a codec writes, with its signature if there is to be one."""
    encode = by.encode_session if session else by.encode_value
    made = item(*encode(value), key)
    by.sign(made)
    return made


def share_cookies(first: Browser, *others: Browser) -> None:
    """Let one visitor's cookies go to other configurations of the application as well."""
    for other in others:
        other.web.cookiejar = first.web.cookiejar


def overwrite(client: DynamoDBClient, table_name: str, **attributes: Any) -> None:
    """Change attributes of the one item of a table; None takes one away."""
    ((key, stored),) = items(client, table_name).items()
    changed = {**stored, "id": {"S": key}, **attributes}
    kept = {name: value for name, value in changed.items() if value is not None}
    client.put_item(TableName=table_name, Item=kept)

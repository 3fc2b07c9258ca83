"""The calls of a session request, by this package and by a default boto3 client."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.fleet import create_table, dynamodb_client
from benchmarks.instant import stored_session
from benchmarks.rounds import Part
from benchmarks.store import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY, Store

if TYPE_CHECKING:
    from beaker_dynamodb.items.item import Item
    from beaker_dynamodb.items.store import ItemStore

TABLE = "sessions-parts"
#: The variants of this package: their options, by name.
VARIANTS: dict[str, dict[str, Any]] = {"our store": {}, "our store, boto3": {"transport": "boto3"}}
DEFAULT = "a default client"


def replace(items: ItemStore, item: Item) -> None:
    """Write an item again, like a save of a session that no other request changed."""
    items.put(item, items.if_unchanged(item), replaced=item)


def the_calls(store: Store, connections: int = 10) -> dict[str, Part]:
    """Return GetItem and PutItem of a session, by each variant and by a default client.

    :param store: if it has its own certificate, this process needs ``AWS_CA_BUNDLE``.
    :param connections: number that the default client keeps open; boto3's default is ten.
    """
    from beaker_dynamodb.backend import Backend
    from beaker_dynamodb.config.parse import parse
    from beaker_dynamodb.items.item import SESSION

    settings: dict[str, Any] = {
        "table_name": TABLE,
        "timeout": 1920,
        "endpoint_url": store.url,
        "region_name": REGION,
        "aws_access_key_id": ACCESS_KEY_ID,
        "aws_secret_access_key": SECRET_ACCESS_KEY,
    }
    over = ", TLS" if store.ca_bundle else ""
    default, attributes = dynamodb_client(store, connections), stored_session()
    create_table(default, TABLE)
    gets: dict[str, Part] = {}
    puts: dict[str, Part] = {}
    for name, options in VARIANTS.items():
        backend = Backend(parse(settings | options))
        items, session_id = backend.items, attributes["id"]["S"].removeprefix("sess:")
        key = backend.keys.session(session_id)
        item = items.layout.item(key, SESSION, attributes)
        gets[f"GetItem by {name}{over}"] = partial(items.get, key, SESSION)
        puts[f"PutItem by {name}{over}"] = partial(replace, items, item)
    get = {"Key": items.layout.key_attributes(key), "ConsistentRead": True}
    put: dict[str, Any] = {"Item": attributes, **items.if_unchanged(item)}
    gets[f"GetItem by {DEFAULT}{over}"] = partial(default.get_item, TableName=TABLE, **get)
    puts[f"PutItem by {DEFAULT}{over}"] = partial(default.put_item, TableName=TABLE, **put)
    default.put_item(TableName=TABLE, **put)
    return gets | puts

"""Damaged items as an application meets them: PayloadError, or a new session where that is set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from beaker.exceptions import BeakerWarning

from beaker_dynamodb import PayloadError
from tests.sessions.site import MIDDLEWARES, Site, log_out, store, values

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

#: What the item is made of: garbage in one attribute, a codec of the future, its key only.
DAMAGES: dict[str, dict[str, Any] | None] = {
    **{
        name: {name: {"NULL": True}}
        for name in ("type", "data", "codec", "created", "deadline", "version", "writer")
    },
    "a future codec": {"codec": {"S": "b65"}},
    "a key only": None,
}
damaged = pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
either = pytest.mark.parametrize("middleware", MIDDLEWARES)


def overwrite(client: DynamoDBClient, table_name: str, damage: dict[str, Any] | None) -> None:
    """Damage the one item of the table."""
    (item,) = client.scan(TableName=table_name, ConsistentRead=True)["Items"]
    changed = {"id": item["id"]} if damage is None else {**item, **damage}
    client.put_item(TableName=table_name, Item=changed)


@either
@damaged
def test_a_damaged_session_is_an_error(
    options: dict[str, object],
    client: DynamoDBClient,
    table_name: str,
    middleware: str,
    damage: dict[str, Any] | None,
) -> None:
    """With `invalidate_corrupt` off reading and writing say so; the item stays as it is."""
    site = Site(middleware, {**options, "invalidate_corrupt": False})
    cookie = site(store(name="Ada")).cookie
    overwrite(client, table_name, damage)
    before = client.scan(TableName=table_name)["Items"]
    for action in (values, store(a=1), log_out):
        with pytest.raises(PayloadError):
            site(action, cookie)
    assert before == client.scan(TableName=table_name)["Items"]


@either
@damaged
def test_a_damaged_session_begins_anew(
    options: dict[str, object],
    client: DynamoDBClient,
    table_name: str,
    middleware: str,
    damage: dict[str, Any] | None,
) -> None:
    """By default the visitor gets a new session, which is kept."""
    site = Site(middleware, options)
    cookie = site(store(name="Ada")).cookie
    overwrite(client, table_name, damage)
    with pytest.warns(BeakerWarning, match="Invalidating corrupt session"):
        answer = site(store(name="Grace"), cookie)
    assert {"name": "Grace"} == site(values, answer.cookie).result

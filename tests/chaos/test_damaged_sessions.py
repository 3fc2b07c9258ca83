"""A damaged session raises PayloadError, or is replaced if `invalidate_corrupt` is on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from beaker.exceptions import BeakerWarning

from beaker_dynamodb import PayloadError
from tests.sessions.site import MIDDLEWARES, Site, log_out, store, values

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

#: Changed attributes: an invalid value, or an unknown codec. None removes all except the key.
DAMAGES: dict[str, dict[str, Any] | None] = {
    **{
        name: {name: {"NULL": True}}
        for name in ("type", "data", "codec", "created", "deadline", "version", "writer")
    },
    "unknown codec": {"codec": {"S": "b65"}},
    "only the key": None,
}
damaged = pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
either = pytest.mark.parametrize("middleware", MIDDLEWARES)


def overwrite(client: DynamoDBClient, table_name: str, damage: dict[str, Any] | None) -> None:
    """Damage the only item of the table."""
    (item,) = client.scan(TableName=table_name, ConsistentRead=True)["Items"]
    changed = {"id": item["id"]} if damage is None else {**item, **damage}
    client.put_item(TableName=table_name, Item=changed)


@either
@damaged
def test_without_invalidate_corrupt_a_damaged_session_raises_and_is_kept(
    options: dict[str, object],
    client: DynamoDBClient,
    table_name: str,
    middleware: str,
    damage: dict[str, Any] | None,
) -> None:
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
def test_by_default_a_damaged_session_is_replaced_by_a_new_one(
    options: dict[str, object],
    client: DynamoDBClient,
    table_name: str,
    middleware: str,
    damage: dict[str, Any] | None,
) -> None:
    site = Site(middleware, options)
    cookie = site(store(name="Ada")).cookie
    overwrite(client, table_name, damage)
    with pytest.warns(BeakerWarning, match="Invalidating corrupt session"):
        answer = site(store(name="Grace"), cookie)
    assert {"name": "Grace"} == site(values, answer.cookie).result

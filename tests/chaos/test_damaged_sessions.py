"""A damaged session raises PayloadError, or is replaced if `invalidate_corrupt` is on."""

from __future__ import annotations

from typing import Any

import pytest
from beaker.exceptions import BeakerWarning

from beaker_dynamodb import PayloadError
from tests.beaker import items
from tests.servers.endpoint import DynamoDBClient
from tests.sessions.site import MIDDLEWARES, Site, log_out, store, values

#: Changed attributes; None removes all except the key. tests/items/test_damage.py has all others.
DAMAGES: dict[str, dict[str, Any] | None] = {
    "no type": {"type": {"NULL": True}},
    "no data": {"data": {"NULL": True}},
    "unknown codec": {"codec": {"S": "b65"}},
    "only the key": None,
}


@pytest.mark.parametrize("middleware", MIDDLEWARES)
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_session_is_kept_or_replaced_as_invalidate_corrupt_says(
    options: dict[str, object],
    client: DynamoDBClient,
    table_name: str,
    middleware: str,
    damage: dict[str, Any] | None,
) -> None:
    cookie = Site(middleware, options)(store(name="Ada")).cookie
    (item,) = items(client, table_name).values()
    damaged = {"id": item["id"]} if damage is None else {**item, **damage}
    client.put_item(TableName=table_name, Item=damaged)
    keeping = Site(middleware, {**options, "invalidate_corrupt": False})
    for action in (values, store(a=1), log_out):
        with pytest.raises(PayloadError):
            keeping(action, cookie)
    assert [damaged] == list(items(client, table_name).values())
    site = Site(middleware, options)
    with pytest.warns(BeakerWarning, match="Invalidating corrupt session"):
        answer = site(store(name="Grace"), cookie)
    assert {"name": "Grace"} == site(values, answer.cookie).result

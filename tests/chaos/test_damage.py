"""Damaged items and responses are neither data nor a missing item."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from beaker.exceptions import BeakerWarning

from beaker_dynamodb import DynamoDBNamespaceManager, PayloadError, StoreUnavailable
from tests.beaker import items
from tests.chaos import faults
from tests.chaos.load import SITES
from tests.chaos.proxy import Exchange, Fault, FaultProxy, Plan
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


#: Those that DynamoDB does not answer with an error, and that take no time.
FAULTS = [kind.fault for kind in faults.KINDS.values() if not kind.code and not kind.slow]


@pytest.mark.parametrize("transport", ["auto", "boto3"])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_value_is_still_read_and_written(
    proxy: FaultProxy, through: dict[str, Any], fault: Fault, transport: str
) -> None:
    cache = DynamoDBNamespaceManager("n", **through, transport=transport)
    cache[b"k"] = "value"
    assert "value" == cache[b"k"]  # over a kept connection from now on
    # boto3 takes a response whose head is cut as one without a length, and does not retry.
    may_fail = fault is faults.cut_head and transport == "boto3"
    permitted: Any = StoreUnavailable if may_fail else ()
    plan = proxy.inject(Plan(fault, first=1))
    with suppress(permitted):
        assert "value" == cache[b"k"]
    assert ["value"] * 2 == [cache[b"k"] for _ in range(2)]
    assert 1 == plan.faults
    plan = proxy.inject(Plan(fault, first=1))
    with suppress(permitted):
        cache[b"k"] = "other"
    assert ["other"] * 2 == [cache[b"k"] for _ in range(2)]
    assert 1 == plan.faults


async def web_page(exchange: Exchange) -> None:
    page = b"<html>It works!</html>"
    await exchange.reply(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(page), page))


@pytest.mark.parametrize("middleware", SITES)
def test_a_web_page_in_place_of_a_response_logs_no_user_out(
    proxy: FaultProxy, through: dict[str, object], middleware: str
) -> None:
    site = Site(middleware, {**through, **SITES[middleware]})
    cookie = site(store(name="Ada")).cookie
    proxy.inject(Plan(web_page))
    for action in (values, store(a=1)):
        with pytest.raises(StoreUnavailable):
            site(action, cookie)
    proxy.heal()
    assert {"name": "Ada"} == site(values, cookie).result


@pytest.mark.parametrize("status", [400, 502])
def test_a_truncated_error_response_shows_no_payload(
    proxy: FaultProxy,
    through: dict[str, object],
    client: DynamoDBClient,
    table_name: str,
    status: int,
) -> None:
    text = b'{"__type":"ConditionalCheckFailedException","Item":{"data":{"B":"secret"'

    async def half(exchange: Exchange) -> None:
        head = f"HTTP/1.1 {status} No\r\nContent-Length: {len(text)}\r\n\r\n"
        await exchange.reply(head.encode() + text)

    manager = DynamoDBNamespaceManager("pages", **through)
    manager[b"k"] = 1
    proxy.inject(Plan(half))
    with pytest.raises(StoreUnavailable) as caught:
        manager[b"k"] = 2
    assert "secret" not in str(caught.value)

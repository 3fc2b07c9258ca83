"""Missing permissions of caches, and responses that are not from DynamoDB."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from beaker_dynamodb import (
    AccessDenied,
    DynamoDBNamespaceManager,
    StoreUnavailable,
)
from tests.chaos.faults import refusal
from tests.chaos.load import SITES
from tests.chaos.proxy import Exchange, Fault, FaultProxy, Plan
from tests.sessions.site import Site, store, values

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


def denied(action: str) -> Fault:
    """Return a fault that answers as IAM does for a missing permission."""
    return refusal(
        400,
        "AccessDeniedException",
        f"User: arn:aws:iam::123456789012:user/app is not authorized to perform: {action} on "
        "resource: arn:aws:dynamodb:eu-west-1:123456789012:table/sessions because no "
        f"identity-based policy allows the {action} action",
    )


CALLS: list[tuple[str, Callable[[DynamoDBNamespaceManager], object]]] = [
    ("GetItem", lambda manager: manager[b"k"]),
    ("PutItem", lambda manager: manager.set_value(b"k", 2)),
    ("PutItem", lambda manager: manager.__delitem__(b"k")),
    ("Scan", lambda manager: manager.keys()),
    ("Scan", lambda manager: manager.remove()),
    ("BatchWriteItem", lambda manager: manager.remove()),
]


@pytest.mark.parametrize(("operation", "call"), CALLS)
def test_the_missing_permission_of_a_cache_is_named(
    proxy: FaultProxy,
    through: dict[str, object],
    operation: str,
    call: Callable[[DynamoDBNamespaceManager], object],
) -> None:
    manager = DynamoDBNamespaceManager("pages", **through)
    manager[b"k"] = 1
    proxy.inject(Plan(denied(f"dynamodb:{operation}"), operations=[operation]))
    with pytest.raises(AccessDenied, match=f"dynamodb:{operation} on table"):
        call(manager)
    proxy.heal()
    assert 1 == manager[b"k"]


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
    """Botocore's message contains the unparsable error body, here with the current item."""
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

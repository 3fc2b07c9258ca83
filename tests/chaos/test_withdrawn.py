"""Permissions that are withdrawn, and what else AWS answers to requests that were right before."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from beaker_dynamodb import (
    AccessDenied,
    DynamoDBError,
    DynamoDBNamespaceManager,
    StoreUnavailable,
)
from beaker_dynamodb.config.options import Options
from tests.chaos.faults import refusal
from tests.chaos.load import SITES
from tests.chaos.proxy import Exchange, Fault, FaultProxy, Plan
from tests.sessions.site import Action, Site, log_out, store, values

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


def denied(action: str) -> Fault:
    """Make a fault: IAM's refusal of an action, in its own words."""
    return refusal(
        400,
        "AccessDeniedException",
        f"User: arn:aws:iam::123456789012:user/app is not authorized to perform: {action} on "
        "resource: arn:aws:dynamodb:eu-west-1:123456789012:table/sessions because no "
        f"identity-based policy allows the {action} action",
    )


def regenerate(session: Any) -> None:
    """Change the id of the session."""
    session.regenerate_id()
    session.save()


REQUESTS = [
    ("beaker", "GetItem", "dynamodb:GetItem", values),
    ("beaker", "PutItem", "dynamodb:PutItem", store(a=1)),
    ("beaker", "PutItem", "dynamodb:PutItem", log_out),
    ("ours", "GetItem", "dynamodb:GetItem", values),
    ("ours", "GetItem", "kms:Decrypt", values),
    ("ours", "PutItem", "dynamodb:PutItem", store(a=1)),
    ("ours", "PutItem", "dynamodb:PutItem", log_out),
    ("ours", "TransactWriteItems", "dynamodb:PutItem", regenerate),
]


@pytest.mark.parametrize(("middleware", "operation", "missing", "action"), REQUESTS)
def test_a_session_s_missing_permission_is_named(
    proxy: FaultProxy,
    through: dict[str, object],
    middleware: str,
    operation: str,
    missing: str,
    action: Action,
) -> None:
    """The error says which action is missing; the session is there when it is granted again."""
    site = Site(middleware, {**through, **SITES[middleware]})
    cookie = site(store(name="Ada")).cookie
    plan = proxy.inject(Plan(denied(missing), operations=[operation]))

    with pytest.raises(AccessDenied, match=f"^the action {missing} on table"):
        site(action, cookie)

    # Asked once; what `transport = lean` has asked boto3 asks once more.
    lean = Options().transport == "lean" and operation != "TransactWriteItems"
    assert 1 + lean == plan.faults
    proxy.heal()
    assert {"name": "Ada"} == site(values, cookie).result


CALLS: list[tuple[str, Callable[[DynamoDBNamespaceManager], object]]] = [
    ("GetItem", lambda manager: manager[b"k"]),
    ("PutItem", lambda manager: manager.set_value(b"k", 2)),
    ("PutItem", lambda manager: manager.__delitem__(b"k")),
    ("Scan", lambda manager: manager.keys()),
    ("Scan", lambda manager: manager.remove()),
    ("BatchWriteItem", lambda manager: manager.remove()),
]


@pytest.mark.parametrize(("operation", "call"), CALLS)
def test_a_cache_s_missing_permission_is_named(
    proxy: FaultProxy,
    through: dict[str, object],
    operation: str,
    call: Callable[[DynamoDBNamespaceManager], object],
) -> None:
    """The error says which action is missing; what was stored is still there."""
    manager = DynamoDBNamespaceManager("pages", **through)
    manager[b"k"] = 1
    proxy.inject(Plan(denied(f"dynamodb:{operation}"), operations=[operation]))
    with pytest.raises(AccessDenied, match=f"dynamodb:{operation} on table"):
        call(manager)
    proxy.heal()
    assert 1 == manager[b"k"]


@pytest.mark.parametrize(
    ("code", "error"),
    [("LimitExceededException", StoreUnavailable), ("ResourceInUseException", DynamoDBError)],
)
@pytest.mark.parametrize("middleware", SITES)
def test_a_table_at_work_logs_nobody_out(
    proxy: FaultProxy,
    through: dict[str, object],
    middleware: str,
    code: str,
    error: type[DynamoDBError],
) -> None:
    """What AWS says of a table that is changed just now is raised with its code."""
    site = Site(middleware, {**through, **SITES[middleware]})
    cookie = site(store(name="Ada")).cookie
    proxy.inject(Plan(refusal(400, code)))
    for action in (values, store(a=1)):
        with pytest.raises(error) as caught:
            site(action, cookie)
        assert code == caught.value.aws_code
    proxy.heal()
    assert {"name": "Ada"} == site(values, cookie).result


async def web_page(exchange: Exchange) -> None:
    """Answer as a web server that is none of DynamoDB's."""
    page = b"<html>It works!</html>"
    await exchange.reply(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(page), page))


@pytest.mark.parametrize("middleware", SITES)
def test_a_web_page_logs_nobody_out(
    proxy: FaultProxy, through: dict[str, object], middleware: str
) -> None:
    """An answer that is not DynamoDB's, such as a proxy's, is none."""
    site = Site(middleware, {**through, **SITES[middleware]})
    cookie = site(store(name="Ada")).cookie
    proxy.inject(Plan(web_page))
    for action in (values, store(a=1)):
        with pytest.raises(StoreUnavailable):
            site(action, cookie)
    proxy.heal()
    assert {"name": "Ada"} == site(values, cookie).result


@pytest.mark.parametrize("status", [400, 502])
def test_half_an_error_shows_no_payload(
    proxy: FaultProxy,
    through: dict[str, object],
    client: DynamoDBClient,
    table_name: str,
    status: int,
) -> None:
    """To botocore the message of an error that it cannot read is the body: the present item."""
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

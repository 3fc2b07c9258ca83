"""DynamoDBSession raises store errors, and never logs a user out because of one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config

from beaker_dynamodb import (
    AccessDenied,
    ConfigurationError,
    DynamoDBError,
    StoreUnavailable,
)
from tests.servers.endpoint import Endpoint
from tests.sessions.site import UNKNOWN, Site, log_out, store, values

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


@pytest.fixture
def client(endpoint: Endpoint) -> DynamoDBClient:
    """A client without retries."""
    once = Config(retries={"total_max_attempts": 1, "mode": "standard"})
    return boto3.session.Session().client("dynamodb", **endpoint.options, config=once)


@pytest.fixture
def options(table_name: str, client: DynamoDBClient) -> dict[str, object]:
    return {"table_name": table_name, "client": client}


class Body:
    def __init__(self, text: bytes) -> None:
        self._text = text

    def stream(self, *_: object, **__: object) -> list[bytes]:
        return [self._text]


@contextmanager
def rejecting(
    client: DynamoDBClient, operation: str, code: str, message: str = "no"
) -> Iterator[list[str]]:
    """Make DynamoDB reject an operation; yield the list of rejected calls."""
    rejected: list[str] = []

    def reject(request: Any, **_: object) -> Any:
        rejected.append(operation)
        text = f'{{"__type": "com.amazon.coral.service#{code}", "message": "{message}"}}'
        return AWSResponse(request.url, 400, {}, Body(text.encode()))  # type: ignore[arg-type]

    client.meta.events.register(f"before-send.dynamodb.{operation}", reject)
    yield rejected
    client.meta.events.unregister(f"before-send.dynamodb.{operation}", reject)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("AccessDeniedException", AccessDenied),
        ("ThrottlingException", StoreUnavailable),
        ("ResourceInUseException", DynamoDBError),
    ],
)
def test_a_rejected_read_raises_and_keeps_the_session(
    options: dict[str, object], client: DynamoDBClient, code: str, error: type[DynamoDBError]
) -> None:
    site = Site("ours", {**options, "invalidate_corrupt": "true"})
    cookie = site(store(name="Ada")).cookie
    with rejecting(client, "GetItem", code), pytest.raises(error) as caught:
        site(values, cookie)
    assert code == caught.value.aws_code
    assert {"name": "Ada"} == site(values, cookie).result


@pytest.mark.owasp("16.5.3")
@pytest.mark.parametrize("invalidate_corrupt", [True, False])
def test_an_unreachable_store_or_missing_table_starts_no_session(
    endpoint: Endpoint, options: dict[str, object], invalidate_corrupt: bool
) -> None:
    more = {"invalidate_corrupt": invalidate_corrupt, "create_table": False}
    nowhere = {**endpoint.options, "endpoint_url": "http://127.0.0.1:1", "max_attempts": 1}
    with pytest.raises(StoreUnavailable):
        Site("ours", {**nowhere, **more})(values, UNKNOWN)
    with pytest.raises(ConfigurationError):
        Site("ours", {**options, **more})(values, UNKNOWN)


def test_an_application_that_handles_the_error_sets_no_cookie(
    options: dict[str, object], client: DynamoDBClient
) -> None:
    site = Site("ours", options)
    cookie = site(store(name="Ada")).cookie

    def catch(session: Any) -> str:
        try:
            return str(values(session))
        except AccessDenied:
            return "try again"

    with rejecting(client, "GetItem", "AccessDeniedException"):
        answer = site(catch, cookie)
    assert ("try again", []) == (answer.result, answer.set_cookies)
    assert {"name": "Ada"} == site(values, cookie).result


def regenerate(session: Any) -> None:
    session.regenerate_id()
    session.save()


@pytest.mark.parametrize(
    ("middleware", "operation", "permission", "action"),
    [
        ("beaker", "GetItem", "dynamodb:GetItem", values),
        ("beaker", "PutItem", "dynamodb:PutItem", log_out),
        ("ours", "GetItem", "kms:Decrypt", values),
        ("ours", "PutItem", "dynamodb:PutItem", store(a=1)),
        ("ours", "TransactWriteItems", "dynamodb:PutItem", regenerate),
    ],
)
def test_the_missing_permission_is_named_after_one_call(
    options: dict[str, object],
    client: DynamoDBClient,
    middleware: str,
    operation: str,
    permission: str,
    action: Any,
) -> None:
    site = Site(middleware, {**options, "invalidate_corrupt": False})
    cookie = site(store(name="Ada")).cookie
    message = (
        f"User: arn:aws:iam::123456789012:user/app is not authorized to perform: {permission} on "
        "resource: arn:aws:dynamodb:eu-west-1:123456789012:table/sessions"
    )
    with (
        rejecting(client, operation, "AccessDeniedException", message) as rejected,
        pytest.raises(AccessDenied, match=f" {permission} on table"),
    ):
        site(action, cookie)
    assert [operation] == rejected
    assert {"name": "Ada"} == site(values, cookie).result

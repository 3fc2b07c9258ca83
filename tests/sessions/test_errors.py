"""DynamoDBSession raises store errors, and never logs a user out because of one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from beaker_dynamodb import AccessDenied, ConfigurationError, DynamoDBError, StoreUnavailable
from tests.servers.endpoint import DynamoDBClient, Endpoint
from tests.sessions.driven import before
from tests.sessions.site import UNKNOWN, Site, store, values


@pytest.fixture
def options(table_name: str, client: DynamoDBClient) -> dict[str, object]:
    return {"table_name": table_name, "client": client}


def refused(code: str) -> Callable[[dict[str, Any]], None]:
    def refuse(params: dict[str, Any]) -> None:
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, "a call")

    return refuse


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
    with before(client, "GetItem", refused(code)), pytest.raises(error) as caught:
        site(values, cookie)
    assert code == caught.value.aws_code
    assert {"name": "Ada"} == site(values, cookie).result


@pytest.mark.owasp("16.5.3")
@pytest.mark.parametrize("invalidate_corrupt", [True, False])
def test_an_unreachable_store_or_missing_table_starts_no_session(
    endpoint: Endpoint, options: dict[str, object], invalidate_corrupt: bool
) -> None:
    extra = {"invalidate_corrupt": invalidate_corrupt, "create_table": False}
    nowhere = {**endpoint.options, "endpoint_url": "http://127.0.0.1:1", "max_attempts": 1}
    with pytest.raises(StoreUnavailable):
        Site("ours", {**nowhere, **extra})(values, UNKNOWN)
    with pytest.raises(ConfigurationError):
        Site("ours", {**options, **extra})(values, UNKNOWN)


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

    with before(client, "GetItem", refused("AccessDeniedException")):
        answer = site(catch, cookie)
    assert ("try again", []) == (answer.result, answer.set_cookies)
    assert {"name": "Ada"} == site(values, cookie).result

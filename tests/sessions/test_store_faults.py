"""DynamoDBSession: a fault of the store is raised, and logs nobody out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from beaker.exceptions import BeakerWarning
from botocore.awsrequest import AWSResponse
from botocore.config import Config

from beaker_dynamodb import (
    AccessDenied,
    ConfigurationError,
    DynamoDBError,
    PayloadError,
    StoreUnavailable,
)
from tests.sessions.site import UNKNOWN, Site, store, values

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from tests.servers.endpoint import Endpoint

#: What `invalidate_corrupt` may say: nothing, in Python, in an INI file.
SETTINGS: list[dict[str, object]] = [
    {},
    {"invalidate_corrupt": True},
    {"invalidate_corrupt": False},
    {"invalidate_corrupt": "true"},
    {"invalidate_corrupt": "false"},
]
DENIED = b'{"__type": "com.amazon.coral.service#AccessDeniedException", "message": "no"}'
THROTTLED = b'{"__type": "com.amazon.coral.service#ThrottlingException", "message": "slower"}'


@pytest.fixture(params=SETTINGS, ids=str)
def setting(request: pytest.FixtureRequest) -> dict[str, object]:
    """The option `invalidate_corrupt`, or not."""
    setting: dict[str, object] = request.param
    return setting


@pytest.fixture
def client(endpoint: Endpoint) -> DynamoDBClient:
    """A client of its own, that tries once."""
    once = Config(retries={"total_max_attempts": 1, "mode": "standard"})
    return boto3.session.Session().client("dynamodb", **endpoint.options, config=once)


class Raw:
    """The body of an answer.

    :param body: its bytes.
    """

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: object, **__: object) -> list[bytes]:
        """Give the body in pieces."""
        return [self._body]


def answers(client: DynamoDBClient, body: bytes) -> Any:
    """Have DynamoDB refuse every read; give the function that ends it."""
    event = "before-send.dynamodb.GetItem"

    # An answer of this event goes instead of the request; the type hints do not know of answers.
    def refuse(request: Any, **_: object) -> Any:
        return AWSResponse(request.url, 400, {}, Raw(body))  # type: ignore[arg-type]

    client.meta.events.register(event, refuse)
    return lambda: client.meta.events.unregister(event, refuse)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        pytest.param(DENIED, AccessDenied, id="denied"),
        pytest.param(THROTTLED, StoreUnavailable, id="throttled"),
    ],
)
def test_a_refusal_is_raised(
    table_name: str,
    client: DynamoDBClient,
    setting: dict[str, object],
    body: bytes,
    error: type[DynamoDBError],
) -> None:
    """The application gets the error, whatever `invalidate_corrupt` says; the session stays."""
    site = Site("ours", {"table_name": table_name, "client": client, **setting})
    cookie = site(store(name="Ada")).cookie
    end = answers(client, body)
    with pytest.raises(error):
        site(values, cookie)
    end()
    assert {"name": "Ada"} == site(values, cookie).result


def test_no_connection_is_raised(setting: dict[str, object]) -> None:
    """A store that nobody listens at is StoreUnavailable, and not a new session."""
    nowhere = {
        "endpoint_url": "http://127.0.0.1:1",
        "region_name": "eu-west-1",
        "aws_access_key_id": "testkey",
        "aws_secret_access_key": "testsecret",
        "max_attempts": 1,
    }
    with pytest.raises(StoreUnavailable):
        Site("ours", {**nowhere, **setting})(values, UNKNOWN)


def test_a_missing_table_is_raised(
    table_name: str, client: DynamoDBClient, setting: dict[str, object]
) -> None:
    """A table that may not be created is ConfigurationError, and not a new session."""
    options = {"table_name": table_name, "client": client, "create_table": False}
    with pytest.raises(ConfigurationError):
        Site("ours", {**options, **setting})(values, UNKNOWN)


def test_no_cookie_is_set(table_name: str, client: DynamoDBClient) -> None:
    """An application that catches the error and answers all the same sets no cookie by it."""
    site = Site("ours", {"table_name": table_name, "client": client})
    cookie = site(store(name="Ada")).cookie
    end = answers(client, DENIED)

    def catch(session: Any) -> str:
        try:
            return str(values(session))
        except AccessDenied:
            return "come again"

    answer = site(catch, cookie)
    end()

    assert ("come again", []) == (answer.result, answer.set_cookies)
    assert {"name": "Ada"} == site(values, cookie).result


def damage(client: DynamoDBClient, table_name: str) -> None:
    """Overwrite the payload of the one item with what is no payload."""
    (item,) = client.scan(TableName=table_name)["Items"]
    client.put_item(TableName=table_name, Item={**item, "data": {"B": b"\x80\x02garbage"}})


@pytest.mark.parametrize("setting", [{}, {"invalidate_corrupt": "true"}], ids=str)
def test_a_corrupt_payload_begins_anew(
    table_name: str, client: DynamoDBClient, setting: dict[str, object]
) -> None:
    """A payload that cannot be decoded is what `invalidate_corrupt` is for: a new session."""
    site = Site("ours", {"table_name": table_name, "client": client, **setting})
    cookie = site(store(name="Ada")).cookie
    damage(client, table_name)
    with pytest.warns(BeakerWarning, match="Invalidating corrupt session"):
        answer = site(store(name="Grace"), cookie)
    assert cookie != answer.cookie
    assert {"name": "Grace"} == site(values, answer.cookie).result


@pytest.mark.parametrize("value", [False, "false"])
def test_a_corrupt_payload_is_raised(
    table_name: str, client: DynamoDBClient, value: object
) -> None:
    """With `invalidate_corrupt` off, by Python or by an INI file, it is an error."""
    options = {"table_name": table_name, "client": client, "invalidate_corrupt": value}
    site = Site("ours", options)
    cookie = site(store(name="Ada")).cookie
    damage(client, table_name)
    with pytest.raises(PayloadError):
        site(values, cookie)

"""Fast calls send boto3's requests and return its results. Unusual calls go to boto3."""

from __future__ import annotations

import calendar
import time
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from botocore import UNSIGNED
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.httpsession import URLLib3Session
from botocore.session import Session
from hypothesis import given
from hypothesis import strategies as st

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.dynamodb import route
from beaker_dynamodb.dynamodb.route import Route, route_of
from tests.dynamodb.fake_server import (
    KEY,
    OFFLINE,
    FakeServer,
    Request,
    fast,
    manager,
    plain_client,
    refusal,
    warm,
)

#: Every type of attribute, bytes inside of others, and attributes with the names of types.
ALL_TYPES = {
    "id": {"S": "ключ \u2028 \U0001f511"},
    "B": {"M": {"B": {"B": "AAE="}, "S": {"BOOL": True}, "M": {"M": {}}}},
    "list": {"L": [{"B": ""}, {"N": "-1.5E-9"}, {"NULL": True}, {"SS": ["a", "b"]}]},
    "sets": {"BS": ["AAE=", "Ag=="]},
    "numbers": {"NS": ["1", "2"]},
}
CALLS: dict[str, dict[str, Any]] = {
    "get_item": {"Key": KEY},
    "put_item": {"Item": {**KEY, "data": {"B": b"\x00\xff"}}},
    "delete_item": {"Key": KEY},
    "query": {"KeyConditionExpression": "id = :id"},
}


def test_botocore_opens_the_connection(server: FakeServer) -> None:
    cache = manager(server)
    for _ in range(2):
        assert "value" == cache[b"k"]
        cache[b"k"] = "other"
        del cache[b"k"]
    assert [False] + [True] * 5 == fast(server)
    assert ["GetItem", "PutItem", "PutItem"] * 2 == [r.operation for r in server.requests]
    assert 1 == len(server.connections)


@pytest.mark.parametrize("token", [None, "a/session+token=="])
@pytest.mark.parametrize("method", CALLS)
def test_requests_and_responses_are_botocores(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch, method: str, token: str | None
) -> None:
    no_keys = {}
    if token is not None:
        no_keys = {"aws_access_key_id": None, "aws_secret_access_key": None}
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", OFFLINE["aws_access_key_id"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", OFFLINE["aws_secret_access_key"])
        monkeypatch.setenv("AWS_SESSION_TOKEN", token)
    transport = warm(server, **no_keys).backend.items.client.transport()
    server.response = {
        "Item" if method == "get_item" else "Attributes": ALL_TYPES,
        "ConsumedCapacity": {"TableName": "table", "CapacityUnits": 0.5},
    }
    params = {"TableName": "sessions", **CALLS[method]}
    ours = transport.call(method, params)
    theirs = getattr(transport.client, method)(**params)
    assert [method != "query", False] == fast(server)
    for response in (ours, theirs):
        response.pop("ResponseMetadata", None)
    assert ours == theirs
    one, other = server.requests
    assert one.body == other.body
    differing = {"x-amz-date", "authorization", "amz-sdk-invocation-id", "amz-sdk-request"}
    assert _headers(one, differing) == _headers(other, differing)
    assert token == one.headers.get("x-amz-security-token")


def _headers(request: Request, without: set[str]) -> dict[str, str]:
    return {name: value for name, value in request.headers.items() if name not in without}


@pytest.mark.parametrize("method", ["get_item", "put_item"])
def test_errors_are_botocores(server: FakeServer, method: str) -> None:
    transport = warm(server).backend.items.client.transport()
    responses = []
    for call in (
        transport.call,
        lambda method, params: getattr(transport.client, method)(**params),
    ):
        server.faults.append(refusal("ConditionalCheckFailedException", Item={"d": {"B": "AAE="}}))
        with pytest.raises(transport.client.exceptions.ConditionalCheckFailedException) as raised:
            call(method, {"TableName": "sessions", **CALLS[method]})
        response: Any = raised.value.response
        assert 400 == response.pop("ResponseMetadata")["HTTPStatusCode"]
        responses.append(response)
    assert [True, False] == fast(server)
    assert responses[0] == responses[1]
    assert {"B": b"\x00\x01"} == responses[0]["Item"]["d"]


def test_aws_lambdas_trace_header(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It belongs to an invocation, and the first call may precede all of them."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "any")
    monkeypatch.setattr(route, "_ON_LAMBDA", True)
    cache = warm(server)
    for trace in ("Root=1-2;Parent=3;Sampled=1", "Root=ö"):
        monkeypatch.setenv("_X_AMZN_TRACE_ID", trace)
        assert "value" == cache[b"k"]
        cache.client.get_item(TableName="sessions", Key=KEY)
    assert [True, False] * 2 == fast(server)
    headers = [request.headers["x-amzn-trace-id"] for request in server.requests]
    assert headers[::2] == headers[1::2]
    assert "Root=1-2;Parent=3;Sampled=1" == headers[0]


@pytest.mark.usefixtures("_new_clients")
def test_a_client_of_another_kind_is_used_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    client = mock.MagicMock()
    client.get_item.return_value = {}
    client.meta.endpoint_url = "https://dynamodb.example"
    monkeypatch.setattr(Session, "create_client", lambda *_, **__: client)
    assert b"k" not in DynamoDBNamespaceManager("n", **OFFLINE)
    assert client.get_item.called


@pytest.mark.parametrize(
    "options",
    [
        {"transport": "boto3"},
        {"config": Config(signature_version=UNSIGNED)},
        {"path": "/some/path"},
        {"config": Config(retries={"mode": "adaptive"})},
    ],
    ids=["boto3", "unsigned", "path", "adaptive"],
)
def test_boto3_makes_calls_that_cannot_be_imitated(
    server: FakeServer, options: dict[str, Any]
) -> None:
    url = server.url + options.pop("path", "")
    cache = manager(server, endpoint_url=url, **options)
    assert ["value"] * 3 == [cache[b"k"] for _ in range(3)]
    assert [False] * 3 == fast(server)


@pytest.mark.parametrize("transport", ["auto", "lean"])
def test_the_applications_client_is_never_replaced(server: FakeServer, transport: str) -> None:
    client = plain_client(server.url)
    cache = DynamoDBNamespaceManager("n", client=client, transport=transport)
    assert ["value"] * 2 == [cache[b"k"] for _ in range(2)]
    assert [False] * 2 == fast(server)


def test_a_plain_proxy_is_left_to_botocore(server: FakeServer) -> None:
    config = Config(proxies={"http": server.url})
    cache = manager(server, endpoint_url="http://dynamodb.invalid:8000", config=config)
    assert ["value"] * 2 == [cache[b"k"] for _ in range(2)]
    assert [False] * 2 == fast(server)
    assert ["http://dynamodb.invalid:8000/"] * 2 == [request.path for request in server.requests]


def test_a_botocore_without_the_connection_pool(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = manager(server)
    transport: Any = cache.backend.items.client.transport()
    monkeypatch.setattr(transport, "_http", SimpleNamespace(send=transport._http.send))
    assert ["value"] * 2 == [cache[b"k"] for _ in range(2)]
    assert [False] * 2 == fast(server)


AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=AKID/20261126/eu-west-1/dynamodb/aws4_request, SignedHeaders=any"
)


@given(
    body=st.binary(max_size=300),
    secret_key=st.text("abcXYZ019+/=", min_size=1, max_size=60),
    token=st.none() | st.text("abcXYZ019+/=", min_size=1, max_size=300),
    host=st.sampled_from(["dynamodb.eu-west-1.amazonaws.com", "127.0.0.1:8000", "[::1]:8000"]),
)
def test_the_signature_is_botocores(
    body: bytes, secret_key: str, token: str | None, host: str
) -> None:
    expected = AWSRequest("POST", f"http://{host}/", data=body)
    expected.headers["Content-Type"] = "application/x-amz-json-1.0"
    expected.headers["X-Amz-Target"] = "DynamoDB_20120810.PutItem"
    SigV4Auth(Credentials("AKID", secret_key, token), "dynamodb", "eu-west-1").add_auth(expected)
    now = calendar.timegm(time.strptime(expected.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ"))

    route = Route(f"http://{host}/", host, "eu-west-1", "test")
    credentials = ReadOnlyCredentials("AKID", secret_key, token)
    head = route.request("PutItem", body, credentials, now + 0.9).partition(b"\r\n\r\n")[0]
    headers = dict(line.split(":", 1) for line in head.decode().split("\r\n")[1:])

    assert expected.headers["Authorization"] == headers["authorization"]
    assert expected.headers["X-Amz-Date"] == headers["x-amz-date"]
    assert token == headers.get("x-amz-security-token")


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("http://localhost/?query", {}),
        ("ftp://localhost/", {}),
        ("http://localhost/", {"Authorization": ""}),
        ("http://localhost/", {"Authorization": "Bearer any"}),
        ("http://localhost/", {"Authorization": AUTHORIZATION.replace("AWS4", "AWS4-ECDSA")}),
        ("http://localhost/", {"X-Other": "any"}),
        ("http://localhost/", {"User-Agent": "a\nb"}),
    ],
)
def test_other_requests_have_no_route(url: str, headers: dict[str, str]) -> None:
    given = {"Authorization": AUTHORIZATION, "User-Agent": "any", **headers}
    request = AWSRequest("POST", url, headers=given)
    assert route_of(request, Credentials("AKID", "secret"), URLLib3Session()) is None


def test_a_route_depends_on_the_account_of_the_credentials() -> None:
    found = Route("https://1.ddb.example/", "1.ddb.example", "eu-west-1", "any", "1")
    assert found.serves(SimpleNamespace(account_id="1"))  # type: ignore[arg-type]
    assert not found.serves(SimpleNamespace(account_id="2"))  # type: ignore[arg-type]
    assert not found.serves(SimpleNamespace())  # type: ignore[arg-type]

"""Fast calls: requests and results are those of boto3, which gets everything unusual."""

from __future__ import annotations

import json
import socket
import sys
import traceback
import zlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from unittest import mock

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.session import Session

from beaker_dynamodb import DynamoDBError, DynamoDBNamespaceManager, StoreUnavailable
from beaker_dynamodb.dynamodb import http_exchange, route
from tests.chaos.load import short_pauses
from tests.dynamodb.fake_server import ITEM, KEY, OFFLINE, FakeServer, Request, refusal

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


@pytest.fixture(autouse=True)
def _short_pauses() -> Iterator[None]:
    with short_pauses():
        yield


def manager(server: FakeServer, **options: Any) -> DynamoDBNamespaceManager:
    given = {**OFFLINE, "endpoint_url": server.url, "max_attempts": 2, **options}
    return DynamoDBNamespaceManager("n", **given)


def warm(server: FakeServer, **options: Any) -> DynamoDBNamespaceManager:
    """Return a manager with an idle connection."""
    found = manager(server, **options)
    assert "value" == found[b"k"]
    server.requests.clear()
    server.connections.clear()
    return found


def fast(server: FakeServer) -> list[bool]:
    """Return for each request whether botocore did not send it."""
    return ["amz-sdk-request" not in request.headers for request in server.requests]


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
def test_requests_and_responses_are_botocore_s(
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
def test_errors_are_botocore_s(server: FakeServer, method: str) -> None:
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


@pytest.mark.parametrize(
    "fault",
    [
        refusal("ThrottlingException"),
        {"status": 500, "body": b"{}"},
        {"body": b'{"Item": {}}', "crc": "1"},
        {"body": None},
    ],
    ids=["throttled", "500", "checksum", "closed"],
)
def test_a_failed_call_is_the_first_attempt_of_botocore_s(
    server: FakeServer, fault: dict[str, Any]
) -> None:
    cache = warm(server, max_attempts=3)
    server.faults.append(fault)
    assert "value" == cache[b"k"]
    assert [True, False] == fast(server)
    server.requests.clear()
    server.faults += [fault] * 3
    with pytest.raises(StoreUnavailable):
        cache[b"k"]
    assert [True, False, False] == fast(server)
    server.requests.clear()
    assert ["value"] * 2 == [cache[b"k"] for _ in range(2)]
    assert fast(server)[-1]


@pytest.mark.parametrize(
    "body", [b"<html>", b"{]}", b"[]", b'{"Item": {', b'{"Item": {"b": {"B": "A"}}}']
)
def test_a_response_that_is_not_dynamodb_s_is_no_missing_item(
    server: FakeServer, body: bytes
) -> None:
    cache = warm(server)
    server.faults.append({"body": body, "crc": str(zlib.crc32(body))})
    with pytest.raises(StoreUnavailable):
        cache[b"k"]
    assert [True] == fast(server)


def test_an_item_that_does_not_exist(server: FakeServer) -> None:
    cache = warm(server)
    server.response = {}
    assert b"k" not in cache
    assert [True] == fast(server)


def test_a_timeout(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = warm(server, max_attempts=1)

    def time_out(*_: object) -> None:
        raise TimeoutError("timed out")

    monkeypatch.setattr(http_exchange, "exchange", time_out)
    with pytest.raises(StoreUnavailable, match="did not answer within read_timeout"):
        cache[b"k"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_aborted_call_closes_its_connection(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    """Otherwise the next call would get its response."""
    cache = warm(server)
    real = http_exchange._receive
    stray = json.dumps({"Item": {**ITEM, "data": {"B": "TgA="}}}).encode()
    server.faults.append({"body": stray})

    def abort(connection: socket.socket) -> bytes:
        monkeypatch.setattr(http_exchange, "_receive", real)
        raise error

    monkeypatch.setattr(http_exchange, "_receive", abort)
    with pytest.raises(error):
        cache.backend.items.call("get_item", Key=KEY)
    assert "value" == cache[b"k"]
    assert [True, False] == fast(server)
    assert 1 == len(server.connections)


def test_a_server_that_does_not_answer_plainly_is_left_to_botocore(server: FakeServer) -> None:
    cache = warm(server)
    server.chunked = True
    assert ["value"] * 3 == [cache[b"k"] for _ in range(3)]
    assert [True, False, False] == fast(server)


def test_an_error_in_another_form_changes_nothing(server: FakeServer) -> None:
    """For instance an error page of a proxy."""
    cache = warm(server)
    server.faults.append({"status": 502, "body": b"<html>", "chunked": True})
    assert ["value"] * 2 == [cache[b"k"] for _ in range(2)]
    assert [True, False, True] == fast(server)


def test_a_connection_that_the_server_closed_while_idle_is_not_used(server: FakeServer) -> None:
    cache = manager(server)
    assert "value" == cache[b"k"]
    server.close_idle()
    assert ["value"] * 2 == [cache[b"k"] for _ in range(2)]
    assert [False, False, True] == fast(server)


@pytest.mark.parametrize(
    ("fault", "attempts"),
    [
        ({"status": 502, "body": b"<html>"}, 3),
        (refusal("ThrottlingException"), 3),
        (refusal("ValidationException"), 1),
    ],
    ids=["502", "throttled", "refused"],
)
@pytest.mark.parametrize("chunked", [True, False])
def test_a_fast_call_is_one_of_max_attempts(
    server: FakeServer, fault: dict[str, Any], attempts: int, chunked: bool
) -> None:
    cache = warm(server, max_attempts=3)
    server.plan = lambda request: {**fault, "chunked": chunked}
    with pytest.raises(DynamoDBError):
        cache.backend.items.call("get_item", Key=KEY)
    assert attempts == [r.operation for r in server.requests].count("GetItem")
    assert fast(server)[0]


def test_a_nested_call_gets_its_own_response(server: FakeServer) -> None:
    """For instance from a finalizer that runs while botocore prepares the outer call."""
    transport: Any = warm(server, transport="lean", max_attempts=1).backend.items.client.transport()
    params = {"TableName": "sessions", "Item": KEY}
    nested: list[Any] = []

    def call(**_: Any) -> None:
        events.unregister("before-parameter-build.dynamodb", call)
        for kept in transport._connections.values():
            kept.close()
        nested.append(transport.call("get_item", {"TableName": "sessions", "Key": KEY}))

    events = transport.client.meta.events
    events.register("before-parameter-build.dynamodb", call)
    server.faults.append(refusal("ConditionalCheckFailedException", Item=KEY))
    with pytest.raises(transport.client.exceptions.ConditionalCheckFailedException):
        transport.call("put_item", params)
    assert {"id"} < {*nested[0]["Item"]}
    assert {} == transport._outcomes


def test_no_traceback_holds_credentials(server: FakeServer) -> None:
    cache = warm(server, max_attempts=1)
    server.faults.append({"body": None})
    with pytest.raises(StoreUnavailable) as caught:
        cache[b"k"]
    error: BaseException | None = caught.value
    shown = ""
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if frame.f_code is not sys._getframe().f_code:
                shown += repr([v for v in frame.f_locals.values() if v is not cache])
        error = error.__cause__ or error.__context__
    assert OFFLINE["aws_secret_access_key"] not in shown


def test_the_trace_header_of_aws_lambda(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
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
def test_another_kind_of_client_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_the_application_s_client_is_never_replaced(server: FakeServer, transport: str) -> None:
    connection: Any = {**OFFLINE, "endpoint_url": server.url}
    client = boto3.session.Session().client("dynamodb", **connection)
    cache = DynamoDBNamespaceManager("n", client=client, transport=transport)
    assert ["value"] * 2 == [cache[b"k"] for _ in range(2)]
    assert [False] * 2 == fast(server)


def test_a_plain_proxy_is_left_to_botocore(server: FakeServer) -> None:
    config = Config(proxies={"http": server.url})
    cache = manager(server, endpoint_url="http://dynamodb.invalid:8000", config=config)
    assert ["value"] * 2 == [cache[b"k"] for _ in range(2)]
    assert [False] * 2 == fast(server)
    assert ["http://dynamodb.invalid:8000/"] * 2 == [request.path for request in server.requests]


def test_a_botocore_without_the_connection_pool(server: FakeServer) -> None:
    cache = manager(server)
    transport: Any = cache.backend.items.client.transport()
    transport._http = SimpleNamespace(send=transport._http.send)
    assert ["value"] * 2 == [cache[b"k"] for _ in range(2)]
    assert [False] * 2 == fast(server)

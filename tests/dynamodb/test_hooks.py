"""Handlers of botocore's events: they sign and parse as botocore does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from unittest import mock

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.parsers import ResponseParserError

from beaker_dynamodb import DynamoDBNamespaceManager, StoreUnavailable
from beaker_dynamodb.dynamodb import hooks, wire
from tests.dynamodb.fake_server import KEY, OFFLINE, FakeServer, refusal
from tests.dynamodb.signatures import expected_signature, signed_headers

#: Every type of attribute, bytes inside of others, and attributes with the names of types.
ITEM = {
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
    "describe_table": {},
}


@pytest.fixture
def authorization() -> Iterator[mock.Mock]:
    with mock.patch.object(wire, "authorization", wraps=wire.authorization) as authorization:
        yield authorization


def own_client(server: FakeServer, **options: Any) -> Any:
    settings = {**OFFLINE, "endpoint_url": server.url, "max_attempts": 2, **options}
    return DynamoDBNamespaceManager("n", **settings).client


def plain_client(server: FakeServer, **options: Any) -> Any:
    options = {**OFFLINE, "endpoint_url": server.url, **options}
    return boto3.session.Session().client("dynamodb", **options)


@pytest.mark.parametrize("token", [None, "a/session+token=="])
@pytest.mark.parametrize("method", CALLS)
def test_requests_are_signed_as_by_botocore(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch, method: str, token: str | None
) -> None:
    no_keys = {}
    if token is not None:
        no_keys = {"aws_access_key_id": None, "aws_secret_access_key": None}
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", OFFLINE["aws_access_key_id"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", OFFLINE["aws_secret_access_key"])
        monkeypatch.setenv("AWS_SESSION_TOKEN", token)
    for client in (own_client(server, **no_keys), plain_client(server)):
        getattr(client, method)(TableName="table", **CALLS[method])
    own, plain = server.requests
    required = ["content-type", "host", "x-amz-date", "x-amz-security-token", "x-amz-target"]
    if token is None:
        required.remove("x-amz-security-token")
    assert required == signed_headers(own)
    assert token == own.headers.get("x-amz-security-token")
    signature = expected_signature(own, server.url, token)
    assert own.headers["authorization"].endswith(f"Signature={signature}")
    assert plain.body == own.body
    assert {*plain.headers, *signed_headers(own)} == {*own.headers}


def test_a_retry_is_signed_again(server: FakeServer) -> None:
    server.faults.append({"status": 500, "body": b"{}"})
    own_client(server).get_item(TableName="table", Key=KEY)
    assert 2 == len(server.requests)
    for request in server.requests:
        assert 1 == request.headers["authorization"].count("AWS4")
        assert request.headers["authorization"].endswith(expected_signature(request, server.url))


def test_headers_of_the_application_s_handlers_are_signed(server: FakeServer) -> None:
    client = own_client(server)

    def add(params: dict[str, Any], **_: Any) -> None:
        params["headers"]["X-Amz-Trace"] = " 1  2 "

    client.meta.events.register("before-call.dynamodb", add)
    client.get_item(TableName="table", Key=KEY)
    (request,) = server.requests
    assert "x-amz-trace" in signed_headers(request)
    assert request.headers["authorization"].endswith(expected_signature(request, server.url))


@pytest.mark.parametrize("case", ["path", "unsigned", "signer", "application's client"])
def test_botocore_signs_everything_else(
    server: FakeServer, authorization: mock.Mock, case: str
) -> None:
    if case == "path":
        client = own_client(server, endpoint_url=f"{server.url}/some/path")
    elif case == "unsigned":
        client = own_client(server, config=Config(signature_version=UNSIGNED))
    elif case == "signer":
        client = own_client(server)
        client.meta.events.register_first("choose-signer.dynamodb", lambda **_: "v4")
    else:
        client = DynamoDBNamespaceManager("n", client=plain_client(server)).client
    client.get_item(TableName="table", Key=KEY)
    (request,) = server.requests
    if case == "unsigned":
        assert "authorization" not in request.headers
    else:
        assert request.headers["authorization"].endswith(expected_signature(request, server.url))
    assert not authorization.called


@pytest.mark.parametrize("method", ["get_item", "put_item", "delete_item"])
def test_responses_are_parsed_as_by_botocore(server: FakeServer, method: str) -> None:
    server.response = {
        "Item" if method == "get_item" else "Attributes": ITEM,
        "ConsumedCapacity": {"TableName": "table", "CapacityUnits": 0.5},
    }
    own, plain = (
        getattr(client, method)(TableName="table", **CALLS[method])
        for client in (own_client(server), plain_client(server))
    )
    for response in (own, plain):
        response["ResponseMetadata"]["HTTPHeaders"].pop("date")
    assert plain == own


@pytest.mark.parametrize("method", ["get_item", "put_item"])
def test_errors_are_parsed_as_by_botocore(server: FakeServer, method: str) -> None:
    responses = []
    for client in (own_client(server), plain_client(server)):
        item = {"data": {"B": "AAE="}}
        server.faults.append(refusal("ConditionalCheckFailedException", Item=item))
        with pytest.raises(client.exceptions.ConditionalCheckFailedException) as raised:
            getattr(client, method)(TableName="table", **CALLS[method])
        responses.append({**raised.value.response, "ResponseMetadata": None})
    assert responses[0] == responses[1]
    assert {"B": b"\x00\x01"} == responses[0]["Item"]["data"]


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b'{"Item": {', b"{]}", b'{"Item": {"id": {"B": "A"}}}', b"[]", b"\xff{}"],
)
def test_damaged_responses_are_refused(body: bytes) -> None:
    parsed: dict[str, Any] = {}
    hooks.parse_response({"status_code": 200, "body": body}, parsed)
    response = SimpleNamespace(raw=object(), content=body, headers={})
    with pytest.raises(ResponseParserError):
        hooks.refuse_damaged(response, parsed, mock.Mock())
    # For instance TagResource, whose response is empty.
    hooks.refuse_damaged(response, {}, mock.Mock(output_shape=None))


@pytest.mark.parametrize("own", [True, False], ids=["own client", "application's client"])
def test_a_damaged_response_is_retried_and_finally_an_outage(server: FakeServer, own: bool) -> None:
    complete = json.dumps(server.response).encode()
    damaged = {"body": complete[:-9], "crc": str(zlib.crc32(complete))}
    if own:
        client = own_client(server, transport="boto3")
    else:
        retries: Any = {"total_max_attempts": 2, "mode": "legacy"}
        client = plain_client(server, config=Config(retries=retries))
    manager = DynamoDBNamespaceManager("n", client=client)
    server.faults += [damaged] * 2
    with pytest.raises(StoreUnavailable, match="ChecksumError"):
        manager[b"k"]
    server.faults.append(damaged)
    assert "value" == manager[b"k"]
    assert 4 == len(server.requests)


def folders_read(create_client: str) -> set[str]:
    """Return the folders of botocore's data that are listed during the creation of a client."""
    program = f"""
import os, sys
read = []
sys.addaudithook(lambda event, args: read.append(args[0]) if event == "os.listdir" else None)
options = {OFFLINE!r}
{create_client}
data = [str(path) for path in read if os.path.join("botocore", "data") in str(path)]
print(*(os.path.basename(path.rstrip(os.sep)) for path in data))
"""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, env=environment
    )
    return {*done.stdout.split()}


@pytest.mark.full
def test_only_dynamodb_s_data_is_searched() -> None:
    own = folders_read(
        "from beaker_dynamodb import DynamoDBNamespaceManager\n"
        "DynamoDBNamespaceManager('n', **options).client"
    )
    assert own <= {"dynamodb", "2012-08-10"}
    plain = folders_read("import boto3\nboto3.client('dynamodb', **options)")
    assert {"s3", "dynamodb"} <= plain

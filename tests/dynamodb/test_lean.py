"""`transport = lean`: requests and results are those of boto3, which is also the fallback."""

from __future__ import annotations

import calendar
import json
import subprocess
import sys
import time
import zlib
from types import SimpleNamespace
from typing import Any

import pytest
import urllib3
from botocore import UNSIGNED, exceptions
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials, ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from beaker_dynamodb import DynamoDBNamespaceManager, StoreUnavailable
from beaker_dynamodb.dynamodb.lean import Route
from tests.dynamodb.fake_server import ITEM, KEY, OFFLINE, FakeServer, refusal

POOL: Any = None


def manager(server: FakeServer, **options: Any) -> DynamoDBNamespaceManager:
    given = {**OFFLINE, "endpoint_url": server.url, "max_attempts": 2, **options}
    return DynamoDBNamespaceManager("n", **given, transport="lean")


def lean(server: FakeServer) -> list[bool]:
    """Return for each request whether botocore did not send it."""
    return ["amz-sdk-request" not in request.headers for request in server.requests]


@given(
    body=st.binary(max_size=300),
    secret_key=st.text("abcXYZ019+/=", min_size=1, max_size=60),
    token=st.none() | st.text("abcXYZ019+/=", min_size=1, max_size=300),
    host=st.sampled_from(["dynamodb.eu-west-1.amazonaws.com", "127.0.0.1:8000", "[::1]:8000"]),
)
def test_the_signature_is_botocore_s(
    body: bytes, secret_key: str, token: str | None, host: str
) -> None:
    expected = AWSRequest("POST", f"http://{host}/", data=body)
    expected.headers["Content-Type"] = "application/x-amz-json-1.0"
    expected.headers["X-Amz-Target"] = "DynamoDB_20120810.PutItem"
    SigV4Auth(Credentials("AKID", secret_key, token), "dynamodb", "eu-west-1").add_auth(expected)
    now = calendar.timegm(time.strptime(expected.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ"))

    route = Route(f"http://{host}/", host, "eu-west-1", "test")
    headers = route.headers("PutItem", body, ReadOnlyCredentials("AKID", secret_key, token), now)

    assert expected.headers["Authorization"] == headers["authorization"]
    assert expected.headers["X-Amz-Date"] == headers["x-amz-date"]
    assert token == headers.get("x-amz-security-token")


def test_botocore_sends_the_first_call_only(server: FakeServer) -> None:
    cache = manager(server)
    for _ in range(2):
        assert "value" == cache[b"k"]
        cache[b"k"] = "other"
        del cache[b"k"]
    assert [False] + [True] * 5 == lean(server)
    operations = [request.operation for request in server.requests]
    assert ["GetItem", "PutItem", "PutItem"] * 2 == operations
    first, again = server.requests[0], server.requests[3]
    assert first.body == again.body
    for name in ("host", "content-type", "user-agent"):
        assert first.headers[name] == again.headers[name]


def test_items_are_parsed_as_by_botocore(server: FakeServer) -> None:
    server.response = {
        "Item": {**ITEM, "B": {"M": {"B": {"B": "AAE="}, "S": {"BOOL": True}}}, "x": {"NULL": True}}
    }
    client = manager(server).client
    items = [client.get_item(TableName="lean", Key=KEY)["Item"] for _ in range(2)]
    server.response = {}
    assert "Item" not in client.get_item(TableName="lean", Key=KEY)
    assert [False, True, True] == lean(server)
    assert items[0] == items[1]
    assert {"B": b"\x00\x01"} == items[1]["B"]["M"]["B"]


@pytest.mark.parametrize(
    "fault",
    [
        refusal("ThrottlingException"),
        {"status": 500, "body": b"{}"},
        {"status": 301, "body": b"{}"},
        {"body": b'{"Item": {'},
        {"body": b"<html>"},
        {"body": b"{]}"},
        {"body": b'{"Item": {}}', "crc": "1"},
        {"body": None},
    ],
    ids=["throttle", "500", "redirect", "half", "html", "json", "checksum", "reset"],
)
def test_after_a_failure_boto3_makes_the_call(server: FakeServer, fault: dict[str, Any]) -> None:
    cache = manager(server)
    assert "value" == cache[b"k"]
    server.faults.append(fault)
    assert ["value"] * 2 == [cache[b"k"] for _ in range(2)]
    assert [False, True, False, True] == lean(server)


def test_a_correct_checksum_is_accepted(server: FakeServer) -> None:
    body = json.dumps({"Item": ITEM}).encode()
    server.plan = lambda request: {"body": body, "crc": str(zlib.crc32(body))}
    cache = manager(server)
    assert ["value"] * 2 == [cache[b"k"] for _ in range(2)]
    assert [False, True] == lean(server)


def test_it_is_the_first_of_max_attempts(server: FakeServer) -> None:
    cache = manager(server, max_attempts=3)
    assert "value" == cache[b"k"]
    server.faults += [{"status": 500, "body": b"{}"}] * 3
    with pytest.raises(StoreUnavailable, match="500"):
        cache[b"k"]
    assert [False, True, False, False] == lean(server)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (exceptions.ConnectionClosedError(endpoint_url="http://any"), "closed the connection"),
        (exceptions.ProxyConnectionError(proxy_url="http://any"), "connect to the proxy"),
        (urllib3.exceptions.ReadTimeoutError(POOL, "/", ""), "not answer within read_timeout"),
        (urllib3.exceptions.ConnectTimeoutError(), "timed out"),
        (urllib3.exceptions.NewConnectionError(POOL, ""), "cannot connect"),
        (urllib3.exceptions.SSLError(), "TLS failed"),
        (urllib3.exceptions.ProtocolError(), "closed the connection"),
        (urllib3.exceptions.DecodeError(), "no answer"),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize(
    "options", [{"total_timeout": 1e-9}, {"max_attempts": 1}], ids=["total_timeout", "max_attempts"]
)
def test_an_unanswered_attempt_may_be_the_last(
    server: FakeServer, error: Exception, reason: str, options: dict[str, Any]
) -> None:
    cache = manager(server, **options)
    assert "value" == cache[b"k"]
    attempts = []

    def fail(**_: Any) -> None:
        attempts.append(error)
        raise error

    cache.client.meta.events.register("before-send.dynamodb", fail)
    with pytest.raises(StoreUnavailable, match=reason):
        cache[b"k"]
    assert 1 == len(attempts)


@pytest.mark.parametrize("case", ["path", "unsigned"])
def test_boto3_makes_calls_that_cannot_be_imitated(server: FakeServer, case: str) -> None:
    options: dict[str, Any] = {"endpoint_url": f"{server.url}/some/path"}
    if case == "unsigned":
        options = {"config": Config(signature_version=UNSIGNED)}
    cache = manager(server, **options)
    assert ["value"] * 3 == [cache[b"k"] for _ in range(3)]
    assert [False] * 3 == lean(server)


def test_a_proxy(server: FakeServer) -> None:
    config = Config(proxies={"http": server.url})
    cache = manager(server, endpoint_url="http://dynamodb.invalid:8000", config=config)
    assert ["value"] * 2 == [cache[b"k"] for _ in range(2)]
    assert [False, True] == lean(server)
    assert ["http://dynamodb.invalid:8000/"] * 2 == [request.path for request in server.requests]
    assert ["dynamodb.invalid:8000"] * 2 == [request.headers["host"] for request in server.requests]


def test_a_botocore_without_the_connection_pool(server: FakeServer) -> None:
    cache = manager(server)
    client: Any = cache.client
    client._http = SimpleNamespace(send=client._http.send)
    assert ["value"] * 2 == [cache[b"k"] for _ in range(2)]
    assert [False, True] == lean(server)
    assert client._route.pool is None


PROGRAM = """
import sys
from beaker_dynamodb import DynamoDBNamespaceManager
options = {{**{options!r}, "endpoint_url": sys.argv[1], "transport": "lean"}}
client = DynamoDBNamespaceManager("n", **options).client
put = dict(TableName="table", Item={{"id": {{"S": "x"}}}})
client.put_item(**put)
for _ in range(3):
    try:
        client.put_item(**put)
    except client.exceptions.ConditionalCheckFailedException:
        print("refused")
"""


@pytest.mark.full
@pytest.mark.parametrize("flags", [[], ["-O"]], ids=["plain", "-O"])
def test_a_failed_condition_keeps_the_connection(server: FakeServer, flags: list[str]) -> None:
    refused = refusal("ConditionalCheckFailedException", Item={})
    server.plan = lambda request: refused if len(server.requests) > 1 else {}
    done = subprocess.run(
        [sys.executable, *flags, "-c", PROGRAM.format(options=OFFLINE), server.url],
        check=True,
        capture_output=True,
        text=True,
    )
    assert ["refused"] * 3 == done.stdout.split()
    assert 1 == len(server.connections)

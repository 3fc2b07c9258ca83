"""What our clients do at botocore's hooks: sign, and read plain answers, as botocore would have."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from unittest import mock

import boto3
import pytest
from botocore import UNSIGNED
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.parsers import ResponseParserError

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.dynamodb import client as clients
from beaker_dynamodb.dynamodb import hooks, wire
from tests.unit.lean_server import LeanServer, Request
from tests.unit.test_client import OFFLINE

KEY = {"id": {"S": "x"}}
#: Every type of attribute there is, bytes inside of others, and attributes with names of types.
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
    "update_item": {"Key": KEY},
    "query": {"KeyConditionExpression": "id = :id"},
    "scan": {},
    "describe_table": {},
}


@pytest.fixture
def ours_signed() -> Iterator[mock.Mock]:
    """Counts the requests that are signed here."""
    with mock.patch.object(wire, "authorization", wraps=wire.authorization) as authorization:
        yield authorization


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[LeanServer]:
    """A server whose answers the test chooses; no client of before is left for it."""
    monkeypatch.setattr(clients._clients, "_value", {})
    with LeanServer({}) as server:
        yield server


def our_client(server: LeanServer, **options: Any) -> Any:
    """Give the client that our code makes for the server."""
    settings = {**OFFLINE, "endpoint_url": server.url, "max_attempts": 2, **options}
    return DynamoDBNamespaceManager("n", **settings).client


def their_client(server: LeanServer, **options: Any) -> Any:
    """Give one as boto3 makes it."""
    return boto3.session.Session().client(
        "dynamodb", **{**OFFLINE, "endpoint_url": server.url, **options}
    )


def signed(request: Request) -> list[str]:
    """Give the names of the headers that were signed."""
    return request.headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")


def botocore_s(request: Request, address: str, token: str | None = None) -> str:
    """Give what botocore says to sign the same headers and body with, at the same time."""
    names = [name for name in signed(request) if name != "host"]  # it makes that one itself
    theirs = AWSRequest("POST", address + request.path, data=request.body)
    for name in names:
        theirs.headers[name] = request.headers[name]
    theirs.context["timestamp"] = request.headers["x-amz-date"]
    credentials = Credentials(OFFLINE["aws_access_key_id"], OFFLINE["aws_secret_access_key"], token)
    auth = SigV4Auth(credentials, "dynamodb", "eu-west-1")
    return str(auth.signature(auth.string_to_sign(theirs, auth.canonical_request(theirs)), theirs))


# -- the signature ----------------------------------------------------------------------------


@pytest.mark.parametrize("token", [None, "a/session+token=="])
@pytest.mark.parametrize("method", CALLS)
def test_each_request_is_signed_as_botocore_would(
    server: LeanServer, monkeypatch: pytest.MonkeyPatch, method: str, token: str | None
) -> None:
    """What AWS demands is signed, and right; the rest of the request is botocore's."""
    if token is not None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", OFFLINE["aws_access_key_id"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", OFFLINE["aws_secret_access_key"])
        monkeypatch.setenv("AWS_SESSION_TOKEN", token)
    static = {"aws_access_key_id": None, "aws_secret_access_key": None} if token else {}
    client = our_client(server, **static)
    getattr(client, method)(TableName="table", **CALLS[method])
    getattr(their_client(server), method)(TableName="table", **CALLS[method])
    ours, theirs = server.requests
    wanted = ["content-type", "host", "x-amz-date", "x-amz-security-token", "x-amz-target"]
    assert [name for name in wanted if token or name != "x-amz-security-token"] == signed(ours)
    assert ours.headers["authorization"].endswith(
        f"Signature={botocore_s(ours, server.url, token)}"
    )
    assert token == ours.headers.get("x-amz-security-token")
    assert theirs.body == ours.body
    assert {*theirs.headers, *signed(ours)} == {*ours.headers}


def test_a_second_try_is_signed_again(server: LeanServer) -> None:
    """Once, with one date, and right."""
    server.faults.append({"status": 500, "body": b"{}"})
    our_client(server).get_item(TableName="table", Key=KEY)
    assert 2 == len(server.requests)
    for request in server.requests:
        assert request.headers["authorization"].count("AWS4") == 1
        assert request.headers["authorization"].endswith(botocore_s(request, server.url))


def test_headers_of_the_application_s_hooks_are_signed(server: LeanServer) -> None:
    """AWS refuses a request with a header of x-amz- that is not."""
    client = our_client(server)

    def add(params: dict[str, Any], **_: Any) -> None:
        params["headers"]["X-Amz-Trace"] = " 1  2 "

    client.meta.events.register("before-call.dynamodb", add)
    client.get_item(TableName="table", Key=KEY)
    (request,) = server.requests
    assert "x-amz-trace" in signed(request)
    assert request.headers["authorization"].endswith(botocore_s(request, server.url))


def test_an_address_with_a_path_is_signed_by_botocore(
    server: LeanServer, ours_signed: mock.Mock
) -> None:
    """As is everything that is no plain POST to DynamoDB."""
    client = our_client(server, endpoint_url=f"{server.url}/some/path")
    client.get_item(TableName="table", Key=KEY)
    (request,) = server.requests
    assert request.headers["authorization"].endswith(botocore_s(request, server.url))
    assert not ours_signed.called


def test_what_is_not_to_be_signed_is_not(server: LeanServer, ours_signed: mock.Mock) -> None:
    """Botocore's own configuration decides."""
    client = our_client(server, config=Config(signature_version=UNSIGNED))
    client.get_item(TableName="table", Key=KEY)
    assert "authorization" not in server.requests[0].headers
    assert not ours_signed.called


def test_a_handler_of_the_application_s_may_choose_a_signer(
    server: LeanServer, ours_signed: mock.Mock
) -> None:
    """The first answer counts, and then botocore signs."""
    client = our_client(server)
    client.meta.events.register_first("choose-signer.dynamodb", lambda **_: "v4")
    client.get_item(TableName="table", Key=KEY)
    (request,) = server.requests
    assert request.headers["authorization"].endswith(botocore_s(request, server.url))
    assert not ours_signed.called


def test_the_application_s_own_client_signs_as_ever(
    server: LeanServer, ours_signed: mock.Mock
) -> None:
    """Only what is made here is changed."""
    with pytest.raises(KeyError):
        DynamoDBNamespaceManager("n", client=their_client(server))["session"]
    assert "authorization" in server.requests[0].headers
    assert not ours_signed.called


# -- the answer -------------------------------------------------------------------------------


def test_an_answer_is_what_boto3_gives(server: LeanServer) -> None:
    """Attributes of all types, the units, and what boto3 says of the answer itself."""
    server.answer = {
        "Item": ITEM,
        "Attributes": ITEM,
        "ConsumedCapacity": {"TableName": "table", "CapacityUnits": 0.5},
    }
    for method in ("get_item", "put_item", "delete_item"):
        ours, theirs = (
            getattr(client, method)(TableName="table", **CALLS[method])
            for client in (our_client(server), their_client(server))
        )
        unknown = {"Attributes"} if method == "get_item" else {"Item"}  # not of that answer
        assert {
            name: ours[name] for name in ours if name not in unknown | {"ResponseMetadata"}
        } == {name: theirs[name] for name in theirs if name != "ResponseMetadata"}
        metadata = [answer["ResponseMetadata"] for answer in (ours, theirs)]
        for told in metadata:
            told["HTTPHeaders"].pop("date")
        assert metadata[0] == metadata[1]


@pytest.mark.parametrize("method", ["get_item", "put_item"])
def test_an_error_is_what_boto3_gives(server: LeanServer, method: str) -> None:
    """Name, text, and the item that a failed condition comes with."""
    body = (
        b'{"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",'
        b' "message": "The conditional request failed", "Item": {"data": {"B": "AAE="}}}'
    )
    told = []
    for client in (our_client(server), their_client(server)):
        server.faults.append({"status": 400, "body": body})
        with pytest.raises(client.exceptions.ConditionalCheckFailedException) as raised:
            getattr(client, method)(TableName="table", **CALLS[method])
        told.append({**raised.value.response, "ResponseMetadata": None})
    assert told[0] == told[1]
    assert {"B": b"\x00\x01"} == told[0]["Item"]["data"]


@pytest.mark.parametrize("body", [b"{]}", b'{"Item": {"id": {"B": "A"}}}', b"[]", b"{", b"\xff{}"])
def test_an_answer_that_cannot_be_read_is_none(body: bytes) -> None:
    """An outage, then, and not a session that is not there."""
    parsed: dict[str, Any] = {}
    hooks.parse_response({"status_code": 200, "body": body}, parsed)
    answer = SimpleNamespace(raw=object(), content=body, headers={})
    with pytest.raises(ResponseParserError):
        hooks.refuse_damaged(answer, parsed, mock.Mock())


# -- the first request ------------------------------------------------------------------------


def folders_read(make_client: str) -> list[str]:
    """Give the folders of botocore's data that are listed while a client is made, by name."""
    program = f"""
import os, sys
read = []
sys.addaudithook(lambda event, args: read.append(args[0]) if event == "os.listdir" else None)
options = {OFFLINE!r}
{make_client}
data = [str(path) for path in read if os.path.join("botocore", "data") in str(path)]
print(*(os.path.basename(path.rstrip(os.sep)) for path in data))
"""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, env=environment
    )
    return done.stdout.split()


@pytest.mark.parametrize("transport", ["boto3", "lean"])
def test_making_a_client_looks_for_no_other_service(transport: str) -> None:
    """Botocore reads the folders of all its services first; ours only that of DynamoDB."""
    ours = folders_read(
        "from beaker_dynamodb import DynamoDBNamespaceManager\n"
        f"DynamoDBNamespaceManager('n', transport={transport!r}, **options).client"
    )
    assert {"dynamodb", "2012-08-10"} >= {*ours}
    theirs = folders_read("import boto3\nboto3.client('dynamodb', **options)")
    assert {"s3", "dynamodb"} <= {*theirs}  # or else the test sees nothing

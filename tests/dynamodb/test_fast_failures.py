"""Failed, damaged and aborted fast calls: botocore gets the outcome, and no other call does."""

from __future__ import annotations

import json
import socket
import sys
import traceback
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from beaker_dynamodb import DynamoDBError, StoreUnavailable
from beaker_dynamodb.dynamodb import http_exchange
from tests.chaos.load import short_pauses
from tests.dynamodb.fake_server import ITEM, KEY, OFFLINE, FakeServer, fast, refusal, warm


@pytest.fixture(autouse=True)
def _short_pauses() -> Iterator[None]:
    with short_pauses():
        yield


@pytest.mark.parametrize(
    "fault",
    [
        refusal("ThrottlingException"),
        {"status": 500, "body": b"{}"},
        {"body": b'{"Item": {}}', "crc": "1"},
        {"body": None},
        {**refusal("ThrottlingException"), "chunked": True},
        {"status": 502, "body": b"<html>", "chunked": True},
    ],
    ids=["throttled", "500", "checksum", "closed", "throttled in chunks", "proxy's error page"],
)
def test_a_failed_call_counts_as_the_first_attempt_of_botocore(
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
    "body",
    [b"", b"<html>", b"{]}", b"[]", b"\xff{}", b'{"Item": {', b'{"Item": {"b": {"B": "A"}}}'],
)
def test_a_response_not_from_dynamodb_is_not_treated_as_a_missing_item(
    server: FakeServer, body: bytes
) -> None:
    """Although botocore parses most of them as a response without an item."""
    cache = warm(server)
    server.faults.append({"body": body, "crc": str(zlib.crc32(body))})
    with pytest.raises(StoreUnavailable):
        cache[b"k"]
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
        # The response has arrived. Otherwise the server might send it to the next call.
        assert connection.recv(1, socket.MSG_PEEK)
        raise error

    monkeypatch.setattr(http_exchange, "_receive", abort)
    with pytest.raises(error):
        cache.backend.items.call("get_item", Key=KEY)
    assert "value" == cache[b"k"]
    assert [True, False] == fast(server)
    assert 2 == len(server.connections)


@pytest.mark.usefixtures("_new_clients")
def test_a_server_that_does_not_answer_plainly_is_left_to_botocore(server: FakeServer) -> None:
    cache = warm(server)
    server.plan = lambda request: {"chunked": True}
    assert ["value"] * 3 == [cache[b"k"] for _ in range(3)]
    assert [True, False, False] == fast(server)


@pytest.mark.parametrize("chunked", [True, False])
def test_a_refused_call_is_not_repeated(server: FakeServer, chunked: bool) -> None:
    cache = warm(server, max_attempts=3)
    server.plan = lambda request: {**refusal("ValidationException"), "chunked": chunked}
    with pytest.raises(DynamoDBError):
        cache.backend.items.call("get_item", Key=KEY)
    assert 1 == [request.operation for request in server.requests].count("GetItem")
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

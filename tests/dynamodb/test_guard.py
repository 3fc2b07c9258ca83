"""Event handlers refuse damaged responses, and count failed attempts."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest import mock

import boto3
import pytest
from botocore import exceptions
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.parsers import ResponseParserError

from beaker_dynamodb import DynamoDBError, DynamoDBNamespaceManager, StoreUnavailable
from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.dynamodb import guard
from beaker_dynamodb.dynamodb.circuit_breaker import (
    CONSECUTIVE_FAILURES,
    CircuitBreaker,
    breaker_of,
)
from tests.chaos.load import short_pauses
from tests.clock import Clock
from tests.dynamodb.breakers import without_probes
from tests.dynamodb.fake_server import OFFLINE, FakeServer

URL = "https://dynamodb.example"
CONNECTION: Any = {**OFFLINE, "endpoint_url": URL}
OPTIONS: dict[str, Any] = {**CONNECTION, "max_attempts": 1}
NO_ANSWER = [
    exceptions.EndpointConnectionError(endpoint_url=URL, error=ConnectionRefusedError()),
    exceptions.SSLError(endpoint_url=URL, error=OSError()),
    exceptions.ConnectTimeoutError(endpoint_url=URL),
    exceptions.ProxyConnectionError(proxy_url=URL),
    exceptions.ReadTimeoutError(endpoint_url=URL),
    exceptions.ConnectionClosedError(endpoint_url=URL),
]


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    return without_probes(parse(OPTIONS), clock)


def fail_to_read(manager: DynamoDBNamespaceManager) -> None:
    with pytest.raises(DynamoDBError):
        manager["session"]


@contextmanager
def handling(client: Any, event: str, handler: Callable[..., Any]) -> Iterator[None]:
    client.meta.events.register(event, handler)
    yield
    client.meta.events.unregister(event, handler)


@pytest.mark.parametrize("error", NO_ANSWER, ids=lambda error: type(error).__name__)
def test_attempts_without_an_answer_open_the_circuit_breaker(
    breaker: CircuitBreaker, clock: Clock, error: Exception
) -> None:
    manager = DynamoDBNamespaceManager("id", **OPTIONS)

    def fail(**_: Any) -> None:
        clock.advance(0.1)
        raise error

    with handling(manager.client, "before-send.dynamodb", fail):
        for _ in range(CONSECUTIVE_FAILURES + 1):
            fail_to_read(manager)
    assert breaker._open_circuit is not None
    assert 1 == breaker._open_circuit.refusals


def application_client(mode: str) -> Any:
    retries: Any = {"mode": mode, "max_attempts": 0}
    config = Config(retries=retries)
    return boto3.client("dynamodb", config=config, **CONNECTION)


@pytest.mark.parametrize("mode", ["legacy", "standard", "adaptive"])
def test_the_applications_retry_mode_makes_no_difference(clock: Clock, mode: str) -> None:
    client = application_client(mode)

    def fail(**_: Any) -> None:
        clock.advance(0.1)
        raise NO_ANSWER[0]

    client.meta.events.register("before-send.dynamodb", fail)
    breaker = without_probes(parse({"client": client}), clock)
    manager = DynamoDBNamespaceManager("id", client=client)
    for _ in range(CONSECUTIVE_FAILURES):
        fail_to_read(manager)
    assert breaker.is_open


def test_configurations_that_share_a_client_share_a_circuit_breaker() -> None:
    """Although their other connection options differ, which are ignored."""
    client = application_client("standard")
    one, two = parse({"client": client}), parse({"client": client, "region_name": "eu-west-2"})
    assert breaker_of(one) is breaker_of(two)
    assert breaker_of(one) is not breaker_of(parse({"client": application_client("standard")}))


def test_a_throttled_attempt_is_an_answer(clock: Clock) -> None:
    """Although its call waits for the next attempt."""
    options = {**OPTIONS, "max_attempts": 2}
    breaker = without_probes(parse(options), clock)
    body = SimpleNamespace(stream=lambda: iter([b'{"__type": "any#ThrottlingException"}']))
    answers = []

    def throttle(request: Any, **_: Any) -> Any:
        answers.append(breaker._last_answer)
        clock.advance(1)
        return AWSResponse(request.url, 400, {}, body)  # type: ignore[arg-type]

    manager = DynamoDBNamespaceManager("id", **options)
    with handling(manager.client, "before-send.dynamodb", throttle), short_pauses():
        fail_to_read(manager)
    assert answers == [float("-inf"), clock.now - 1]


def test_a_response_from_sts_is_not_one_from_dynamodb(breaker: CircuitBreaker) -> None:
    manager = DynamoDBNamespaceManager("id", **OPTIONS)
    refused: Any = {
        "Error": {"Code": "AccessDenied", "Message": "no"},
        "ResponseMetadata": {"HTTPStatusCode": 403},
    }

    def refuse(**_: Any) -> None:
        raise exceptions.ClientError(refused, "AssumeRole")

    with handling(manager.client, "request-created.dynamodb", refuse):
        fail_to_read(manager)
    assert breaker._last_answer == float("-inf")


def test_only_the_response_of_an_operation_without_output_may_be_something_else() -> None:
    """For instance of TagResource."""
    response = SimpleNamespace(raw=object(), content=b"[]", headers={})
    guard.refuse_damaged(response, {}, mock.Mock(output_shape=None))
    with pytest.raises(ResponseParserError):
        guard.refuse_damaged(response, {}, mock.Mock())


def test_a_damaged_response_to_the_applications_client_is_retried_and_finally_an_outage(
    server: FakeServer,
) -> None:
    complete = json.dumps(server.response).encode()
    damaged = {"body": complete[:-9], "crc": str(zlib.crc32(complete))}
    config = Config(retries={"total_max_attempts": 2, "mode": "legacy"})
    client = boto3.client("dynamodb", config=config, **{**CONNECTION, "endpoint_url": server.url})
    manager = DynamoDBNamespaceManager("n", client=client)
    assert "value" == manager[b"k"]
    server.faults += [damaged] * 2
    with short_pauses():
        with pytest.raises(StoreUnavailable, match="ChecksumError"):
            manager[b"k"]
        server.faults.append(damaged)
        assert "value" == manager[b"k"]
    assert 5 == len(server.requests)

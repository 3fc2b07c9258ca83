"""Which attempts of botocore the circuit breaker counts as failures and as answers."""

from __future__ import annotations

from typing import Any

import pytest
from botocore import exceptions

from beaker_dynamodb import DynamoDBNamespaceManager, StoreUnavailable
from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.dynamodb.circuit_breaker import CircuitBreaker
from tests.clock import Clock
from tests.dynamodb.breakers import without_probes

URL = "https://dynamodb.example"
OPTIONS = {
    "endpoint_url": URL,
    "region_name": "eu-west-1",
    "aws_access_key_id": "testkey",
    "aws_secret_access_key": "testsecret",
    "max_attempts": 1,
}
NO_ANSWER = [
    exceptions.EndpointConnectionError(endpoint_url=URL, error=ConnectionRefusedError()),
    exceptions.SSLError(endpoint_url=URL, error=OSError()),
    exceptions.ConnectTimeoutError(endpoint_url=URL),
    exceptions.ProxyConnectionError(proxy_url=URL),
    exceptions.ReadTimeoutError(endpoint_url=URL),
    exceptions.ConnectionClosedError(endpoint_url=URL),
]


@pytest.fixture
def breaker() -> CircuitBreaker:
    return without_probes(parse(OPTIONS), Clock())


@pytest.mark.parametrize("error", NO_ANSWER, ids=lambda error: type(error).__name__)
def test_attempts_without_an_answer_open_the_circuit_breaker(
    breaker: CircuitBreaker, error: Exception
) -> None:
    manager = DynamoDBNamespaceManager("id", **OPTIONS)

    def fail(**_: Any) -> None:
        raise error

    events = manager.client.meta.events
    events.register("before-send.dynamodb", fail)
    try:
        for _ in range(100):
            with pytest.raises(StoreUnavailable):
                "session" in manager  # noqa: B015
    finally:
        events.unregister("before-send.dynamodb", fail)
    assert breaker.is_open

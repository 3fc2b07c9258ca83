"""Fixtures: a fault proxy in front of each server, and options that use it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager
from tests.chaos.load import short_pauses
from tests.chaos.proxy import FaultProxy
from tests.chaos.scripted import dynamodb_here
from tests.chaos.watch import Watch, all_is_seen
from tests.servers.endpoint import DynamoDBClient, Endpoint


@pytest.fixture(scope="module")
def here() -> Iterator[DynamoDBClient]:
    """A client for moto in this process."""
    with dynamodb_here() as client:
        yield client


@pytest.fixture
def proxy(endpoint: Endpoint) -> Iterator[FaultProxy]:
    """A proxy without faults. Botocore's pauses between retries are short."""
    with FaultProxy(endpoint.url) as proxy, short_pauses():
        yield proxy


@pytest.fixture
def through(options: dict[str, object], proxy: FaultProxy) -> Iterator[dict[str, object]]:
    """Options for the test's own table, through the proxy."""
    through = {**options, "endpoint_url": proxy.url}
    yield through
    DynamoDBNamespaceManager("any", **through).client.close()


@pytest.fixture
def watch() -> Iterator[Watch]:
    """What the test shows. No log, warning or error of it may contain a secret."""
    with all_is_seen() as watch:
        yield watch
    assert [] == watch.found

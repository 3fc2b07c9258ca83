"""Fixtures of the conformance suite: every test runs on two servers and two shapes of table."""

from __future__ import annotations

from collections.abc import Iterator
from unittest import mock

import pytest

from beaker_dynamodb.items import chunks
from tests.clock import Clock
from tests.items.chunked import CHUNK
from tests.opening import Opener
from tests.servers.endpoint import DynamoDBClient, create_table
from tests.servers.recorder import CallRecorder

# The year 2096: DynamoDB Local sweeps by the real clock, and must not get ahead of a test's.
FAR_AHEAD = 4_000_000_000.0


@pytest.fixture
def clock() -> Clock:
    return Clock(FAR_AHEAD)


@pytest.fixture
def options(options: dict[str, object], shape: str, clock: Clock) -> dict[str, object]:
    sort_key: dict[str, object] = {"sort_key": "part"} if shape == "sorted" else {}
    return {**options, **sort_key, "clock": clock}


@pytest.fixture
def open_namespace(options: dict[str, object], client: DynamoDBClient, table_name: str) -> Opener:
    if "sort_key" not in options:
        create_table(client, table_name)
    return Opener(options, client, table_name)


@pytest.fixture
def sent(open_namespace: Opener) -> Iterator[CallRecorder]:
    """The calls that the managers make after the table is there."""
    with open_namespace.recorded() as recorder:
        yield recorder


@pytest.fixture
def small_items() -> Iterator[None]:
    """Make items and chunks small, so values of 1 KB need chunks."""
    with (
        mock.patch.object(chunks, "MAX_ITEM_BYTES", 1000),
        mock.patch.object(chunks, "CHUNK_BYTES", CHUNK),
    ):
        yield

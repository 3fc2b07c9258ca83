"""Fixtures of the session tests: a clock that Beaker and the package share, and visitors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from beaker_dynamodb import DynamoDBSession, SessionEvent
from tests.chaos.scripted import dynamodb_here
from tests.clock import Clock
from tests.format.tables import beaker_at
from tests.servers.endpoint import DynamoDBClient, Endpoint, create_table
from tests.sessions.driven import Visitor

# The year 2096. DynamoDB Local deletes items that have expired by the real clock.
FAR_AHEAD = 4_000_000_000.0


@pytest.fixture
def clock() -> Iterator[Clock]:
    """Beaker's clock; `moved` passes it to the package."""
    clock = Clock(FAR_AHEAD)
    with beaker_at(clock):
        yield clock


@pytest.fixture
def moved(endpoint: Endpoint, options: dict[str, Any], clock: Clock) -> dict[str, Any]:
    if "sort_key" not in options:  # otherwise the package creates the table
        create_table(endpoint.client, options["table_name"])
    return {**options, "clock": clock}


@pytest.fixture
def visitor(moved: dict[str, Any]) -> Visitor:
    return Visitor(moved, DynamoDBSession)


@pytest.fixture
def plain(moved: dict[str, Any]) -> Visitor:
    return Visitor(moved)


@pytest.fixture
def ours(moved: dict[str, Any]) -> Visitor:
    visitor = Visitor(moved, DynamoDBSession)
    visitor.starts(a=1)
    return visitor


@pytest.fixture(scope="module")
def here() -> Iterator[DynamoDBClient]:
    """A client of a DynamoDB in this process."""
    with dynamodb_here() as client:
        yield client


@pytest.fixture
def reported() -> list[SessionEvent]:
    return []


@pytest.fixture
def reporting(moved: dict[str, Any], reported: list[SessionEvent]) -> dict[str, Any]:
    return {**moved, "on_event": reported.append}


@pytest.fixture
def watched(reporting: dict[str, Any], reported: list[SessionEvent]) -> Visitor:
    """A visitor with a session, whose creation is not in `reported`."""
    visitor = Visitor(reporting, DynamoDBSession)
    visitor.starts(a=1)
    reported.clear()
    return visitor

"""A table that cannot be used: requests wait for it, or the error names its state."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from beaker_dynamodb import StoreUnavailable
from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.dynamodb.calls import TableCalls
from tests.clock import Clock
from tests.dynamodb.fake_server import KEY, OFFLINE, FakeServer, Request, refusal

THREADS = 8
PERMANENT = ["ARCHIVED", "ARCHIVING", "INACCESSIBLE_ENCRYPTION_CREDENTIALS", "SOMETHING_NEW"]


class Table:
    """A table on a server.

    :param states: the state for each DescribeTable; the last one stays. None means that the table
        does not exist.
    """

    def __init__(self, server: FakeServer, *states: str | None) -> None:
        self.states = list(states)
        self.requests = server.requests
        server.response = {}
        server.plan = self._respond

    def _respond(self, request: Request) -> dict[str, Any]:
        state = self.states[0]
        if request.operation == "DescribeTable":
            if len(self.states) > 1:
                self.states.pop(0)
            if state is None:
                return refusal("ResourceNotFoundException")
            return {"body": json.dumps({"Table": {"TableStatus": state}}).encode()}
        if request.operation == "CreateTable":
            if state is not None:
                return refusal("ResourceInUseException")
            self.states = ["ACTIVE"]
        elif request.operation == "GetItem" and state not in ("ACTIVE", "UPDATING"):
            return refusal("ResourceNotFoundException")
        return {}

    @property
    def operations(self) -> list[str]:
        return [request.operation for request in self.requests]

    @property
    def polls(self) -> int:
        return self.operations.count("DescribeTable")


@pytest.fixture
def table(server: FakeServer) -> Table:
    return Table(server, "CREATING")


@pytest.fixture(params=[True, False], ids=["create", "no create"])
def options(
    request: pytest.FixtureRequest, server: FakeServer, clock: Clock, table_name: str
) -> dict[str, Any]:
    return {
        **OFFLINE,
        "endpoint_url": server.url,
        "table_name": table_name,
        "clock": clock,
        "max_attempts": 1,
        "create_table": request.param,
    }


creating = pytest.mark.parametrize("options", [True], ids=["create"], indirect=True)


def get(options: dict[str, Any]) -> Any:
    """Make a call; its waits move the clock."""
    return TableCalls(parse(options), sleep=options["clock"].advance).call("get_item", Key=KEY)


@pytest.mark.parametrize("state", PERMANENT)
def test_a_permanent_state_is_named_at_once(
    table: Table, options: dict[str, Any], state: str, clock: Clock
) -> None:
    table.states = [state]
    for _ in range(3):
        with pytest.raises(StoreUnavailable, match=f" is {state} and cannot be used: "):
            get(options)
    assert 1 == table.polls  # the next one a second later
    clock.advance(1)
    table.states = ["ACTIVE"]
    assert "Item" not in get(options)


def test_a_temporary_state_is_waited_for(table: Table, options: dict[str, Any]) -> None:
    table.states = ["CREATING", "CREATING", "UPDATING"]
    assert "Item" not in get(options)


def test_the_wait_ends_after_ten_seconds_and_time_to_live_is_enabled_later(
    table: Table, options: dict[str, Any], clock: Clock
) -> None:
    start, calls = clock(), TableCalls(parse(options), sleep=clock.advance)
    with pytest.raises(StoreUnavailable, match="is CREATING after 10 seconds; try again"):
        calls.call("get_item", Key=KEY)
    assert 10 <= clock() - start <= 10.5
    assert 20 <= table.polls <= 41
    clock.advance(1)
    table.states = ["ACTIVE"]
    table.requests.clear()
    for _ in range(2):
        calls.call("get_item", Key=KEY)
    enabled = ["UpdateTimeToLive"] if options["create_table"] else []
    assert ["GetItem", *enabled, "GetItem"] == table.operations


@creating
def test_one_thread_of_a_process_waits(table: Table, options: dict[str, Any]) -> None:
    barrier = threading.Barrier(THREADS)

    def first_request(number: int) -> StoreUnavailable:
        barrier.wait()
        with pytest.raises(StoreUnavailable, match="is CREATING after 10 seconds") as caught:
            get({**options, "prefix": f"p{number}:"})
        return caught.value

    with ThreadPoolExecutor(THREADS) as threads:
        errors = list(threads.map(first_request, range(THREADS)))
    assert THREADS == len({id(error) for error in errors})
    assert table.polls <= 41


@creating
def test_a_table_that_is_being_deleted_is_created_afterwards(
    table: Table, options: dict[str, Any]
) -> None:
    table.states = ["DELETING", "DELETING", None]
    get(options)
    assert 2 == table.operations.count("CreateTable")
    assert "UpdateTimeToLive" in table.operations

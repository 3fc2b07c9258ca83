"""A table that is there and cannot be used: waited for once and for ten seconds, or named."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from beaker.cache import Cache

from beaker_dynamodb import ConfigurationError, DynamoDBNamespaceManager, StoreUnavailable
from beaker_dynamodb.cli.provision import Provisioner
from beaker_dynamodb.cli.table_request import Extras
from beaker_dynamodb.config.options import Options
from beaker_dynamodb.dynamodb import client as clients
from beaker_dynamodb.dynamodb import table_state
from tests.chaos.load import SITES
from tests.clock import Clock
from tests.dynamodb.fake_server import OFFLINE, Request
from tests.dynamodb.fake_server import FakeServer as LeanServer
from tests.sessions.site import UNKNOWN, Site, store, values

THREADS = 8
LASTING = ["ARCHIVED", "ARCHIVING", "INACCESSIBLE_ENCRYPTION_CREDENTIALS", "SOMETHING_NEW"]


def refusal(code: str) -> dict[str, Any]:
    """Return an error of AWS's."""
    return {"status": 400, "body": json.dumps({"__type": f"x#{code}", "message": "no"}).encode()}


class Table(LeanServer):
    """A table whose state is not ACTIVE; each look at it takes a second.

    :param states: one for each DescribeTable; the last one stays. None: there is no table.
    """

    def __init__(self, clock: Clock, *states: str | None) -> None:
        super().__init__({})
        self.states = list(states)
        self.calls: list[str] = []
        self._clock = clock
        self.plan = self._answer

    def _answer(self, request: Request) -> dict[str, Any]:
        operation = request.headers["x-amz-target"].partition(".")[2]
        self.calls.append(operation)
        state = self.states[0]
        if operation == "DescribeTable":
            if len(self.states) > 1:
                self.states.pop(0)
            self._clock.advance(1)
            if state is None:
                return refusal("ResourceNotFoundException")
            return {"body": json.dumps({"Table": {"TableStatus": state}}).encode()}
        if operation == "CreateTable":
            if state is not None:
                return refusal("ResourceInUseException")
            self.states = ["ACTIVE"]
            return {}
        if operation.startswith("Update"):
            return {}
        return {} if state == "ACTIVE" else refusal("ResourceNotFoundException")

    @property
    def looks(self) -> int:
        """How often its state was asked for."""
        return self.calls.count("DescribeTable")


@pytest.fixture
def table(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Table]:
    """A table that is being created."""
    monkeypatch.setattr(clients._clients, "_value", {})
    monkeypatch.setattr(table_state, "POLL_SECONDS", 0.0)
    table = Table(clock, "CREATING")
    with table:
        yield table


@pytest.fixture
def options(table: Table, clock: Clock) -> dict[str, Any]:
    """Options that lead to the table."""
    return {**OFFLINE, "endpoint_url": table.url, "clock": clock, "max_attempts": 1}


@pytest.mark.parametrize("create_table", [True, False])
@pytest.mark.parametrize("state", LASTING)
@pytest.mark.parametrize("middleware", SITES)
def test_a_state_that_does_not_pass_is_named_at_once(
    table: Table, options: dict[str, Any], middleware: str, state: str, create_table: bool
) -> None:
    table.states = [state]
    more = {**SITES[middleware], "create_table": create_table}
    site = Site(middleware, {**options, **more})
    for action in (values, store(a=1)):
        with pytest.raises(StoreUnavailable, match=f"'sessions' is {state} and cannot be used: "):
            site(action, UNKNOWN)
    assert 1 == table.looks


def test_a_state_that_does_not_pass_is_asked_for_once_a_second(
    table: Table, options: dict[str, Any], clock: Clock
) -> None:
    table.states = ["ARCHIVED"]
    manager = DynamoDBNamespaceManager("n", **options)
    for _ in range(3):
        with pytest.raises(StoreUnavailable, match="backup"):
            manager[b"k"]
    assert 1 == table.looks
    clock.advance(1)
    table.states = ["ACTIVE"]
    assert b"k" not in manager


@pytest.mark.parametrize("create_table", [True, False])
def test_a_state_that_passes_is_waited_for(
    table: Table, options: dict[str, Any], create_table: bool
) -> None:
    table.states = ["CREATING", "CREATING", "ACTIVE"]
    assert b"k" not in DynamoDBNamespaceManager("n", **options, create_table=create_table)


@pytest.mark.parametrize("create_table", [True, False])
def test_it_is_waited_for_ten_seconds(
    table: Table, options: dict[str, Any], create_table: bool
) -> None:
    manager = DynamoDBNamespaceManager("n", **options, create_table=create_table)
    with pytest.raises(StoreUnavailable, match="is CREATING after 10 seconds; try again"):
        manager[b"k"]
    assert 10 <= table.looks <= 11


def test_one_thread_of_all_waits_for_it(table: Table, options: dict[str, Any]) -> None:
    barrier = threading.Barrier(THREADS)

    def first_request(number: int) -> StoreUnavailable:
        barrier.wait()
        # Another prefix: a configuration of its own, on the same table.
        manager = DynamoDBNamespaceManager("n", **options, prefix=f"p{number}:")
        with pytest.raises(StoreUnavailable, match="is CREATING after 10 seconds") as caught:
            manager[b"k"]
        return caught.value

    with ThreadPoolExecutor(THREADS) as threads:
        errors = list(threads.map(first_request, range(THREADS)))
    assert THREADS == len({id(error) for error in errors})
    assert 10 <= table.looks <= 11


def test_time_to_live_is_turned_on_though_nobody_waited_long_enough(
    table: Table, options: dict[str, Any], clock: Clock
) -> None:
    manager = DynamoDBNamespaceManager("n", **options)
    with pytest.raises(StoreUnavailable):
        manager[b"k"]
    clock.advance(1)
    table.states = ["ACTIVE"]
    table.calls.clear()
    for _ in range(2):
        assert b"k" not in manager
    assert ["GetItem", "UpdateTimeToLive", "GetItem"] == table.calls


def test_a_table_that_is_being_deleted_is_created_when_it_is_gone(
    table: Table, options: dict[str, Any]
) -> None:
    table.states = ["DELETING", "DELETING", None]
    assert b"k" not in DynamoDBNamespaceManager("n", **options)
    assert 2 == table.calls.count("CreateTable")
    assert "UpdateTimeToLive" in table.calls


@pytest.mark.parametrize("states", [[None], ["DELETING", None]])
def test_a_table_that_is_gone_and_may_not_be_created_is_a_configuration_error(
    table: Table, options: dict[str, Any], states: list[str | None]
) -> None:
    table.states = states
    with pytest.raises(ConfigurationError, match="aws dynamodb create-table"):
        DynamoDBNamespaceManager("n", **options, create_table=False)[b"k"]


@pytest.mark.parametrize("state", ["CREATING", "ARCHIVED"])
def test_a_cache_does_without_it(table: Table, options: dict[str, Any], state: str) -> None:
    table.states = [state]
    cache = Cache("n", "ext:dynamodb", **options, on_error="miss")
    assert "made" == cache.get("k", createfunc=lambda: "made")


@pytest.mark.parametrize("state", LASTING)
def test_the_command_does_not_wait_an_hour_for_it(
    table: Table, options: dict[str, Any], state: str
) -> None:
    table.states = [state]
    parsed = Options(**options)
    provisioner = Provisioner(clients.ClientSource(parsed)(), parsed, Extras(), sleep=_no_sleep)
    with pytest.raises(StoreUnavailable, match=state):
        list(provisioner.steps())
    assert 2 == table.looks


def _no_sleep(seconds: float) -> None:
    raise AssertionError(seconds)

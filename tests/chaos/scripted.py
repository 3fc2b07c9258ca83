"""moto in this process, scripted failures of calls, and a base class of stateful tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test
from moto import mock_aws
from moto.core.models import botocore_stubber

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.dynamodb.error_mapping import ConditionFailed
from beaker_dynamodb.exceptions import StoreUnavailable
from beaker_dynamodb.items.store import ItemStore
from tests.clock import Clock
from tests.dynamodb.breakers import open_breaker, without_probes
from tests.servers.endpoint import DynamoDBClient

#: Outcomes of a call: success; failure before it arrives; success with a lost response; success
#: with a lost response and a retry by botocore; refused by an open circuit breaker.
FINE, LOST, ARRIVED, TWICE, REFUSED = "fine", "lost", "arrived", "twice", "refused"
#: Success is twice as likely as any other outcome.
PLANS = st.lists(st.sampled_from([FINE, FINE, LOST, ARRIVED, TWICE, REFUSED]), max_size=3)
WRITES = frozenset({"put_item", "delete_item", "transact_write_items"})


class Script:
    """Scripts the outcomes of the next calls of all stores, and records the calls."""

    def __init__(self) -> None:
        self.begin([])

    def begin(self, plan: list[str], meddle: Callable[[], None] | None = None) -> None:
        """Plan the next calls, and clear the records.

        :param plan: the outcomes, in order. Further calls succeed.
        :param meddle: called just before the first write.
        """
        self.plan = list(plan)
        self._meddle = meddle
        #: Whether a call failed, was sent twice, changed the table, failed a condition check.
        self.failed = self.twice = self.wrote = self.refused = False
        #: Keys of deleted items.
        self.deleted: list[str] = []
        #: Keys of stored items.
        self.put: list[str] = []

    def call(
        self, real: Callable[..., Any], items: ItemStore, method: str, params: dict[str, Any]
    ) -> Any:
        if method in WRITES and self._meddle is not None:
            meddle, self._meddle = self._meddle, None
            kept, self.plan = self.plan, []
            meddle()
            self.plan, self.failed, self.wrote, self.refused = kept, False, False, False
        outcome = self.plan.pop(0) if self.plan else FINE
        if outcome == LOST:
            raise self._failure()
        if outcome == REFUSED:
            self.failed = True
            breaker = without_probes(items.options, Clock())
            open_breaker(breaker)
            try:
                return real(items, method, **params)
            finally:
                breaker.answered()
        # A retried transaction is applied once, due to its client token.
        if outcome == ARRIVED or (outcome == TWICE and method != "transact_write_items"):
            self.twice = self.twice or outcome == TWICE
            try:
                real(items, method, **params)
                self._note(method, params)
            except ConditionFailed:
                pass
            if outcome == ARRIVED:
                raise self._failure()
        try:
            answer = real(items, method, **params)
        except ConditionFailed:
            self.refused = True
            raise
        self._note(method, params)
        return answer

    def _note(self, method: str, params: dict[str, Any]) -> None:
        self.wrote = self.wrote or method in WRITES
        if method == "delete_item":
            self.deleted.append(params["Key"]["id"]["S"])
        elif method == "put_item" and params["Item"].get("type") == {"S": "beaker-marker"}:
            self.deleted.append(params["Item"]["id"]["S"])
        elif method == "put_item":
            self.put.append(params["Item"]["id"]["S"])

    def _failure(self) -> StoreUnavailable:
        self.failed = True
        return StoreUnavailable("planned failure")


@contextmanager
def scripted_calls() -> Iterator[Script]:
    """Run all stores' calls through a script, and yield it."""
    script = Script()
    real = ItemStore.call

    def call(items: ItemStore, method: str, **params: Any) -> Any:
        return script.call(real, items, method, params)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ItemStore, "call", call)
        yield script


@contextmanager
def dynamodb_here() -> Iterator[DynamoDBClient]:
    """Yield a client for moto in this process. It takes a third of the time of HTTP."""
    # Skip slow parts that are not tested: signatures, validation and the user agent.
    config = Config(signature_version=UNSIGNED, parameter_validation=False, user_agent="test")
    with mock_aws():
        client = boto3.session.Session().client("dynamodb", region_name="eu-west-1", config=config)
        events: Any = client.meta.events
        events.register("before-send", botocore_stubber)
        yield client


class Machine(RuleBasedStateMachine):
    """Base class of stateful tests: one table, a script of its calls, and a clock."""

    table_name = "model"
    start = 4_000_000_000.0
    script: Script
    client: DynamoDBClient
    clock: Clock

    def __init__(self) -> None:
        super().__init__()
        self.clock.now = self.start

    def attempt(
        self,
        plan: list[str],
        action: Callable[[], object],
        meddle: Callable[[], None] | None = None,
    ) -> bool:
        """Run an action with planned outcomes, and return whether it was acknowledged."""
        self.script.begin(plan, meddle)
        try:
            action()
        except StoreUnavailable:
            assert self.script.failed, "an error without a planned failure"
            return False
        finally:
            self.script.plan = []
        return True

    def teardown(self) -> None:
        for item in self.client.scan(TableName=self.table_name)["Items"]:
            self.client.delete_item(TableName=self.table_name, Key={"id": item["id"]})


def run_model(machine: type[Machine], clock: Clock, orders: int) -> None:
    """Run a machine.

    :param orders: number of sequences of steps to try.
    """
    with dynamodb_here() as client, scripted_calls() as script:
        options = {"client": client, "table_name": machine.table_name}
        assert b"nothing" not in DynamoDBNamespaceManager("makes-the-table", **options)
        machine.script, machine.client, machine.clock = script, client, clock
        run_state_machine_as_test(
            machine, settings=settings(max_examples=orders, stateful_step_count=30)
        )

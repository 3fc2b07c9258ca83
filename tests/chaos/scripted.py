"""A DynamoDB in this process, faults of its calls as planned, and what models of both share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test
from moto import mock_aws

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.dynamodb.error_mapping import ConditionFailed
from beaker_dynamodb.exceptions import StoreUnavailable
from beaker_dynamodb.items.store import ItemStore
from tests.clock import Clock

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

#: What may happen to a call: nothing; it fails before it has arrived; its answer is lost; its
#: answer is lost and botocore sends it again.
FINE, LOST, ARRIVED, TWICE = "fine", "lost", "arrived", "twice"
#: Twice as often as not, nothing happens.
PLANS = st.lists(st.sampled_from([FINE, FINE, LOST, ARRIVED, TWICE]), max_size=3)
WRITES = frozenset({"put_item", "delete_item", "transact_write_items"})


class Script:
    """What happens to the next calls of all stores, and what has happened to the last ones."""

    def __init__(self) -> None:
        self.begin([])

    def begin(self, plan: list[str], meddle: Callable[[], None] | None = None) -> None:
        """Plan the calls to come.

        :param plan: one fate for each call; those after the last are fine.
        :param meddle: what happens just before the first write.
        """
        self.plan = list(plan)
        self._meddle = meddle
        #: Whether a fault was delivered, a write has changed the table, a condition has failed.
        self.failed = self.wrote = self.refused = False
        #: What was deleted, by key.
        self.deleted: list[str] = []
        #: What was put, by key.
        self.put: list[str] = []

    def call(
        self, real: Callable[..., Any], items: ItemStore, method: str, params: dict[str, Any]
    ) -> Any:
        """Make a call, or what the plan says in its place."""
        if method in WRITES and self._meddle is not None:
            meddle, self._meddle = self._meddle, None
            kept, self.plan = self.plan, []
            meddle()
            self.plan, self.failed, self.wrote, self.refused = kept, False, False, False
        fate = self.plan.pop(0) if self.plan else FINE
        if fate == LOST:
            raise self._fault()
        # botocore gives a transaction a token: sent again, it counts once.
        if fate == ARRIVED or (fate == TWICE and method != "transact_write_items"):
            try:
                real(items, method, **params)
                self._note(method, params)
            except ConditionFailed:
                pass
            if fate == ARRIVED:
                raise self._fault()
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

    def _fault(self) -> StoreUnavailable:
        self.failed = True
        return StoreUnavailable("the plan says so")


@contextmanager
def scripted_calls() -> Iterator[Script]:
    """Give a script by which the calls of all stores go."""
    script = Script()
    real = ItemStore.call

    def call(items: ItemStore, method: str, **params: Any) -> Any:
        return script.call(real, items, method, params)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ItemStore, "call", call)
        yield script


@contextmanager
def dynamodb_here() -> Iterator[DynamoDBClient]:
    """Give a client of a DynamoDB in this process, at a third of what a call over HTTP costs."""
    # What takes time and is none of our matter: a signature, and the user agent.
    config = Config(signature_version=UNSIGNED, parameter_validation=False, user_agent="test")
    with mock_aws():
        yield boto3.session.Session().client("dynamodb", region_name="eu-west-1", config=config)


class Machine(RuleBasedStateMachine):
    """What all models have: one table, a script of its calls, a clock."""

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
        """Do something that calls DynamoDB; whether it was acknowledged."""
        self.script.begin(plan, meddle)
        try:
            action()
        except StoreUnavailable:
            assert self.script.failed, "an error without a fault"
            return False
        finally:
            self.script.plan = []
        return True

    def teardown(self) -> None:
        """Empty the table."""
        for item in self.client.scan(TableName=self.table_name)["Items"]:
            self.client.delete_item(TableName=self.table_name, Key={"id": item["id"]})


def run_model(machine: type[Machine], clock: Clock, orders: int) -> None:
    """Let a machine try so many orders of its steps."""
    with dynamodb_here() as client, scripted_calls() as script:
        options = {"client": client, "table_name": machine.table_name}
        assert b"nothing" not in DynamoDBNamespaceManager("makes-the-table", **options)
        machine.script, machine.client, machine.clock = script, client, clock
        run_state_machine_as_test(
            machine, settings=settings(max_examples=orders, stateful_step_count=30)
        )

"""A namespace manager behaves like a dict, in any order of operations."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from beaker_dynamodb import DynamoDBNamespaceManager
from tests.clock import Clock
from tests.items.conftest import FAR_AHEAD
from tests.opening import payload

if TYPE_CHECKING:
    from tests.servers.endpoint import Endpoint

PLACES = st.tuples(
    st.sampled_from([None, "", "app", "app:two"]),
    st.sampled_from(["user1", "user10", "", "a|b", "app:user1"]),
)
KEYS = st.sampled_from([b"", b"%", b"a", b"ab", b"a|b", b"session", b"\xff", b"x" * 2000])
VALUES = st.none() | st.integers() | st.binary() | st.tuples(st.text(), st.floats(allow_nan=False))
# Eighths of a second: floats add them exactly.
SECONDS = st.integers(1, 80).map(lambda eighths: eighths / 8)

Place = tuple[str | None, str]


class Machine(RuleBasedStateMachine):
    """Several namespaces under several prefixes in one table, with sessions among them.

    :param endpoint: the server.
    :param shape: options for the table's shape.
    """

    def __init__(self, endpoint: Endpoint, shape: dict[str, object]) -> None:
        super().__init__()
        self.client = endpoint.client
        self.clock = Clock(FAR_AHEAD)
        self.table_name = f"machine-{uuid4().hex}"
        self.options: dict[str, object] = {
            **endpoint.options,
            **shape,
            "table_name": self.table_name,
            "clock": self.clock,
        }
        self.model: dict[tuple[Place, str | bytes], tuple[object, float | None]] = {}
        self.saved = 0

    def manager(self, place: Place) -> DynamoDBNamespaceManager:
        """Open the namespace as a request does."""
        prefix, namespace = place
        return DynamoDBNamespaceManager(namespace, prefix=prefix, **self.options)

    def expected(self, place: Place) -> dict[str | bytes, object]:
        """Return what has not expired in a namespace."""
        return {
            key: value
            for (where, key), (value, deadline) in self.model.items()
            if where == place and (deadline is None or self.clock.now < deadline)
        }

    @rule(place=PLACES, key=KEYS, value=VALUES, life=st.none() | SECONDS)
    def store(self, place: Place, key: bytes, value: object, life: float | None) -> None:
        self.manager(place).set_value(key, value, expiretime=life)
        deadline = None if life is None else self.clock.now + life
        self.model[place, key] = value, deadline

    @rule(place=PLACES, life=SECONDS)
    def save(self, place: Place, life: float) -> None:
        manager = self.manager(place)
        self.compare(manager, place, "session")
        self.saved += 1
        manager.set_value("session", payload(saved=self.saved), expiretime=life)
        self.model[place, "session"] = payload(saved=self.saved), self.clock.now + life

    @rule(place=PLACES, key=KEYS | st.just("session"))
    def look(self, place: Place, key: str | bytes) -> None:
        self.compare(self.manager(place), place, key)

    @rule(place=PLACES, key=KEYS | st.just("session"))
    def delete(self, place: Place, key: str | bytes) -> None:
        del self.manager(place)[key]
        self.model.pop((place, key), None)

    @rule(place=PLACES)
    def list_keys(self, place: Place) -> None:
        cached = [key for key in self.expected(place) if isinstance(key, bytes)]
        assert sorted(cached) == sorted(self.manager(place).keys())

    @rule(place=PLACES)
    def remove(self, place: Place) -> None:
        self.manager(place).remove()
        self.model = {
            (where, key): kept
            for (where, key), kept in self.model.items()
            if where != place or key == "session"
        }

    @rule(seconds=SECONDS)
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @invariant()
    def nothing_else_is_in_the_table(self) -> None:
        if self.model:
            items = self.client.scan(TableName=self.table_name)["Items"]
            kept = [one for one in items if one["type"]["S"] in ("beaker-session", "beaker-cache")]
            assert len(self.model) == len(kept)

    def compare(self, manager: DynamoDBNamespaceManager, place: Place, key: str | bytes) -> None:
        """Read a key in both."""
        expected = self.expected(place)
        assert (key in expected) is (key in manager)
        if key in expected:
            assert expected[key] == manager[key]
        else:
            with pytest.raises(KeyError):
                manager[key]

    def teardown(self) -> None:
        """Drop the table, if it came to one."""
        with suppress(self.client.exceptions.ResourceNotFoundException):
            self.client.delete_table(TableName=self.table_name)


@pytest.mark.full
@pytest.mark.parametrize("shape", [{}, {"sort_key": "part"}], ids=["hash-only", "sorted"])
def test_the_table_is_a_dict(moto_endpoint: Endpoint, shape: dict[str, object]) -> None:
    fewer = settings(max_examples=settings().max_examples // 20, stateful_step_count=30)
    machine = partial(Machine, moto_endpoint, shape)
    run_state_machine_as_test(machine, settings=fewer)  # type: ignore[arg-type]  # any factory

"""Hosts whose clocks differ do not shorten the life of a session; time zones; years after 2038."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import pytest
from beaker.session import Session
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from beaker_dynamodb import DynamoDBNamespaceManager, DynamoDBSession
from beaker_dynamodb.items.codec import SessionBytes
from beaker_dynamodb.items.item import SESSION
from beaker_dynamodb.sessions.payload import BEAKER
from tests.clock import Clock
from tests.sessions.driven import Visitor, save
from tests.sessions.site import ENCRYPTED, Site, store, values

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from tests.clock import Clock


LIFE = 1800
#: 5 % of the lifetime.
INTERVAL = 90
BEHIND = -600


class Hosts:
    """The clock of the host that is at work."""

    def __init__(self, now: float) -> None:
        self.true = Clock(now)
        self._skew = 0.0

    def __call__(self) -> float:
        return self.true() + self._skew

    @contextmanager
    def on(self, skew: float) -> Iterator[None]:
        before, self._skew = self._skew, skew
        yield
        self._skew = before


class Times(NamedTuple):
    accessed: float
    deadline: float
    payload: float | None


def times(client: DynamoDBClient, table_name: str) -> dict[tuple[str, str], Times]:
    """Return the times of all sessions, by key and creation time."""
    found = {}
    for item in client.scan(TableName=table_name, ConsistentRead=True)["Items"]:
        if item["type"] == {"S": SESSION}:
            data = BEAKER.loads(SessionBytes(bytes(item["data"]["B"])))
            found[item["id"]["S"], item["created"]["N"]] = Times(
                float(item["accessed"]["N"]),
                float(item["deadline"]["N"]),
                None if data is None else data["_accessed_time"],
            )
    return found


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> Hosts:
    hosts = Hosts(4_000_000_000.0)
    moved = SimpleNamespace(time=hosts, strftime=time.strftime)
    monkeypatch.setattr("beaker.session.time", moved)
    return hosts


@pytest.fixture
def shared(table_name: str, here: DynamoDBClient, hosts: Hosts) -> dict[str, Any]:
    return {"client": here, "table_name": table_name, "clock": hosts, "timeout": LIFE}


def stored(shared: dict[str, Any]) -> list[Times]:
    return list(times(shared["client"], shared["table_name"]).values())


def test_a_save_with_a_change_of_id_on_a_host_that_is_behind_shortens_no_life(
    shared: dict[str, Any], hosts: Hosts
) -> None:
    site = Site("ours", {**shared, **ENCRYPTED})
    cookie = site(store(name="Ada")).cookie
    with hosts.on(BEHIND):
        cookie = site(lambda session: session.regenerate_id() or session.save(), cookie).cookie
    hosts.true.advance(LIFE)
    assert {"name": "Ada"} == site(values, cookie).result


def test_a_session_from_a_host_that_is_ahead_lives_on_and_ends(
    shared: dict[str, Any], hosts: Hosts
) -> None:
    site = Site("ours", shared)
    with hosts.on(-BEHIND):
        cookie = site(store(name="Ada")).cookie
    for _ in range(10):
        hosts.true.advance(LIFE // 2)
        assert {"name": "Ada"} == site(values, cookie).result
    hosts.true.advance(LIFE + 1)
    assert {} == site(values, cookie).result


def test_a_shorter_lifetime_of_a_single_save_takes_effect(
    shared: dict[str, Any], hosts: Hosts
) -> None:
    manager = DynamoDBNamespaceManager("any", **shared)
    for skew, lifetime in ((0, 1000), (BEHIND, 10)):
        with hosts.on(skew):
            payload = BEAKER.dumps({"_accessed_time": hosts(), "n": skew}, SessionBytes(b"\x80"))
            manager.set_value("session", payload, lifetime)
    assert [Times(hosts(), hosts() + 10, hosts())] == stored(shared)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "read", "save", "regenerate"]),
        st.integers(0, 3),  # which request
        st.sampled_from([-600.0, -30.0, 0.0, 45.0, 600.0]),  # skew of its host's clock
        st.sampled_from([0.0, 0.5, INTERVAL, LIFE // 3]),  # seconds until the next step
    ),
    max_size=20,
)


# A slow request on a host that is behind ends after another one has refreshed the access time.
SLOW: list[Any] = [("begin", 0, BEHIND, INTERVAL), ("begin", 0, 0.0, 0.0), ("read", 1, 0.0, 0.0)]


@pytest.mark.parametrize("session_class", [Session, DynamoDBSession], ids=["beaker", "ours"])
@given(steps=STEPS)
@example(steps=[*SLOW, ("read", 0, BEHIND, 0.0)])
@example(steps=[*SLOW, ("save", 0, BEHIND, 0.0)])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=6)
def test_no_step_on_any_host_moves_a_time_back(
    session_class: type[Any], here: DynamoDBClient, hosts: Hosts, steps: list[Any]
) -> None:
    table_name = f"steps-{uuid4().hex}"
    options = {"client": here, "table_name": table_name, "clock": hosts, "timeout": LIFE}
    visitor = Visitor(options, session_class)
    visitor.starts(a=1)
    requests: list[tuple[Any, float]] = []
    before = times(here, table_name)
    for number, (step, which, skew, pause) in enumerate(steps):
        if step == "begin" or not requests:
            with hosts.on(skew):
                requests.append((visitor.request(), skew))
        else:
            session, skew = requests.pop(which % len(requests))
            with hosts.on(skew):
                if step == "save":
                    save(session, number=number)
                elif step == "regenerate" and session_class is DynamoDBSession:
                    session.regenerate_id()
                    session.save()
                    visitor.id = session.id
                else:
                    session.save(accessed_only=True)
        after = times(here, table_name)
        for key in before.keys() & after.keys():
            old, new = before[key], after[key]
            assert old.accessed <= new.accessed
            assert old.deadline <= new.deadline
            # A request that began before another one's refresh may take back a part of that.
            assert old.payload is not None
            assert new.payload is not None
            assert old.payload - INTERVAL <= new.payload
        before = after
        hosts.true.advance(pause)
    here.delete_table(TableName=table_name)


# -- time zones, and the years after 2038 ------------------------------------------------------


HOUR = 3600
LIFE = 1800


@pytest.fixture
def _zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def only_item(client: DynamoDBClient, table_name: str) -> Any:
    (item,) = client.scan(TableName=table_name)["Items"]
    return item


@pytest.mark.parametrize(
    "moment",
    # The end of unsigned 32-bit seconds; the end of summer time in New York in 2040.
    [2.0**32, 2_235_967_200.0],
    ids=["2106", "summer time ends"],
)
@pytest.mark.usefixtures("_zone")
def test_items_have_utc_times(
    moved: dict[str, Any], client: DynamoDBClient, table_name: str, clock: Clock, moment: float
) -> None:
    visitor = Visitor({**moved, "timeout": LIFE}, DynamoDBSession)
    clock.now = moment - LIFE / 2
    visitor.starts(a=1)
    item = only_item(client, table_name)
    assert str(int(moment + LIFE / 2 + 120)) == item["expires"]["N"]
    assert moment + LIFE / 2 + 120 == float(item["deadline"]["N"])
    clock.advance(LIFE)
    assert {"a": 1} == visitor.finds()
    clock.advance(0.001)
    assert {} == visitor.finds()


@pytest.mark.usefixtures("_zone")
def test_the_default_clock_is_utc(
    options: dict[str, Any], client: DynamoDBClient, table_name: str
) -> None:
    before = time.time()
    DynamoDBNamespaceManager("pages", **options).set_value(b"k", 1, HOUR)
    deadline = float(only_item(client, table_name)["deadline"]["N"])
    assert before + HOUR - 1 < deadline < time.time() + HOUR + 1

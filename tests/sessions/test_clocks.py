"""Hosts whose clocks differ do not shorten the life of a session; time zones; years after 2038."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager, DynamoDBSession
from beaker_dynamodb.items.codec import SessionBytes
from beaker_dynamodb.sessions.payload import BEAKER
from tests.clock import Clock
from tests.format.tables import beaker_at
from tests.servers.endpoint import DynamoDBClient
from tests.sessions.driven import Visitor, stored_sessions
from tests.sessions.site import Site, store, values

LIFE = 1800
#: 5 % of the lifetime.
INTERVAL = 90
BEHIND = -600


class Hosts:
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


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    hosts = Hosts(4_000_000_000.0)
    with beaker_at(hosts):
        yield hosts


@pytest.fixture
def shared(table_name: str, here: DynamoDBClient, hosts: Hosts) -> dict[str, Any]:
    return {"client": here, "table_name": table_name, "clock": hosts, "timeout": LIFE}


class Times(NamedTuple):
    accessed: float
    deadline: float
    payload: float


def stored(shared: dict[str, Any]) -> Times:
    (item,) = stored_sessions(shared["client"], shared["table_name"])
    data = BEAKER.loads(SessionBytes(bytes(item["data"]["B"])))
    accessed, deadline = (float(item[name]["N"]) for name in ("accessed", "deadline"))
    return Times(accessed, deadline, (data or {})["_accessed_time"])


@pytest.mark.parametrize(
    ("middleware", "action"), [("ours", values), ("ours", store(b=1)), ("beaker", store(b=1))]
)
def test_a_slow_request_on_a_host_that_is_behind_changes_no_time(
    middleware: str, shared: dict[str, Any], hosts: Hosts, action: Any
) -> None:
    site = Site(middleware, shared)
    cookie = site(store(name="Ada")).cookie
    hosts.true.advance(INTERVAL)
    used: list[Times] = []

    def slow(session: Any) -> None:
        assert "Ada" == session["name"]
        with hosts.on(0):
            site(values, cookie)
        used.append(stored(shared))
        action(session)

    with hosts.on(BEHIND):
        site(slow, cookie)
    assert used == [stored(shared)]
    hosts.true.advance(LIFE)
    assert "name" in site(values, cookie).result


@pytest.mark.parametrize("middleware", ["ours", "beaker"])
def test_a_change_by_a_host_that_is_behind_changes_no_time(
    middleware: str, shared: dict[str, Any], hosts: Hosts
) -> None:
    site = Site(middleware, shared)
    cookie = site(store(name="Ada")).cookie
    before = stored(shared)
    with hosts.on(BEHIND):
        site(store(name="Grace"), cookie)
    assert before == stored(shared)
    assert {"name": "Grace"} == site(values, cookie).result


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
    assert Times(hosts(), hosts() + 10, hosts()) == stored(shared)


# -- time zones, and the years after 2038 ------------------------------------------------------


HOUR = 3600


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

"""Clocks that are set, zones, and the years beyond 2038: what is stored, and who is logged out."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from beaker.cache import Cache
from beaker.session import Session

from beaker_dynamodb import DynamoDBNamespaceManager, DynamoDBSession
from beaker_dynamodb.caches.lock_registry import LockRegistry
from tests.beaker import items
from tests.clock import Clock
from tests.sessions.driven import Visitor, save

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

HOUR = 3600
LIFE = 1800
#: Seconds since the epoch: the end of summer time in New York in 2040, and moments around it;
#: signed 32-bit seconds end in 2038, unsigned ones in 2106.
MOMENTS = {
    "2038": 2.0**31,
    "2106": 2.0**32,
    "summer time ends": 2_235_967_200.0,
    "year 3000": 32_503_680_000.0,
}


@pytest.fixture(params=[Session, DynamoDBSession], ids=["beaker", "ours"])
def session_class(request: pytest.FixtureRequest) -> type[Any]:
    """Beaker's Session, and ours."""
    session_class: type[Any] = request.param
    return session_class


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time for Beaker and for us, in the year 2096, which no sweeper reaches."""
    clock = Clock(4_000_000_000.0)
    moved = SimpleNamespace(time=clock, strftime=time.strftime)
    for module in ("beaker.session", "beaker.container"):
        monkeypatch.setattr(f"{module}.time", moved)
    return clock


@pytest.fixture
def visitor(options: dict[str, Any], clock: Clock, session_class: type[Any]) -> Visitor:
    """A visitor whose session lives for half an hour."""
    return Visitor({**options, "clock": clock, "timeout": LIFE}, session_class)


@pytest.fixture(params=["Asia/Tokyo", "America/New_York"])
def _zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The process's time zone."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_set_back(visitor: Visitor, clock: Clock) -> None:
    """A clock that is set back an hour logs nobody out, and loses no save."""
    visitor.starts(a=1)
    session = visitor.request()
    clock.advance(-HOUR)
    assert {"a": 1} == visitor.finds()
    save(session, b=2)
    visitor.request().save(accessed_only=True)
    clock.advance(LIFE - 1)
    assert {"a": 1, "b": 2} == visitor.finds()


def test_set_back_and_used(visitor: Visitor, clock: Clock) -> None:
    """After it was set back, and forward again, a session that is used stays."""
    visitor.starts(a=1)
    clock.advance(-HOUR)
    visitor.request().save(accessed_only=True)
    clock.advance(LIFE // 2)
    visitor.request().save(accessed_only=True)
    clock.advance(LIFE // 2 + 1)
    assert {"a": 1} == visitor.finds()


def test_set_forward(visitor: Visitor, clock: Clock) -> None:
    """An hour forward ends a session of half an hour; a request in flight does not revive it."""
    visitor.starts(a=1)
    session = visitor.request()
    clock.advance(HOUR)
    save(session, b=2)
    assert {} == visitor.finds()


def test_a_host_that_is_behind(visitor: Visitor, clock: Clock) -> None:
    """Of two hosts, one a minute behind, neither ends what the other has refreshed."""
    visitor.starts(a=1)
    for late in (-60, 60) * 5:
        clock.advance(late + LIFE // 4)
        visitor.request().save(accessed_only=True)
    assert {"a": 1} == visitor.finds()


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
@pytest.mark.usefixtures("_zone")
def test_moments(
    visitor: Visitor, client: DynamoDBClient, table_name: str, clock: Clock, moment: float
) -> None:
    """At any moment and in any zone the table has UTC seconds, and a session its whole life."""
    clock.now = moment - LIFE / 2
    visitor.starts(a=1)
    (item,) = items(client, table_name).values()
    assert str(int(moment + LIFE / 2 + 120)) == item["expires"]["N"]
    assert moment + LIFE / 2 + 120 == float(item["deadline"]["N"])
    clock.advance(LIFE)
    assert {"a": 1} == visitor.finds()
    clock.advance(0.001)
    assert {} == visitor.finds()


@pytest.mark.usefixtures("_zone")
def test_now(options: dict[str, Any], client: DynamoDBClient, table_name: str) -> None:
    """The package's own clock is UTC, whatever the zone."""
    before = time.time()
    DynamoDBNamespaceManager("pages", **options).set_value(b"k", 1, HOUR)
    (item,) = items(client, table_name).values()
    assert before + HOUR - 1 < float(item["deadline"]["N"]) < time.time() + HOUR + 1


def test_grace_and_a_clock_that_is_set(options: dict[str, Any], clock: Clock) -> None:
    """The old value is there for its grace, not longer, in whatever steps the clock gets there."""
    cache = Cache("news", "ext:dynamodb", **options, clock=clock, expire=10, stale_grace=60)
    cache.put("k", "old")
    clock.advance(-HOUR)
    assert "old" == cache.get("k")
    clock.advance(HOUR + 69.999)
    assert b"k" in cache.namespace
    clock.advance(0.001)
    assert b"k" not in cache.namespace


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_locks_see_no_wall_clock(options: dict[str, Any], clock: Clock, jump: float) -> None:
    """A clock that is set ends no lock, and lets nobody else have it."""
    manager = DynamoDBNamespaceManager("news", **options, clock=clock)
    mine = manager.get_creation_lock(b"k")
    storage = manager._cache_storage()
    elsewhere = LockRegistry().lock(storage, storage.keys.lock("news", b"k"))
    assert mine.acquire()
    got: list[bool] = []
    for _ in range(2):
        clock.advance(jump)
        thread = threading.Thread(target=lambda: got.append(elsewhere.acquire(wait=False)))
        thread.start()
        thread.join()
    assert [False, False] == got
    assert not mine.lost
    mine.release()

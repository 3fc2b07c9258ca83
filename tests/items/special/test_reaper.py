"""The reaper deletes expired items with its prefix, and nothing else."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from typing import Any

import pytest

from beaker_dynamodb import ConfigurationError, StoreUnavailable
from beaker_dynamodb.backend import backend_for
from beaker_dynamodb.dynamodb.rate_limiter import RateLimiter
from beaker_dynamodb.items.reaper import Reaped, reap
from beaker_dynamodb.items.store import ItemStore
from tests.clock import Clock
from tests.opening import Opener, payload
from tests.servers.recorder import CallRecorder

pytestmark = pytest.mark.both_servers


@pytest.fixture
def store(options: dict[str, Any]) -> ItemStore:
    return backend_for(options).items


def last(sums: Iterable[Reaped]) -> Reaped:
    *_, all_of_them = sums
    assert all_of_them.state is None
    return all_of_them


def ids(table: Opener) -> list[str]:
    return sorted(item["id"]["S"] for item in table.items())


def put_all(table: Opener, items: list[dict[str, Any]]) -> None:
    """Write items in batches of 25."""
    for first in range(0, len(items), 25):
        requests = [{"PutRequest": {"Item": item}} for item in items[first : first + 25]]
        answer = table.client.batch_write_item(RequestItems={table.table_name: requests})  # type: ignore[dict-item]
        assert {} == answer["UnprocessedItems"]


def expired_and_others(table: Opener, clock: Clock) -> tuple[list[str], list[str]]:
    """Fill the table; return the keys of items that expire after 100 s, and the other keys."""
    table("gone", timeout=100)["session"] = payload(userId=1)
    table("live", timeout=101)["session"] = payload(userId=2)
    table("for ever", timeout=0)["session"] = payload(userId=3)
    table("news", timeout=100)[b"gone"] = 1
    table("news", timeout=101)[b"live"] = 1
    table("news")[b"for ever"] = 1
    # Beaker's own way to write an entry: kept for its grace of 60 seconds.
    table("news").set_value(b"old", (clock.now, 100, 1), 100)
    table("older").set_value(b"k", (clock.now, 40, 1), 40)
    table("gone", prefix="another:", timeout=1)["session"] = payload(userId=4)
    table("news", prefix="cache:more:", timeout=1)[b"gone"] = 1
    expired = [item for item in table.items() if item["id"]["S"].startswith("sess:gone")]
    foreign = {**expired[0], "type": {"S": "theirs"}, "id": {"S": "sess:theirs"}}
    untyped = {name: value for name, value in foreign.items() if name != "type"}
    damaged = {**expired[0], "id": {"S": "sess:grace"}, "grace": {"S": "x"}}
    put_all(table, [foreign, {**untyped, "id": {"S": "sess:untyped"}}, damaged])
    every = ids(table)
    gone = ["cache:news|gone", "cache:older|k", "sess:gone"]
    if table.sorted:
        gone = ["cache:news", "cache:older", "sess:gone"]
    others = list(every)
    for key in gone:
        others.remove(key)
    clock.advance(100)
    return gone, others


def test_only_expired_items_are_removed(table: Opener, store: ItemStore, clock: Clock) -> None:
    lock = table("news").get_creation_lock(b"locked")
    assert lock.acquire(wait=False)
    gone, others = expired_and_others(table, clock)
    before = len(table.items())
    counted = last(reap(store, dry_run=True))
    assert (before, 3, 0) == (counted.scanned, 3, counted.deleted)
    assert before == len(table.items())
    done = last(reap(store))
    assert (before, len(gone), len(gone)) == (done.scanned, done.found, done.deleted)
    assert others == ids(table)
    assert 0 == last(reap(store)).found
    assert not lock.lost
    # Nothing renews it in the tests that follow.
    lock.release()


def test_the_tombstone_of_a_removed_entry_goes_after_a_day(
    table: Opener, store: ItemStore, clock: Clock
) -> None:
    del table("news")[b"k"]
    clock.advance(86_399)
    assert 0 == last(reap(store)).found
    clock.advance(1)
    assert 1 == last(reap(store)).deleted
    assert [] == table.items()


# moto does not answer a comparison with another type.
@pytest.mark.parametrize("engine", ["local"], scope="session")
def test_a_damaged_item_stops_nothing(table: Opener, store: ItemStore, clock: Clock) -> None:
    table("id", timeout=100)["session"] = payload(a=1)
    item = table.item()
    damages: list[dict[str, Any]] = [
        {"deadline": {"S": "x"}},
        {"deadline": {"M": {}}},
        {"grace": {"N": "1e40"}},
        {"grace": {"B": b"x"}},
        {"type": {"S": "beaker-chunk"}, "expires": {"S": "x"}},
    ]
    put_all(table, [{**item, **one, "id": {"S": f"sess:{n}"}} for n, one in enumerate(damages)])
    clock.advance(100)
    assert 1 == last(reap(store)).deleted
    assert [f"sess:{n}" for n in range(len(damages))] == ids(table)


# moto counts the bytes of an item in another way.
@pytest.mark.parametrize("engine", ["local"], scope="session")
def test_chunks_are_deleted_when_no_request_can_read_them(
    table: Opener, store: ItemStore, clock: Clock
) -> None:
    table("large", timeout=100, compression="off")["session"] = payload(text="x" * 500_000)
    table("large", timeout=1e6, compression="off")[b"k"] = "x" * 500_000
    before = len(table.items())
    assert 6 == before
    clock.advance(100)
    assert 1 == last(reap(store)).deleted
    clock.advance(3_600)
    assert 2 == last(reap(store)).deleted
    assert "x" * 500_000 == table("large", timeout=1e6)[b"k"]
    assert 3 == len(table.items())


def test_items_written_meanwhile_are_kept(table: Opener, store: ItemStore, clock: Clock) -> None:
    table("id", timeout=100)["session"] = payload(a=1)
    clock.advance(100)

    def save(params: Any, **_: object) -> None:
        events.unregister("before-parameter-build.dynamodb.DeleteItem", save)
        table("id", timeout=100)["session"] = payload(a=2)

    events = store.client().meta.events
    events.register("before-parameter-build.dynamodb.DeleteItem", save)
    done = last(reap(store))
    assert (1, 0) == (done.found, done.deleted)
    assert payload(a=2) == table("id")["session"]


@pytest.mark.full
def test_a_run_that_was_left_continues(table: Opener, store: ItemStore, clock: Clock) -> None:
    for n in range(12):
        table(f"{n}", timeout=100)["session"] = payload(text="x" * 300_000)
        table(f"{n}", timeout=100)["session"] = payload(n=n)
        table(f"large{n}", timeout=0, compression="off")["session"] = payload(t="x" * 300_000)
    clock.advance(100)
    state, runs, deleted = None, 0, 0
    while True:
        run = reap(store, segments=2, state=state)
        sums = next(run)
        run.close()  # type: ignore[attr-defined]
        runs, deleted = runs + 1, deleted + sums.deleted
        if sums.state is None:
            break
        state = json.loads(json.dumps(sums.state))
    assert 12 == deleted
    assert runs > 2
    assert 12 == len(table.items())


def test_the_state_of_another_command_is_refused() -> None:
    states: list[Any] = [{}, {"segments": 1}, {"segments": "x", "last_keys": {}}, []]
    states += [{"segments": 1, "last_keys": {"1": None}}, {"segments": 1, "last_keys": []}]
    for state in states:
        with pytest.raises(ConfigurationError, match="not the state of a reaper"):
            next(reap(backend_for({"table_name": "none"}).items, state=state))


# moto reports other units.
@pytest.mark.parametrize("engine", ["local"], scope="session")
def test_reads_and_deletes_keep_to_the_rate(table: Opener, store: ItemStore, clock: Clock) -> None:
    time, lock, paused = Clock(0.0), threading.Lock(), []

    def pause(stopped: threading.Event, seconds: float) -> None:
        with lock:
            paused.append(seconds)
            time.now = max(time.now, spent_until(seconds))

    def spent_until(seconds: float) -> float:
        return time.now + seconds

    for n in range(20):
        table(f"{n}", timeout=100)["session"] = payload(userId=n)
    clock.advance(100)
    limiter = RateLimiter(10, clock=time, wait=pause)
    with CallRecorder(store.client()) as calls:
        done = last(reap(store, segments=1, threads=1, limiter=limiter))
    assert 20 == done.deleted
    assert calls.capacity_units == pytest.approx(done.capacity_units)
    assert done.capacity_units >= 20
    assert done.capacity_units / 10 == pytest.approx(sum(paused))
    assert done.capacity_units / 10 == pytest.approx(time.now)


def test_a_fault_ends_the_run_and_leaves_no_thread(
    options: dict[str, Any], table: Opener, clock: Clock
) -> None:
    for n in range(30):
        table(f"{n}", timeout=100)["session"] = payload(n=n)
    clock.advance(100)
    store = backend_for({**options, "max_attempts": 1}).items

    def fail(**_: object) -> None:
        from botocore.exceptions import EndpointConnectionError

        raise EndpointConnectionError(endpoint_url="none")

    events = store.client().meta.events
    events.register("before-send.dynamodb.DeleteItem", fail)
    try:
        with pytest.raises(StoreUnavailable):
            last(reap(store))
    finally:
        events.unregister("before-send.dynamodb.DeleteItem", fail)
    assert [] == [t for t in threading.enumerate() if t.name.startswith("beaker-dynamodb-")]
    assert 30 == last(reap(backend_for(options).items)).deleted


def test_an_empty_prefix_reaps_its_own(
    options: dict[str, Any], table: Opener, clock: Clock
) -> None:
    table("id", prefix="", timeout=100)["session"] = payload(a=1)
    table("news", prefix="", timeout=100)[b"k"] = 1
    table("id", timeout=100)["session"] = payload(a=1)
    clock.advance(100)
    assert 2 == last(reap(backend_for({**options, "prefix": ""}).items)).deleted
    assert ["sess:id"] == ids(table)

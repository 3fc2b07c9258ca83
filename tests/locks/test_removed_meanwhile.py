"""A value that is removed or replaced while it is being made does not come back."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from threading import Event, Lock
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from beaker.cache import Cache

from tests.clock import Clock
from tests.servers.recorder import CallRecorder

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

EXPIRE, GRACE = 10, 60


pytestmark = [pytest.mark.both_shapes, pytest.mark.both_servers]


@pytest.fixture
def options(options: dict[str, object], shape: str) -> dict[str, object]:
    """Options for a table of the shape."""
    return {**options, "sort_key": "part"} if shape == "sorted" else options


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time for Beaker and for us; it begins now, because DynamoDB Local sweeps what is old."""
    clock = Clock(float(int(time.time())))
    monkeypatch.setattr("beaker.container.time", SimpleNamespace(time=clock))
    return clock


@pytest.fixture
def cache(options: dict[str, Any], clock: Clock) -> Cache:
    """A cache on a table that is there."""
    cache = Cache("news", "ext:dynamodb", expire=EXPIRE, clock=clock, compression="off", **options)
    assert "k" not in cache
    return cache


@pytest.fixture
def other(options: dict[str, Any], clock: Clock) -> Cache:
    """The same cache, with nothing in common but the table."""
    more = {"clock": clock, "lock_timeout": 58, "max_attempts": 2}
    return Cache("news", "ext:dynamodb", expire=EXPIRE, **more, **options)


@contextmanager
def being_made(cache: Cache, value: object = "made") -> Iterator[None]:
    """Let a thread make a value; at the end it is finished, and the thread has got it."""
    begun, go_on = Event(), Event()

    def create() -> object:
        begun.set()
        go_on.wait()
        return value

    with ThreadPoolExecutor(1) as threads:
        got = threads.submit(lambda: cache.get("k", createfunc=create))
        try:
            begun.wait()
            yield
        finally:
            go_on.set()
        assert value == got.result()


def look(cache: Cache) -> object:
    """Return the value that is stored, or None."""
    try:
        return cache.get("k")
    except KeyError:
        return None


def kinds(client: DynamoDBClient, options: dict[str, Any]) -> Counter[str]:
    """Return how many items of each type the table has."""
    found = client.scan(TableName=options["table_name"], ConsistentRead=True)["Items"]
    return Counter(item["type"]["S"] for item in found)


def is_absent(cache: Cache, clock: Clock, client: DynamoDBClient) -> None:
    """The key was never written."""


def was_removed(cache: Cache, clock: Clock, client: DynamoDBClient) -> None:
    cache.put("k", "old")
    cache.remove_value("k")


def is_stale(cache: Cache, clock: Clock, client: DynamoDBClient) -> None:
    cache.put("k", "old")
    clock.advance(EXPIRE)


def has_expired(cache: Cache, clock: Clock, client: DynamoDBClient) -> None:
    cache.put("k", "old")
    clock.advance(EXPIRE + GRACE)


def is_of_an_older_version(cache: Cache, clock: Clock, client: DynamoDBClient) -> None:
    """An entry without a token."""
    cache.put("k", "old")
    table = cache.namespace.backend.options.table_name
    (item,) = client.scan(TableName=table)["Items"]
    client.put_item(
        TableName=table, Item={name: value for name, value in item.items() if name != "writer"}
    )
    clock.advance(EXPIRE)


BEFORE = pytest.mark.parametrize(
    "before", [is_absent, was_removed, is_stale, has_expired, is_of_an_older_version]
)
#: What another caller does while the value is being made, and what is stored in the end.
MEANWHILE: dict[str, tuple[Callable[[Cache], object], object]] = {
    "nothing": (bool, "made"),
    "remove_value": (lambda cache: cache.remove_value("k"), None),
    "remove_value twice": (lambda cache: [cache.remove_value("k") for _ in range(2)], None),
    "del": (lambda cache: cache.namespace.__delitem__(b"k"), None),
    "clear": (lambda cache: cache.clear(), None),
    "put": (lambda cache: cache.put("k", "theirs"), "theirs"),
    "put and remove": (lambda cache: [cache.put("k", 1), cache.remove_value("k")], None),
    "put and clear": (lambda cache: [cache.put("k", 1), cache.clear()], None),
    "remove and put": (lambda cache: [cache.remove_value("k"), cache.put("k", 1)], 1),
    "clear and put": (lambda cache: [cache.clear(), cache.put("k", 1)], 1),
}


@BEFORE
@pytest.mark.parametrize("meanwhile", MEANWHILE)
@pytest.mark.parametrize("by", ["the same cache", "another one"])
def test_what_happens_while_a_value_is_made_wins(
    cache: Cache,
    other: Cache,
    clock: Clock,
    client: DynamoDBClient,
    options: dict[str, Any],
    before: Callable[[Cache, Clock, DynamoDBClient], None],
    meanwhile: str,
    by: str,
) -> None:
    meddle, stored = MEANWHILE[meanwhile]
    before(cache, clock, client)
    with being_made(cache):
        meddle(cache if by == "the same cache" else other)
    assert stored == look(other)
    assert 0 == kinds(client, options)["beaker-lock"]
    assert (stored or "made later") == other.get("k", createfunc=lambda: "made later")


def test_a_removal_is_not_seen(cache: Cache, other: Cache) -> None:
    cache.put("k", 1)
    cache.remove_value("k")
    cache.remove_value("never there")
    for reader in (cache, other):
        assert "k" not in reader
        assert b"k" not in reader.namespace
        assert [] == reader.namespace.keys()
    cache.clear()
    cache.put("k", 2)
    assert 2 == other.get("k")


def test_clear_leaves_what_begins_to_be_made_after_it(cache: Cache, clock: Clock) -> None:
    with being_made(cache):
        pass
    cache.clear()
    assert look(cache) is None
    clock.advance(1)
    with being_made(cache, "fresh"):
        pass
    assert "fresh" == look(cache)


def test_clear_takes_what_began_to_be_made_before_it(
    cache: Cache, other: Cache, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if it is stored, and its lock given back, when the clear has already begun."""
    items = other.namespace.backend.items
    real, turn = items.call, Lock()

    def call(method: str, **params: Any) -> Any:
        with turn:  # a Scan calls in several threads
            if method in ("query", "scan"):
                maker.close()
        return real(method, **params)

    with ExitStack() as maker:
        maker.enter_context(being_made(cache))
        clock.advance(1)
        monkeypatch.setattr(items, "call", call)
        other.clear()
    monkeypatch.undo()
    assert b"k" not in other.namespace


def test_other_namespaces_are_not_refused(cache: Cache, options: dict[str, Any]) -> None:
    neighbours = [Cache(name, "ext:dynamodb", **options) for name in ("new", "news2", "news|k")]
    with being_made(cache):
        for neighbour in neighbours:
            neighbour.clear()
            neighbour.remove_value("k")
    assert "made" == look(cache)


def test_the_makers_own_writes_and_removals_do_not_refuse_its_value(cache: Cache) -> None:
    for meddle in (lambda: cache.put("k", 1), lambda: cache.remove_value("k")):

        def create(meddle: Callable[[], object] = meddle) -> str:
            meddle()
            return "made"

        cache.remove_value("k")
        assert "made" == cache.get("k", createfunc=create)
        assert "made" == look(cache)


def test_each_making_under_one_lock_begins_anew(cache: Cache, other: Cache) -> None:
    """A program that holds the lock itself makes the value twice; it is removed in between."""
    lock = cache.namespace.get_creation_lock(b"k")
    lock.acquire()
    assert "first" == cache.get("k", createfunc=lambda: "first")
    other.remove_value("k")
    assert "second" == cache.get("k", createfunc=lambda: "second")
    lock.release()
    assert "second" == look(other)


@pytest.mark.parametrize("meanwhile", ["nothing", "remove_value", "put"])
@pytest.mark.parametrize("before", [is_absent, is_stale])
def test_large_values_leave_no_chunks_behind(
    cache: Cache,
    other: Cache,
    clock: Clock,
    client: DynamoDBClient,
    options: dict[str, Any],
    before: Callable[[Cache, Clock, DynamoDBClient], None],
    meanwhile: str,
) -> None:
    if before is is_stale:
        cache.put("k", "o" * 500_000)
        clock.advance(EXPIRE)
    made = "m" * 900_000
    with being_made(cache, made):
        MEANWHILE[meanwhile][0](other)
    assert MEANWHILE[meanwhile][1] in (look(other), "made")
    assert (3 if meanwhile == "nothing" else 0) == kinds(client, options)["beaker-chunk"]
    assert meanwhile != "nothing" or made == look(other)


def test_a_write_that_arrived_before_its_answer_was_lost_is_stored(
    cache: Cache, client: DynamoDBClient, options: dict[str, Any]
) -> None:
    """The client sends it again, and then it meets itself."""
    ours = cache.namespace.client
    sent: list[str] = []

    def send_before(params: dict[str, Any], **_: object) -> None:
        if params["Item"]["type"] == {"S": "beaker-cache"} and not sent:
            sent.append("once")
            ours.put_item(**params)

    event = "before-parameter-build.dynamodb.PutItem"
    ours.meta.events.register(event, send_before)
    try:
        with CallRecorder(ours) as calls, being_made(cache, "m" * 500_000):
            pass
    finally:
        ours.meta.events.unregister(event, send_before)
    assert ["once"] == sent
    assert "ConditionalCheckFailedException" in {call.error_code for call in calls}
    assert "m" * 500_000 == look(cache)
    assert 2 == kinds(client, options)["beaker-chunk"]


def test_a_tombstone_holds_nothing_of_what_was_removed(
    cache: Cache, clock: Clock, client: DynamoDBClient, options: dict[str, Any]
) -> None:
    cache.put("k", "secret")
    cache.remove_value("k")
    (item,) = client.scan(TableName=options["table_name"])["Items"]
    key = {"id", "part"} if "sort_key" in options else {"id"}
    assert key | {"type", "writer", "deadline", "expires"} == item.keys()
    assert {"S": "beaker-tombstone"} == item["type"]
    assert {"N": str(int(clock.now) + 86_400)} == item["expires"]

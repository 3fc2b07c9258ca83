"""A value that is removed or replaced while it is being computed does not come back."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from threading import Event, Lock
from typing import Any

import pytest
from beaker.cache import Cache

from beaker_dynamodb.caches.computation import Computation
from tests.caches.conftest import Options
from tests.clock import Clock
from tests.servers.lesser import sent_twice
from tests.servers.recorder import CallRecorder
from tests.stubbed import Script

EXPIRE, GRACE = 10, 60


@pytest.fixture
def options(options: Options, shape: str) -> Options:
    return {**options, "sort_key": "part"} if shape == "sorted" else options


@pytest.fixture
def cache(options: Options, clock: Clock) -> Cache:
    cache = Cache("news", "ext:dynamodb", expire=EXPIRE, clock=clock, compression="off", **options)
    assert "k" not in cache
    return cache


@pytest.fixture
def other(options: Options, clock: Clock) -> Cache:
    extra = {"clock": clock, "lock_timeout": 58}
    return Cache("news", "ext:dynamodb", expire=EXPIRE, **extra, **options)


@contextmanager
def computing(cache: Cache, value: object = "computed") -> Iterator[None]:
    """Compute a value in a thread until the context ends."""
    started, finish = Event(), Event()

    def create() -> object:
        started.set()
        finish.wait()
        return value

    with ThreadPoolExecutor(1) as threads:
        result = threads.submit(lambda: cache.get("k", createfunc=create))
        # An error must not leave the test waiting.
        result.add_done_callback(lambda _: started.set())
        try:
            started.wait()
            yield
        finally:
            finish.set()
        assert result.result() == value


def stored(cache: Cache) -> object:
    try:
        return cache.get("k")
    except KeyError:
        return None


def items(cache: Cache) -> list[Any]:
    table = cache.namespace.backend.options.table_name
    found: list[Any] = cache.namespace.client.scan(TableName=table, ConsistentRead=True)["Items"]
    return found


def count(cache: Cache, kind: str) -> int:
    return Counter(item["type"]["S"] for item in items(cache))[kind]


def is_absent(cache: Cache, clock: Clock) -> None:
    """The key was never written."""


def was_removed(cache: Cache, clock: Clock) -> None:
    cache.put("k", "old")
    cache.remove_value("k")


def is_stale(cache: Cache, clock: Clock) -> None:
    cache.put("k", "old")
    clock.advance(EXPIRE)


def has_expired(cache: Cache, clock: Clock) -> None:
    cache.put("k", "old")
    clock.advance(EXPIRE + GRACE)


def has_no_token(cache: Cache, clock: Clock) -> None:
    """The entry was written by an older version of the package."""
    cache.put("k", "old")
    (item,) = items(cache)
    del item["writer"]
    cache.namespace.client.put_item(TableName=cache.namespace.backend.options.table_name, Item=item)
    clock.advance(EXPIRE)


#: What another caller does while the value is computed, and the value that is stored at the end.
MEANWHILE: dict[str, tuple[Callable[[Cache], object], object]] = {
    "nothing": (bool, "computed"),
    "remove_value": (lambda cache: cache.remove_value("k"), None),
    "remove_value twice": (lambda cache: [cache.remove_value("k") for _ in range(2)], None),
    "del": (lambda cache: cache.namespace.__delitem__(b"k"), None),
    "clear": (lambda cache: cache.clear(), None),
    "put": (lambda cache: cache.put("k", "other"), "other"),
    "put and remove": (lambda cache: [cache.put("k", 1), cache.remove_value("k")], None),
    "put and clear": (lambda cache: [cache.put("k", 1), cache.clear()], None),
    "remove and put": (lambda cache: [cache.remove_value("k"), cache.put("k", 1)], 1),
    "clear and put": (lambda cache: [cache.clear(), cache.put("k", 1)], 1),
}
BEFORE = [is_absent, was_removed, is_stale, has_expired, has_no_token]
#: Every action on an absent entry, and a selection of actions on all others.
CASES = [
    *((is_absent, name) for name in MEANWHILE),
    *((before, name) for before in BEFORE[1:] for name in ("nothing", "remove_value", "put")),
]


@pytest.mark.both_shapes
@pytest.mark.both_servers
@pytest.mark.parametrize(("before", "meanwhile"), CASES)
def test_what_happens_during_the_computation_wins(
    cache: Cache,
    other: Cache,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    before: Callable[[Cache, Clock], None],
    meanwhile: str,
) -> None:
    act, expected = MEANWHILE[meanwhile]
    before(cache, clock)
    with caplog.at_level(logging.INFO, logger="beaker_dynamodb"), computing(cache):
        act(other)
    assert ("a cache value was not stored" in caplog.text) is (expected != "computed")
    assert stored(other) == expected
    assert count(cache, "beaker-lock") == 0
    assert other.get("k", createfunc=lambda: "later") == (expected or "later")


def test_another_thread_of_the_same_cache_wins_too(cache: Cache) -> None:
    for meanwhile in ("remove_value", "clear", "put"):
        act, expected = MEANWHILE[meanwhile]
        with computing(cache):
            act(cache)
        assert stored(cache) == expected
        cache.remove_value("k")


@pytest.mark.both_shapes
def test_clear_keeps_values_whose_computation_starts_later(cache: Cache, clock: Clock) -> None:
    with computing(cache):
        pass
    cache.clear()
    assert stored(cache) is None
    clock.advance(1)
    with computing(cache, "fresh"):
        pass
    assert stored(cache) == "fresh"


@pytest.mark.both_shapes
def test_clear_deletes_a_value_that_is_stored_while_it_runs(
    cache: Cache, other: Cache, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend_items = other.namespace.backend.items
    real, turn = backend_items.call, Lock()

    def call(method: str, **params: Any) -> Any:
        with turn:  # the segments of a Scan are read in parallel
            if method in ("query", "scan"):
                computation.close()
        return real(method, **params)

    with ExitStack() as computation:
        computation.enter_context(computing(cache))
        clock.advance(1)
        monkeypatch.setattr(backend_items, "call", call)
        other.clear()
    monkeypatch.undo()
    assert b"k" not in other.namespace


def test_a_computation_may_write_and_remove_its_own_key(cache: Cache) -> None:
    for act in (lambda: cache.put("k", 1), lambda: cache.remove_value("k")):

        def create(act: Callable[[], object] = act) -> str:
            act()
            return "computed"

        cache.remove_value("k")
        assert cache.get("k", createfunc=create) == "computed"
        assert stored(cache) == "computed"


def test_each_computation_under_one_lock_starts_again(cache: Cache, other: Cache) -> None:
    lock = cache.namespace.get_creation_lock(b"k")
    lock.acquire()
    assert cache.get("k", createfunc=lambda: "first") == "first"
    other.remove_value("k")
    cache.put("k", "refused")
    assert stored(other) is None
    assert cache.get("k", createfunc=lambda: "second") == "second"
    lock.release()
    assert stored(other) == "second"


def test_a_write_without_a_computation_is_unconditional(cache: Cache, other: Cache) -> None:
    with_lock = cache.namespace.get_creation_lock(b"k")
    with_lock.acquire()
    other.put("k", "other")
    cache.put("k", "mine")
    with_lock.release()
    assert stored(other) == "mine"


@pytest.mark.parametrize("meanwhile", ["nothing", "remove_value"])
@pytest.mark.parametrize("before", [is_absent, is_stale])
def test_large_values_leave_no_chunks_behind(
    cache: Cache, other: Cache, clock: Clock, before: Callable[[Cache, Clock], None], meanwhile: str
) -> None:
    if before is is_stale:
        cache.put("k", "o" * 500_000)
        clock.advance(EXPIRE)
    value = "m" * 900_000
    with computing(cache, value):
        MEANWHILE[meanwhile][0](other)
    assert stored(other) == (value if meanwhile == "nothing" else None)
    assert count(cache, "beaker-chunk") == (3 if meanwhile == "nothing" else 0)


def test_a_value_is_as_old_as_its_computation(cache: Cache, clock: Clock) -> None:
    started = clock.now
    with computing(cache):
        clock.advance(1)
    (item,) = items(cache)
    assert float(item["created"]["N"]) == started


def test_an_unknown_item_and_one_without_a_token_are_compared_by_what_is_known() -> None:
    backend_items = Script().manager().backend.items
    computation = Computation()
    assert computation.condition(backend_items) == backend_items.if_new()
    computation.remember({"created": {"N": "5"}})
    condition = computation.condition(backend_items)["ConditionExpression"]
    assert condition == "attribute_not_exists(#writer) AND #created = :created"
    computation.start(7)  # its read gets no answer
    assert computation.condition(backend_items) == backend_items.if_new()


def test_a_write_that_is_sent_twice_is_stored(
    cache: Cache, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="beaker_dynamodb")
    client = cache.namespace.client
    with CallRecorder(client) as calls, computing(cache, "m" * 500_000):
        sent_twice(client)
    assert "a cache value was not stored" not in caplog.text
    assert "ConditionalCheckFailedException" in {call.error_code for call in calls}
    assert stored(cache) == "m" * 500_000
    assert count(cache, "beaker-chunk") == 2

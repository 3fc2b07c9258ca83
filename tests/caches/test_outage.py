"""``on_error = miss``: caches work without DynamoDB, sessions do not."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from beaker.cache import Cache
from botocore.exceptions import ReadTimeoutError

from beaker_dynamodb import (
    AccessDenied,
    DynamoDBNamespaceManager,
    LockTimeout,
    StoreUnavailable,
    backend,
)
from beaker_dynamodb.caches.fallback_lock import FallbackLock
from beaker_dynamodb.caches.outage import Outage
from tests.caches.conftest import MakeLock, Time
from tests.dynamodb.breakers import open_breaker, without_probes
from tests.servers.recorder import CallRecorder
from tests.stubbed import Script

if TYPE_CHECKING:
    from beaker_dynamodb.caches.lock_registry import LockRegistry

#: No server listens on this port.
DEAD = {
    "endpoint_url": "http://127.0.0.1:1",
    "region_name": "eu-west-1",
    "aws_access_key_id": "testkey",
    "aws_secret_access_key": "testsecret",
}
#: Kinds of calls that get no response: "reads", "writes" of entries, "locks".
Broken = set[str]


@pytest.fixture(autouse=True)
def _forget_earlier_outages(monkeypatch: pytest.MonkeyPatch) -> None:
    backend._backend_of.cache_clear()


def make_cache(options: dict[str, Any], time: Time | None = None, **more: Any) -> Cache:
    """Make a cache that sends each call once and tolerates errors."""
    settings = {"on_error": "miss", "max_attempts": 1, **options, **more}
    cache = Cache("news", "ext:dynamodb", **settings)
    if time is not None:
        storage = cache.namespace._cache_storage()
        storage.outage = Outage(storage.options, time)
    return cache


@pytest.fixture
def broken(options: dict[str, Any]) -> Iterator[Broken]:
    broken: Broken = set()

    def handler(request: Any, event_name: str, **_: object) -> None:
        kind = "reads" if event_name.endswith("GetItem") else "writes"
        if b"|lock|" in request.body:
            kind = "locks"
        if kind in broken:
            raise ReadTimeoutError(endpoint_url="the server")

    cache = make_cache(options)
    assert "key" not in cache  # creates the table
    events = cache.namespace.client.meta.events
    events.register("before-send.dynamodb", handler)
    yield broken
    events.unregister("before-send.dynamodb", handler)


@pytest.mark.parametrize(("kind", "tolerated"), [("reads", 2), ("writes", 1), ("locks", 1)])
def test_a_value_is_computed_once_if_some_calls_get_no_answer(
    options: dict[str, Any], broken: Broken, kind: str, tolerated: int
) -> None:
    cache = make_cache(options)
    broken.add(kind)
    numbers = iter(range(9))
    assert cache.get("key", createfunc=lambda: next(numbers)) == 0
    assert next(numbers) == 1
    assert cache.namespace.errors_tolerated == tolerated


def test_no_call_is_sent_while_the_circuit_breaker_is_open(
    options: dict[str, Any], time: Time
) -> None:
    cache = make_cache(options)
    cache.put("key", "old")
    breaker = without_probes(cache.namespace.backend.options, time)
    open_breaker(breaker)
    with CallRecorder(cache.namespace.client) as calls:
        assert "key" not in cache
        assert cache.get("key", createfunc=lambda: "computed") == "computed"
        cache.put("key", "new")
        cache.remove_value("key")
    assert calls.operations == []
    breaker.answered()
    assert cache.get("key") == "old"


@pytest.mark.parametrize("on_error", ["miss", "raise"])
@pytest.mark.parametrize("verb", ["write", "read", "delete"])
def test_a_release_is_not_sent_after_an_unanswered_call(
    options: dict[str, Any], broken: Broken, on_error: str, verb: str
) -> None:
    cache = make_cache(options, on_error=on_error)
    assert "key" not in cache
    lock = cache.namespace.get_creation_lock(b"key")
    lock.acquire()
    broken |= {"reads", "writes", "locks"}
    client = cache.namespace.client
    client.meta.events.register("before-send.dynamodb", fail := _time_out)
    with suppress(StoreUnavailable, KeyError):
        if verb == "write":
            cache.put("key", 1)
        elif verb == "read":
            cache.get("key")
        else:
            del cache.namespace[b"key"]
    client.meta.events.unregister("before-send.dynamodb", fail)
    with CallRecorder(client) as calls:
        lock.release()
        assert calls.operations == []
    assert not lock.held


def _time_out(**_: object) -> None:
    raise ReadTimeoutError(endpoint_url="the server")


def test_a_release_is_sent_after_a_throttled_call() -> None:
    script = Script().answer("put_item", None, {}).refuse("put_item", "ThrottlingException")
    script.answer("delete_item", None, {})
    with script:
        namespace = script.manager()
        lock = namespace.get_creation_lock(b"key")
        assert lock.acquire()
        with pytest.raises(StoreUnavailable):
            namespace[b"key"] = 1
        lock.release()


def test_put_and_delete_are_sent_during_an_outage(options: dict[str, Any], broken: Broken) -> None:
    cache = make_cache(options)
    cache.put("old", 1)
    broken.add("reads")
    assert "key" not in cache
    cache.put("key", 2)
    del cache.namespace[b"old"]
    broken.clear()
    other = make_cache(options, on_error="raise")
    assert other.get("key") == 2
    assert "old" not in other


def test_reads_miss_and_writes_are_skipped_without_a_server() -> None:
    cache = make_cache(DEAD)
    cache.put("key", "value")
    assert "key" not in cache
    with pytest.raises(KeyError):
        cache.get("key")
    cache.remove_value("key")
    del cache.namespace[b"key"]
    assert cache.namespace.errors_tolerated == 5


@pytest.mark.parametrize("verb", [Cache.clear, lambda cache: cache.namespace.keys()])
def test_listing_and_clearing_raise(verb: Callable[[Cache], object]) -> None:
    with pytest.raises(StoreUnavailable):
        verb(make_cache(DEAD))


def test_by_default_errors_are_raised_and_no_value_is_computed() -> None:
    cache = make_cache(DEAD, on_error="raise")
    computed: list[object] = []
    verbs: list[Callable[[], object]] = [
        lambda: cache.get("key", createfunc=lambda: computed.append(1)),
        lambda: cache.put("key", 1),
        lambda: cache.namespace.get_creation_lock(b"key").acquire(),
    ]
    for verb in verbs:
        with pytest.raises(StoreUnavailable):
            verb()
    assert computed == []
    assert cache.namespace.errors_tolerated == 0


def test_throttling_is_tolerated_but_a_missing_permission_is_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    script = Script().refuse("get_item", "ThrottlingException")
    script.refuse("get_item", "AccessDeniedException").refuse("put_item", "AccessDeniedException")
    with script:
        namespace = script.manager(on_error="miss")
        assert b"key" not in namespace
        with pytest.raises(AccessDenied):
            namespace[b"key"]
        with pytest.raises(AccessDenied):
            namespace.get_creation_lock(b"key").acquire()
    assert "GetItem, ThrottlingException; " in caplog.text
    assert namespace.errors_tolerated == 1


def test_an_error_of_the_createfunc_is_raised_and_the_lock_released(
    options: dict[str, Any], broken: Broken
) -> None:
    cache = make_cache(options)
    broken.add("locks")

    def fail() -> None:
        raise StoreUnavailable("another store")

    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="another store"):
            cache.get("key", createfunc=fail)


@pytest.mark.parametrize(
    "verb",
    [
        lambda session: session["session"],
        lambda session: "session" in session,
        lambda session: session.set_value("session", "gANdLg=="),
        lambda session: (session.session, session.remove()),
    ],
    ids=["read", "contains", "write", "delete"],
)
def test_sessions_raise(verb: Callable[[Any], object]) -> None:
    with pytest.raises(StoreUnavailable):
        verb(DynamoDBNamespaceManager("id", on_error="miss", max_attempts=1, **DEAD))


def test_threads_compute_one_by_one_without_a_server() -> None:
    cache = make_cache(DEAD)
    together = threading.Barrier(8)
    computing = threading.Lock()

    def get(number: int) -> object:
        def create() -> int:
            assert computing.acquire(blocking=False)
            computing.release()
            return number

        together.wait()
        return cache.get("key", createfunc=create)

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(get, range(8))) == list(range(8))


def test_a_thread_that_has_waited_lock_timeout_goes_on_without_the_lock() -> None:
    lock = make_cache(DEAD, lock_timeout=0.05).namespace.get_creation_lock(b"key")
    lock.acquire()
    answers: list[bool] = []

    def late() -> None:
        answers.append(lock.acquire())
        lock.release()
        answers.append(lock.acquire(wait=False))

    thread = threading.Thread(target=late)
    thread.start()
    thread.join()
    assert answers == [True, False]  # its release did not free the other thread's lock
    lock.release()


def test_a_thread_that_waits_for_a_throttled_one_goes_on_without_the_lock() -> None:
    with Script().refuse("put_item", "ThrottlingException") as script:
        manager = script.manager(on_error="miss", lock_timeout=0.05)
        lock = manager.get_creation_lock(b"key")
        lock.acquire()
        answers: list[bool] = []
        thread = threading.Thread(target=lambda: answers.append(lock.acquire()))
        thread.start()
        thread.join()
        lock.release()
    assert answers == [True]


def test_a_thread_goes_on_without_the_lock_if_the_circuit_breaker_opened_while_it_waited(
    options: dict[str, Any], registry: LockRegistry, time: Time
) -> None:
    cache = make_cache(options, lock_timeout=0.05)
    breaker = without_probes(cache.namespace.backend.options, time)
    lock = cache.namespace.get_creation_lock(b"key")
    asked, answered = threading.Event(), threading.Event()

    def hang(until: float) -> Any:
        open_breaker(breaker)
        asked.set()
        answered.wait()

    lock._acquirer.wait = hang

    def ask() -> None:
        with suppress(LockTimeout):
            lock.acquire()

    asking = threading.Thread(target=ask)
    asking.start()
    asked.wait()
    assert lock.acquire()
    lock.release()
    answered.set()
    asking.join()


def test_the_lock_is_shared_with_other_processes_once_the_circuit_breaker_closes(
    options: dict[str, Any], registry: LockRegistry, make_lock: MakeLock, time: Time
) -> None:
    cache = make_cache(options)
    breaker = without_probes(cache.namespace.backend.options, time)
    lock = cache.namespace.get_creation_lock(b"key")
    assert isinstance(lock, FallbackLock)
    open_breaker(breaker)
    assert lock.acquire(wait=False)
    lock.release()
    breaker.answered()
    assert lock.acquire(wait=False)
    assert not make_lock().acquire(wait=False)
    lock.release()
    lock.acquire_read_lock()
    assert not make_lock().acquire(wait=False)


def test_a_lock_that_another_process_holds_is_not_taken_after_an_outage_elsewhere(
    options: dict[str, Any], make_lock: MakeLock, registry: LockRegistry, time: Time
) -> None:
    cache = make_cache(options, time)
    outage = cache.namespace._cache_storage().outage
    backend = cache.namespace.backend
    breaker = without_probes(backend.options, time)
    lock = FallbackLock(
        backend.items,
        backend.keys.lock("news", b"key"),
        registry.heartbeat,
        registry.clock,
        outage=outage,
    )
    holder = make_lock()
    holder.acquire()

    def meanwhile() -> None:
        if time.now < 1:  # calls of another table get no answer, then this one's are answered
            open_breaker(breaker)
            breaker.answered()
        registry.heartbeat.renew_due()

    time.during = meanwhile
    with pytest.raises(LockTimeout):
        lock.acquire()
    assert time.now >= backend.options.lock_timeout
    assert not holder.lost


@pytest.mark.parametrize(("began", "goes_on"), [(9.0, True), (11.0, False)])
def test_a_thread_goes_on_without_its_turn_if_an_outage_ended_while_it_waited(
    options: dict[str, Any], registry: LockRegistry, time: Time, began: float, goes_on: bool
) -> None:
    cache = make_cache(options, time)
    breaker = without_probes(cache.namespace.backend.options, time)
    lock = cache.namespace.get_creation_lock(b"key")
    open_breaker(breaker)
    time.advance(10)
    breaker.answered()
    time.advance(10)
    assert lock._may_go_on_without_turn(began) is goes_on


def test_during_an_outage_a_kept_lease_is_used_and_a_lost_one_forgotten(
    options: dict[str, Any], registry: LockRegistry, time: Time
) -> None:
    cache = make_cache(options, time)
    breaker = without_probes(cache.namespace.backend.options, time)
    lock = cache.namespace.get_creation_lock(b"key")
    lock.acquire()
    with CallRecorder(cache.namespace.client) as calls:
        for seconds, kept in ((0, True), (30, False)):
            lock._waiting = 1  # a thread to which the lease is passed
            lock.release()
            lock._waiting = 0
            time.advance(seconds)
            open_breaker(breaker)
            assert lock.acquire(wait=False)
            assert (lock._lease is not None) is kept
    lock.release()
    assert calls.operations == []


def test_errors_are_logged_once_a_minute(time: Time, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="beaker_dynamodb")
    cache = make_cache(DEAD, time, table_name="myapp")
    for seconds in (0.0, 1.0, 58.9, 5.1, 59.9):
        time.advance(seconds)
        assert "secret-key" not in cache
    text = "table 'myapp': a cache continues without DynamoDB (option on_error): GetItem, "
    text += "no answer; errors since the last such warning: "
    assert caplog.messages == [text + "1", text + "3"]
    assert cache.namespace.errors_tolerated == 5

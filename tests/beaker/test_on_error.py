"""`on_error = miss`: a cache does without DynamoDB when that does not answer; sessions do not."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

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
from beaker_dynamodb.caches import creation_lock as lock
from beaker_dynamodb.caches import outage
from beaker_dynamodb.sessions.record import SessionRecord
from tests.clock import Clock
from tests.servers.recorder import CallRecorder
from tests.stubbed import Script

if TYPE_CHECKING:
    from tests.servers.endpoint import Endpoint

#: Nobody listens there.
DEAD = {"endpoint_url": "http://127.0.0.1:1", "region_name": "eu-west-1"}
DEAD |= {"aws_access_key_id": "testkey", "aws_secret_access_key": "testsecret"}
Faults = set[str]


@pytest.fixture(autouse=True)
def _own_clients_stores_and_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("beaker_dynamodb.dynamodb.client._clients._value", {})
    # A store or a lock of an earlier test with the same options would bring its outage along.
    backend._backend_of.cache_clear()
    monkeypatch.setattr("beaker_dynamodb.caches.lock_registry._locks", WeakValueDictionary())


def make_cache(options: dict[str, Any], **more: Any) -> Cache:
    """Make a cache that tries every call once and takes faults for misses."""
    return Cache(
        "news", "ext:dynamodb", **{"on_error": "miss", "max_attempts": 1, **options, **more}
    )


def break_down(cache: Cache, endpoint: Endpoint) -> Faults:
    """Let reads, writes or locks of a cache time out, those that are in the set given."""
    faults: Faults = set()

    def handler(request: Any, event_name: str, **_: object) -> None:
        kind = "reads" if event_name.endswith("GetItem") else "writes"
        if b"|lock|" in request.body:
            kind = "lock"
        if kind in faults:
            raise ReadTimeoutError(endpoint_url=endpoint.url)

    assert "key" not in cache  # makes the table
    cache.namespace.client.meta.events.register("before-send.dynamodb", handler)
    return faults


class Maker:
    """A createfunc that counts its calls.

    :param value: what it makes.
    """

    def __init__(self, value: object = "made") -> None:
        self.value = value
        self.calls = 0

    def __call__(self) -> object:
        """Make the value."""
        self.calls += 1
        return self.value


@pytest.mark.parametrize(
    ("broken", "missed"),
    [("reads", "read, read, write"), ("writes", "write"), ("lock", "lock, read, write")],
)
def test_a_value_is_made_in_spite_of_a_fault(
    options: dict[str, Any],
    endpoint: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
    broken: str,
    missed: str,
) -> None:
    """Whatever does not answer, the caller gets what his one createfunc made, after one wait."""
    time = Clock()
    monkeypatch.setattr(outage, "monotonic", time)
    cache = make_cache(options)
    faults = break_down(cache, endpoint)
    faults.add(broken)
    make = Maker()
    assert "made" == cache.get("key", createfunc=make)
    assert 1 == make.calls
    # Of these the first was sent and timed out.
    assert len(missed.split()) == cache.namespace.faults_missed
    faults.clear()
    assert "key" not in cache
    time.advance(outage.PAUSE_SECONDS)
    assert "key" not in cache
    elsewhere = make_cache(options, lock_timeout=0.01)
    if broken == "writes":  # its lock ends with its lease
        with pytest.raises(LockTimeout):
            elsewhere.get("key", createfunc=make)
    else:
        assert "made" == elsewhere.get("key", createfunc=make)


@pytest.mark.parametrize("on_error", ["miss", "raise"])
@pytest.mark.parametrize("silent", ["write", "read under the lock"])
def test_a_silent_store_is_not_told_of_the_release(
    options: dict[str, Any], endpoint: Endpoint, on_error: str, silent: str
) -> None:
    """Who has waited for all time-outs once does not wait for them again to free the lock."""
    cache = make_cache(options, on_error=on_error)
    faults = break_down(cache, endpoint)
    lock = cache.namespace.get_creation_lock(b"key")
    lock.acquire()
    faults |= {"reads", "writes", "lock"}
    with suppress(StoreUnavailable, KeyError):
        cache.put("key", 1) if silent == "write" else cache.get("key")
    faults.clear()
    with CallRecorder(cache.namespace.client) as calls:
        lock.release()
        assert [] == list(calls)
        assert "other" not in cache or on_error == "raise"
    assert not lock.mine


def test_a_throttled_store_is_told_of_the_release() -> None:
    """An answer, of whatever kind, costs no time-out: the lock is given back."""
    script = Script().answer("put_item", None, {}).refuse("put_item", "ThrottlingException")
    script.answer("delete_item", None, {})
    with script:
        namespace = script.manager()
        lock = namespace.get_creation_lock(b"key")
        assert lock.acquire()
        with pytest.raises(StoreUnavailable):
            namespace[b"key"] = 1
        lock.release()


def test_what_was_asked_for_is_tried_all_the_same(
    options: dict[str, Any], endpoint: Endpoint
) -> None:
    """After a fault values of createfuncs are not stored, but put and delete do what they can."""
    cache = make_cache(options)
    cache.put("old", 1)
    faults = break_down(cache, endpoint)
    faults.add("reads")
    assert "key" not in cache
    cache.put("key", 2)
    del cache.namespace[b"old"]  # Cache.remove_value reads first, and finds nothing
    faults.clear()
    other = make_cache(options, on_error="raise")
    assert 2 == other.get("key")
    assert "old" not in other


def test_every_verb_of_a_dead_store() -> None:
    """A read finds nothing, and a write or a delete does nothing."""
    cache = make_cache(DEAD)
    cache.put("key", "value")
    assert "key" not in cache
    with pytest.raises(KeyError):
        cache.get("key")
    cache.remove_value("key")
    del cache.namespace[b"key"]
    assert 5 == cache.namespace.faults_missed


@pytest.mark.parametrize("verb", [Cache.clear, lambda cache: cache.namespace.keys()])
def test_listing_and_clearing_are_errors(verb: Callable[[Cache], object]) -> None:
    """Nobody is told that a cache is empty, or cleared, when it is not."""
    with pytest.raises(StoreUnavailable):
        verb(make_cache(DEAD))


def test_by_default_a_fault_is_raised() -> None:
    """Without the option nothing is passed over, and no value is made."""
    cache, make = make_cache(DEAD, on_error="raise"), Maker()
    verbs: list[Callable[[], object]] = [
        lambda: cache.get("key", createfunc=make),
        lambda: cache.put("key", 1),
        lambda: cache.namespace.get_creation_lock(b"key").acquire(),
    ]
    for verb in verbs:
        with pytest.raises(StoreUnavailable):
            verb()
    assert 0 == make.calls
    assert 0 == cache.namespace.faults_missed


def test_only_what_may_pass_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    """A throttle is a fault, and named; a missing permission is the application's to mend."""
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
    assert 1 == namespace.faults_missed


def test_an_error_of_the_createfunc_is_raised(options: dict[str, Any], endpoint: Endpoint) -> None:
    """What it raises, a fault of another store too, goes to its caller; the lock is given back."""
    cache = make_cache(options)
    break_down(cache, endpoint).add("lock")

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
        lambda session: session.remove(),
    ],
    ids=["read", "contains", "write", "delete"],
)
def test_sessions_ignore_the_option(verb: Callable[[Any], object]) -> None:
    """A fault is never taken for "no session", whatever the option says."""
    session = DynamoDBNamespaceManager("id", on_error="miss", max_attempts=1, **DEAD)
    assert isinstance(session.session, SessionRecord)  # whose `remove()` it then is
    with pytest.raises(StoreUnavailable):
        verb(session)


def test_threads_on_a_dead_store() -> None:
    """Each of eight callers gets what his own createfunc made, and they make it one by one."""
    cache = make_cache(DEAD)
    makers = [Maker(number) for number in range(8)]
    together = threading.Barrier(8)
    at_work: list[int] = []
    most: list[int] = []

    def call(make: Maker) -> object:
        def create() -> object:
            at_work.append(1)
            most.append(len(at_work))
            value = make()
            at_work.pop()
            return value

        together.wait()
        return cache.get("key", createfunc=create)

    with ThreadPoolExecutor(8) as threads:
        assert list(range(8)) == list(threads.map(call, makers))
    assert [1] * 8 == [make.calls for make in makers]
    assert [1] * 8 == most


def test_nobody_waits_for_a_fault_for_ever() -> None:
    """Who has waited lock_timeout for a caller without DynamoDB makes the value without a lock."""
    namespace = make_cache(DEAD, lock_timeout=0.05).namespace
    mine = namespace.get_creation_lock(b"key")
    mine.acquire()
    answers: list[bool] = []

    def late() -> None:
        answers.append(mine.acquire())
        mine.release()
        answers.append(mine.acquire(wait=False))

    thread = threading.Thread(target=late)
    thread.start()
    thread.join()
    # He was let by, and did not free what he had not got.
    assert [True, False] == answers
    mine.release()


def test_nobody_fails_while_a_fault_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who began before DynamoDB was asked anew, and has waited lock_timeout, makes the value."""
    time = Clock()
    monkeypatch.setattr("beaker_dynamodb.caches.lease.monotonic", time)
    monkeypatch.setattr(outage, "monotonic", time)
    mine = make_cache(DEAD, lock_timeout=0.05).namespace.get_creation_lock(b"key")
    mine.acquire()
    mine.release()
    asked, answered = threading.Event(), threading.Event()
    take = mine._items.take

    def hang(*args: Any) -> Any:
        asked.set()
        answered.wait()
        return take(*args)

    monkeypatch.setattr(mine._items, "take", hang)
    time.advance(outage.PAUSE_SECONDS)

    def ask() -> None:
        mine.acquire()
        mine.release()

    asking = threading.Thread(target=ask)
    asking.start()
    asked.wait()
    time.advance(-1)  # when the caller below began
    assert mine.acquire()
    mine.release()
    answered.set()
    asking.join()


def test_a_lock_is_asked_for_again(
    options: dict[str, Any], endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a fault the lock is left alone for five seconds, and then shared with others again."""
    time = Clock()
    monkeypatch.setattr(outage, "monotonic", time)
    cache = make_cache(options)
    faults = break_down(cache, endpoint)
    mine = cache.namespace.get_creation_lock(b"key")
    faults.add("lock")
    for seconds, missed in ((0, 1), (outage.PAUSE_SECONDS - 1, 1), (1, 2)):
        time.advance(seconds)
        assert mine.acquire(wait=False)
        mine.release()
        assert missed == cache.namespace.faults_missed
    faults.clear()
    time.advance(outage.PAUSE_SECONDS)
    assert mine.acquire(wait=False)
    elsewhere = lock.DynamoDBSynchronizer(mine._items._items, mine._key)
    assert not elsewhere.acquire(wait=False)
    mine.release()


def test_faults_are_told_once_a_minute(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A warning says what failed and how often since the last one; not what was asked for."""
    time = Clock()
    monkeypatch.setattr(outage, "monotonic", time)
    caplog.set_level(logging.WARNING, logger="beaker_dynamodb")
    cache = make_cache(DEAD, table_name="myapp")
    for seconds in (0.0, 1.0, 58.9, 5.1, 59.9):
        time.advance(seconds)
        assert "secret-key" not in cache
    told = "table 'myapp': a cache does without DynamoDB (option on_error): GetItem, no answer; "
    told += "faults since the last such warning: "
    assert [told + "1", told + "3"] == caplog.messages
    assert 5 == cache.namespace.faults_missed

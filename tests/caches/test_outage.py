"""Caches while calls fail: correct values or errors; with ``on_error = miss`` they go on."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from beaker.cache import Cache
from botocore.exceptions import ReadTimeoutError

from beaker_dynamodb import AccessDenied, DynamoDBNamespaceManager, StoreUnavailable
from beaker_dynamodb.exceptions import DynamoDBError, LockTimeout
from tests.caches.conftest import Options, Time, make_cache
from tests.chaos.faults import KINDS
from tests.chaos.load import short_pauses, wait_for_answers
from tests.chaos.proxy import FaultProxy, Plan
from tests.dynamodb.breakers import open_breaker, without_probes
from tests.dynamodb.fake_server import OFFLINE
from tests.servers.endpoint import Endpoint, create_table
from tests.servers.recorder import CallRecorder
from tests.stubbed import Script

#: Kinds of calls that get no response: "reads", "writes" of entries, "locks".
Broken = set[str]


@pytest.fixture
def broken(options: Options) -> Iterator[Broken]:
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
    options: Options, broken: Broken, kind: str, tolerated: int
) -> None:
    cache = make_cache(options)
    broken.add(kind)
    numbers = iter(range(9))
    assert cache.get("key", createfunc=lambda: next(numbers)) == 0
    assert next(numbers) == 1
    assert cache.namespace.errors_tolerated == tolerated


def test_no_call_is_sent_while_the_circuit_breaker_is_open(options: Options, time: Time) -> None:
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
@pytest.mark.parametrize(
    "call",
    [
        lambda cache: cache.put("key", 1),
        lambda cache: cache.get("key"),
        lambda cache: cache.namespace.__delitem__(b"key"),
    ],
    ids=["write", "read", "delete"],
)
def test_a_release_is_not_sent_after_an_unanswered_call(
    options: Options, on_error: str, call: Callable[[Cache], object]
) -> None:
    cache = make_cache(options, on_error=on_error)
    assert "key" not in cache
    lock = cache.namespace.get_creation_lock(b"key")
    lock.acquire()
    client = cache.namespace.client
    client.meta.events.register("before-send.dynamodb", _time_out)
    with suppress(StoreUnavailable, KeyError):
        call(cache)
    client.meta.events.unregister("before-send.dynamodb", _time_out)
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


def test_put_and_delete_are_sent_during_an_outage(options: Options, broken: Broken) -> None:
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
    cache = make_cache(OFFLINE)
    cache.put("key", "value")
    assert "key" not in cache
    with pytest.raises(KeyError):
        cache.get("key")
    cache.remove_value("key")
    del cache.namespace[b"key"]
    assert cache.namespace.errors_tolerated == 5


def test_listing_and_clearing_raise() -> None:
    cache = make_cache(OFFLINE)
    for verb in (cache.clear, cache.namespace.keys):
        with pytest.raises(StoreUnavailable):
            verb()


def test_by_default_errors_are_raised_and_no_value_is_computed() -> None:
    cache = make_cache(OFFLINE, on_error="raise")
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
    options: Options, broken: Broken
) -> None:
    cache = make_cache(options)
    broken.add("locks")

    def fail() -> None:
        raise StoreUnavailable("another store")

    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="another store"):
            cache.get("key", createfunc=fail)


def test_sessions_raise() -> None:
    session = DynamoDBNamespaceManager("id", on_error="miss", max_attempts=1, **OFFLINE)
    verbs: list[Callable[[], object]] = [
        lambda: session["session"],
        lambda: "session" in session,
        lambda: session.set_value("session", "gANdLg=="),
        lambda: (session.session, session.remove()),
    ]
    for verb in verbs:
        with pytest.raises(StoreUnavailable):
            verb()


def test_threads_compute_one_by_one_without_a_server() -> None:
    cache = make_cache(OFFLINE)
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


def test_errors_are_logged_once_a_minute(time: Time, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="beaker_dynamodb")
    cache = make_cache(OFFLINE, time, table_name="myapp")
    for seconds in (0.0, 1.0, 58.9, 5.1, 59.9):
        time.advance(seconds)
        assert "secret-key" not in cache
    text = "table 'myapp': a cache continues without DynamoDB (option on_error): GetItem, "
    text += "no answer; errors since the last such warning: "
    assert caplog.messages == [text + "1", text + "3"]
    assert cache.namespace.errors_tolerated == 5


KEYS = [f"page {number}" for number in range(5)]
READERS = 4
ERROR = "a package error"


def get(cache: Cache, key: str) -> str:
    """Return the value, which is computed if it is missing, or `ERROR`."""
    try:
        value: str = cache.get(key, createfunc=lambda: f"value of {key}")
    except DynamoDBError as error:
        expected = error.operation or isinstance(error, LockTimeout)
        return ERROR if expected else repr(error)
    return value


@pytest.mark.full
@pytest.mark.parametrize("name", KINDS)
def test_faults_cause_no_wrong_value(endpoint: Endpoint, table_name: str, name: str) -> None:
    kind = KINDS[name]
    create_table(endpoint.client, table_name)
    with FaultProxy(endpoint.url) as proxy, short_pauses():
        options = {
            **endpoint.options,
            "endpoint_url": proxy.url,
            "table_name": table_name,
            "read_timeout": kind.read_timeout,
            "lock_timeout": 2,
        }
        cache = Cache(table_name, "ext:dynamodb", expire=600, **options)
        plan = proxy.inject(Plan(kind.fault, 0.5))
        with ThreadPoolExecutor(READERS) as threads:
            during = list(threads.map(lambda key: (key, get(cache, key)), KEYS * READERS))
        proxy.heal()
        wait_for_answers(options)
        after = {key: get(cache, key) for key in KEYS}
        DynamoDBNamespaceManager("any", **options).client.close()
    assert plan.faults > 0
    assert set(during) <= {(key, said) for key in KEYS for said in (f"value of {key}", ERROR)}
    assert after == {key: f"value of {key}" for key in KEYS}

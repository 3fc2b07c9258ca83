"""Saves of one session that wait in one process are combined into one write."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from beaker.session import Session
from botocore.exceptions import ConnectionClosedError

from beaker_dynamodb import (
    ItemTooLarge,
    MissingSpecialKeys,
    PayloadError,
    SessionConflict,
    StoreUnavailable,
)
from beaker_dynamodb.session import DynamoDBSession
from beaker_dynamodb.sessions import combined_saves, conflict_retry
from tests.servers.recorder import CallRecorder
from tests.sessions.crowd import HANGS
from tests.sessions.driven import Visitor, save
from tests.sessions.site import ENCRYPTED

if TYPE_CHECKING:
    from tests.servers.endpoint import Endpoint

EVENT = "before-parameter-build.dynamodb.PutItem"
WAYS: dict[str, tuple[type[Any], dict[str, object]]] = {
    "beaker": (Session, {}),
    "ours-json": (DynamoDBSession, {"data_serializer": "json"}),
    "ours-encrypted": (DynamoDBSession, ENCRYPTED),
}


class Threads:
    """Saves in threads of their own, whose writes a test holds up.

    :param client: the client that they use.
    """

    def __init__(self, client: Any) -> None:
        self._events = client.meta.events
        self._pool = ThreadPoolExecutor(64)
        #: What happens in a write of a thread, by the name of its save.
        self.hooks: dict[str, Callable[[dict[str, Any]], None]] = {}
        self._names = threading.local()

    def __enter__(self) -> Threads:
        self._events.register(EVENT, self._before)
        return self

    def __exit__(self, *_: object) -> None:
        self._events.unregister(EVENT, self._before)
        self._pool.shutdown()

    def _before(self, params: dict[str, Any], **_: object) -> None:
        hook = self.hooks.pop(getattr(self._names, "name", ""), None)
        if hook is not None:
            hook(params)

    def run(self, name: str, action: Callable[[], object]) -> Future[None]:
        """Do something in a thread that has a name."""

        def named() -> None:
            self._names.name = name
            action()

        return self._pool.submit(named)

    @contextmanager
    def leader(self, session: Any, hook: Any = None, **changes: object) -> Iterator[Future[None]]:
        """Save a session that meets another save, and hold its second write until the end.

        :param hook: what happens in place of the write.
        """
        held, go = threading.Event(), threading.Event()

        def hold(params: dict[str, Any]) -> None:
            held.set()
            assert go.wait(HANGS)
            if hook is not None:
                hook(params)

        self.hooks["leader"] = lambda params: self.hooks.update(leader=hold)
        future = self.run("leader", lambda: save(session, **changes))
        assert held.wait(HANGS)
        try:
            yield future
        finally:
            go.set()

    def follow(self, name: str, session: Any, **changes: object) -> Future[None]:
        """Save a session that meets another save, and wait until it waits."""
        number = waiting()
        future = self.run(name, lambda: save(session, **changes))
        wait_until(lambda: waiting() > number or future.done())
        return future


def waiting() -> int:
    """Return the number of saves in all queues."""
    return sum(len(queue.saves) for queue in list(combined_saves._queues.values()))


def wait_until(holds: Callable[[], bool]) -> None:
    """Look again and again until something holds."""
    pause = threading.Event()
    for _ in range(int(HANGS / 0.005)):
        if holds():
            return
        pause.wait(0.005)
    raise AssertionError("a thread hangs")


def result(future: Future[None]) -> BaseException | None:
    """Wait for a thread and return what it raised."""
    return future.exception(HANGS)


@pytest.fixture(params=WAYS)
def visitor(request: pytest.FixtureRequest, moved: dict[str, object]) -> Visitor:
    """A visitor whose sessions are stored in one of several ways."""
    session_class, more = WAYS[request.param]
    return Visitor({**moved, **more}, session_class)


@pytest.fixture
def plain(moved: dict[str, object]) -> Visitor:
    """A visitor with Beaker's session."""
    return Visitor(moved)


def client_of(session: Any) -> Any:
    """Return the client that a session uses."""
    return session.namespace.client


def test_waiting_saves_cost_two_writes(visitor: Visitor) -> None:
    """The first of twenty writes itself, and the second what the other nineteen have."""
    visitor.starts()
    sessions = [visitor.request() for _ in range(20)]
    save(visitor.request(), first=True)
    client = client_of(sessions[0])
    with CallRecorder(client) as sent, Threads(client) as threads:
        with threads.leader(sessions[0], key_0=0) as leader:
            futures = [
                threads.follow(str(n), session, **{f"key_{n}": n})
                for n, session in enumerate(sessions[1:], 1)
            ]
        assert {None} == {result(future) for future in (leader, *futures)}
    # Each has met the first one's save; then there are two more.
    assert ["PutItem"] * 22 == sent.operations
    assert 20 == [call.error_code for call in sent].count("ConditionalCheckFailedException")
    assert {"first": True, **{f"key_{n}": n for n in range(20)}} == visitor.finds()


def test_every_caller_knows_what_is_stored(visitor: Visitor) -> None:
    """After a combined write each saves again without a conflict, if it is the only one."""
    visitor.starts()
    sessions = [visitor.request() for _ in range(3)]
    save(visitor.request(), first=True)
    client = client_of(sessions[0])
    with Threads(client) as threads, threads.leader(sessions[0], a=1) as leader:
        futures = [threads.follow("b", sessions[1], b=1), threads.follow("c", sessions[2], c=1)]
    assert {None} == {result(future) for future in (leader, *futures)}
    with CallRecorder(client) as sent:
        save(sessions[2], c=2)
    assert [None] == [call.error_code for call in sent]
    assert {"first": True, "a": 1, "b": 1, "c": 2} == visitor.finds()


def test_saves_are_merged_in_order_of_arrival_each_with_what_it_loaded(visitor: Visitor) -> None:
    visitor.starts(same=0, gone=0, kept=0, log=["start"])
    sessions = [visitor.request() for _ in range(4)]
    save(visitor.request(), kept=1)
    client = client_of(sessions[0])
    with Threads(client) as threads, threads.leader(sessions[0], same=1) as leader:
        futures = [threads.follow("a", sessions[1], same=2, gone=2, log=["start", "a"])]
        del sessions[2]["gone"]
        futures.append(threads.follow("b", sessions[2], same=3))
        futures.append(threads.follow("c", sessions[3], log=["start", "c"]))
    assert {None} == {result(future) for future in (leader, *futures)}
    assert {"same": 3, "kept": 1, "log": ["start", "a", "c"]} == visitor.finds()


def test_only_saves_of_the_same_client_and_key_are_combined(
    plain: Visitor, endpoint: Endpoint
) -> None:
    """With a client of its own, as for another Region, a save does not wait for another's."""
    plain.starts()
    first = plain.request()
    other = Visitor({**plain.options, "max_attempts": 7})
    other.id = plain.id
    second = other.request()
    apart = Visitor(plain.options)
    apart.starts()
    third = apart.request()
    save(apart.request(), other=True)
    save(plain.request(), other=True)
    assert client_of(first) is not client_of(second)
    with Threads(client_of(first)) as threads:
        with threads.leader(first, first=True) as leader:
            assert result(threads.run("second", lambda: save(second, second=True))) is None
            assert result(threads.run("third", lambda: save(third, third=True))) is None
            assert not leader.done()
        assert result(leader) is None
    assert {"other": True, "first": True, "second": True} == plain.finds()
    assert {"other": True, "third": True} == apart.finds()


class Own:
    """Knows the thread that made it, and who else serializes it."""

    serialized_elsewhere: list[int] = []  # noqa: RUF012

    def __init__(self) -> None:
        self.made_by = threading.get_ident()

    def __getstate__(self) -> dict[str, int]:
        if getattr(self, "made_by", None) not in (None, threading.get_ident()):
            self.serialized_elsewhere.append(threading.get_ident())
        return {"copied": 1}


def test_no_thread_serializes_the_objects_of_another(plain: Visitor) -> None:
    plain.starts()
    sessions = [plain.request() for _ in range(3)]
    save(plain.request(), first=True)
    with Threads(client_of(sessions[0])) as threads:

        def put_in(name: str, session: Any) -> None:
            save(session, **{name: Own()})

        with threads.leader(sessions[0], first=False) as leader:
            futures = []
            for number, session in enumerate(sessions[1:]):
                before = waiting()
                name = f"own_{number}"
                futures.append(threads.run(name, lambda n=name, s=session: put_in(n, s)))  # type: ignore[misc]  # mypy cannot infer a lambda with defaults
                wait_until(lambda b=before: waiting() > b)  # type: ignore[misc]  # as above
        assert {None} == {result(future) for future in (leader, *futures)}
    assert [] == Own.serialized_elsewhere
    assert {"first", "own_0", "own_1"} == plain.finds().keys()


# -- a save that fails ------------------------------------------------------------------------


def test_a_save_that_is_too_large_together_with_others_fails_alone(plain: Visitor) -> None:
    plain.options.update(max_value_size=8_000, compression="off")
    plain.starts()
    sessions = [plain.request() for _ in range(5)]
    save(plain.request(), first=True)
    with Threads(client_of(sessions[0])) as threads, threads.leader(sessions[0], a=1) as leader:
        large = threads.follow("b", sessions[1], b=os.urandom(5_000))
        too_large = threads.follow("c", sessions[2], c=os.urandom(5_000))
        small = [threads.follow("d", sessions[3], d=1), threads.follow("e", sessions[4], e=1)]
    assert {None} == {result(future) for future in (leader, large, *small)}
    assert isinstance(result(too_large), ItemTooLarge)
    assert {"first", "a", "b", "d", "e"} == plain.finds().keys()


class EncodedOnce:
    """Can be pickled, but not by a thread that has unpickled it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return unpickled, ()


class Unpickled:
    """What comes out of the pickle."""

    def __reduce__(self) -> tuple[Any, ...]:
        raise ValueError("never again")


def unpickled() -> Unpickled:
    """Make the object that cannot be pickled."""
    return Unpickled()


def test_a_save_that_cannot_be_encoded_fails_alone(plain: Visitor) -> None:
    plain.starts()
    sessions = [plain.request() for _ in range(5)]
    save(plain.request(), first=True)
    with Threads(client_of(sessions[0])) as threads, threads.leader(sessions[0], a=1) as leader:
        bad = threads.follow("b", sessions[1], b=EncodedOnce())
        others = [
            threads.follow(name, session, **{name: 1})
            for name, session in zip("cde", sessions[2:], strict=True)
        ]
        never = threads.run("f", lambda: save(plain.request(), f=lambda: None))
        assert result(never) is not None
    assert {None} == {result(future) for future in (leader, *others)}
    assert isinstance(result(bad), PayloadError)
    assert {"first", "a", "c", "d", "e"} == plain.finds().keys()


def test_a_save_that_lacks_a_special_key_fails_alone(plain: Visitor) -> None:
    plain.options.update(special_keys="userId:N")
    plain.starts(userId=1)
    sessions = [plain.request() for _ in range(3)]
    save(plain.request(), first=True)
    with Threads(client_of(sessions[0])) as threads, threads.leader(sessions[0], a=1) as leader:
        del sessions[1]["userId"]
        lacking = threads.follow("b", sessions[1], b=1)
        other = threads.follow("c", sessions[2], c=1)
        assert isinstance(result(lacking), MissingSpecialKeys)
    assert [None, None] == [result(leader), result(other)]
    assert {"userId", "first", "a", "c"} == plain.finds().keys()


def test_each_caller_gets_an_exception_of_its_own(visitor: Visitor) -> None:
    visitor.starts()
    sessions = [visitor.request() for _ in range(4)]
    save(visitor.request(), first=True)

    def no_answer(params: dict[str, Any]) -> None:
        raise ConnectionClosedError(endpoint_url="")

    def meet_then_fail(params: dict[str, Any]) -> None:
        threads.hooks["a"] = no_answer

    client = client_of(sessions[0])
    with CallRecorder(client) as sent, Threads(client) as threads:
        threads.hooks["a"] = meet_then_fail
        with threads.leader(sessions[0], first=False) as leader:
            futures = [
                threads.follow(name, session, **{name: 1})
                for name, session in zip("abc", sessions[1:], strict=True)
            ]
        assert result(leader) is None
        errors = [result(future) for future in futures]
    assert [StoreUnavailable] * 3 == [type(error) for error in errors]
    assert 3 == len({id(error) for error in errors})
    # One call told all three: none has asked a store again that does not answer.
    assert 5 == len(sent)  # the one without an answer is not recorded
    assert {"first": False} == visitor.finds()


class Aborted(BaseException):
    """What gevent's Timeout, KeyboardInterrupt and SystemExit are."""


@pytest.mark.parametrize("arrived", [False, True])
def test_another_caller_takes_over_from_one_that_is_aborted(
    visitor: Visitor, endpoint: Endpoint, arrived: bool
) -> None:
    """Also if the write of the aborted one had arrived: then nothing is stored twice."""
    visitor.starts(log=["start"])
    sessions = [visitor.request() for _ in range(4)]
    save(visitor.request(), first=True)

    def abort(params: dict[str, Any]) -> None:
        if arrived:
            endpoint.client.put_item(**params)
        raise Aborted

    def meet_then_abort(params: dict[str, Any]) -> None:
        threads.hooks["a"] = abort

    with Threads(client_of(sessions[0])) as threads:
        threads.hooks["a"] = meet_then_abort
        with threads.leader(sessions[0], first=False) as leader:
            futures = [
                threads.follow(name, session, log=["start", name])
                for name, session in zip("abc", sessions[1:], strict=True)
            ]
        assert result(leader) is None
        assert isinstance(result(futures[0]), Aborted)
        assert [None, None] == [result(future) for future in futures[1:]]
    stored = ["start", "a", "b", "c"] if arrived else ["start", "b", "c"]
    assert {"first": False, "log": stored} == visitor.finds()


def test_another_caller_takes_over_from_one_that_is_aborted_while_it_waits(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor.starts()
    sessions = [visitor.request() for _ in range(3)]
    save(visitor.request(), first=True)
    wait = threading.Condition.wait
    aborts = threading.Event()

    def wait_or_abort(self: threading.Condition, timeout: float | None = None) -> bool:
        woken = wait(self, timeout)
        if aborts.is_set() and threading.current_thread() is aborted_thread[0]:
            raise Aborted
        return woken

    aborted_thread: list[threading.Thread] = []

    def aborted() -> None:
        aborted_thread.append(threading.current_thread())
        save(sessions[1], a=1)

    monkeypatch.setattr(combined_saves, "POLL_SECONDS", 0.01)
    with Threads(client_of(sessions[0])) as threads, threads.leader(sessions[0], b=1) as leader:
        before = waiting()
        first = threads.run("a", aborted)
        wait_until(lambda: waiting() > before)
        second = threads.follow("c", sessions[2], c=1)
        monkeypatch.setattr(threading.Condition, "wait", wait_or_abort)
        aborts.set()
        assert isinstance(result(first), Aborted)
        monkeypatch.undo()
    assert [None, None] == [result(leader), result(second)]
    assert {"first": True, "b": 1, "c": 1} == visitor.finds()


# -- time -------------------------------------------------------------------------------------


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The time by which saves give up; ``pauses`` are those before another try."""
    now = SimpleNamespace(seconds=0.0, pauses=[])
    retry = partial(conflict_retry.ConflictRetry, lambda: now.seconds, now.pauses.append)
    monkeypatch.setattr("beaker_dynamodb.sessions.storage.ConflictRetry", retry)
    monkeypatch.setattr(conflict_retry, "ConflictRetry", retry)
    monkeypatch.setattr(combined_saves, "POLL_SECONDS", 0.01)
    return now


def test_a_save_whose_time_is_over_while_it_waits_raises_and_is_not_stored(
    visitor: Visitor, time: SimpleNamespace
) -> None:
    visitor.starts()
    sessions = [visitor.request() for _ in range(2)]
    save(visitor.request(), first=True)
    with Threads(client_of(sessions[0])) as threads, threads.leader(sessions[0], a=1) as leader:
        late = threads.follow("b", sessions[1], b=1)
        time.seconds += 1000
        assert isinstance(result(late), SessionConflict)
    assert result(leader) is None
    assert {"first": True, "a": 1} == visitor.finds()
    save(sessions[1], b=1)
    assert {"first": True, "a": 1, "b": 1} == visitor.finds()


def test_a_save_whose_time_is_over_while_it_is_written_waits_for_the_result(
    visitor: Visitor, time: SimpleNamespace
) -> None:
    visitor.starts()
    sessions = [visitor.request() for _ in range(3)]
    save(visitor.request(), first=True)
    writes, go = threading.Event(), threading.Event()

    def hold(params: dict[str, Any]) -> None:
        writes.set()
        assert go.wait(HANGS)

    def meet_then_hold(params: dict[str, Any]) -> None:
        threads.hooks["a"] = hold

    with Threads(client_of(sessions[0])) as threads:
        threads.hooks["a"] = meet_then_hold
        with threads.leader(sessions[0], first=False):
            futures = [threads.follow("a", sessions[1], a=1), threads.follow("b", sessions[2], b=1)]
        assert writes.wait(HANGS)
        (queue,) = (queue for queue in combined_saves._queues.values() if queue.saves)
        time.seconds += 1000
        wait_until(lambda: queue.saves[1].withdrawn)
        assert not futures[1].done()
        go.set()
        assert [None, None] == [result(future) for future in futures]
    assert {"first": False, "a": 1, "b": 1} == visitor.finds()


def test_another_caller_takes_over_from_one_whose_time_is_over(
    visitor: Visitor, time: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The call in which the time passes does not count as a slow answer.
    monkeypatch.setattr(conflict_retry, "ROUND_TRIPS", 0)
    visitor.starts()
    sessions = [visitor.request() for _ in range(2)]
    stranger = visitor.request(max_attempts=7)
    save(visitor.request(), first=True)

    def late(params: dict[str, Any]) -> None:
        save(stranger, stranger=True)
        time.seconds += 4.9  # for the follower, which came later, there is a moment left

    with Threads(client_of(sessions[0])) as threads:
        with threads.leader(sessions[0], late, a=1) as leader:
            time.seconds += 0.2
            follower = threads.follow("b", sessions[1], b=1)
        assert isinstance(result(leader), SessionConflict)
        assert result(follower) is None
    assert {"first": True, "stranger": True, "b": 1} == visitor.finds()


def test_the_time_for_conflicts_grows_with_the_latency_of_the_store(time: SimpleNamespace) -> None:
    retry = conflict_retry.ConflictRetry()
    assert conflict_retry.CONFLICT_SECONDS == retry.seconds_left
    for _ in range(3):
        with retry.timed():
            time.seconds += 0.01
    assert conflict_retry.CONFLICT_SECONDS - 0.03 == pytest.approx(retry.seconds_left)
    retry = conflict_retry.ConflictRetry()
    began = time.seconds
    with retry.timed():
        time.seconds += 0.3
    time.seconds = began + 29.9
    assert retry.again()
    time.seconds = began + 30.1
    assert not retry.again()
    # A slow answer does not hold a page up for ever.
    retry = conflict_retry.ConflictRetry()
    with retry.timed():
        time.seconds += conflict_retry.MAX_CONFLICT_SECONDS
    assert not retry.again()


def test_pauses_grow_with_latency_and_with_conflicts(
    time: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conflict_retry, "random", SimpleNamespace(uniform=lambda low, high: high))
    retry = conflict_retry.ConflictRetry()
    with retry.timed():
        time.seconds += 0.1
    waited = []
    for _ in range(20):
        assert retry.again()
        waited.append(retry.paused)
    assert ([False] * 3 + [True]) * 5 == waited
    assert pytest.approx([0.2, 0.4, 0.8, 0.8, 0.8]) == time.pauses


# -- what is not combined ---------------------------------------------------------------------


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_log_out_drops_every_save_that_waits(moved: dict[str, object], encrypted: bool) -> None:
    """The log-out itself does not wait."""
    visitor = Visitor({**moved, **(ENCRYPTED if encrypted else {})}, DynamoDBSession)
    visitor.starts(name="Ada")
    sessions = [visitor.request() for _ in range(4)]
    logs_out = visitor.request()
    save(visitor.request(), first=True)
    client = client_of(sessions[0])
    with CallRecorder(client) as sent, Threads(client) as threads:
        with threads.leader(sessions[0], a=1) as leader:
            futures = [
                threads.follow(name, session, **{name: 1})
                for name, session in zip("bcd", sessions[1:], strict=True)
            ]
            assert result(threads.run("out", logs_out.delete)) is None
            assert not leader.done()
        assert {None} == {result(future) for future in (leader, *futures)}
    # Four that met the first save, and one that found the session gone.
    assert 5 == [call.error_code for call in sent].count("ConditionalCheckFailedException")
    assert {} == visitor.finds()


@pytest.mark.parametrize("concurrency", ["reject", "overwrite"])
def test_other_ways_to_save_do_not_wait(plain: Visitor, concurrency: str) -> None:
    plain.starts()
    session = plain.request()
    other = plain.request(concurrency=concurrency)
    save(plain.request(), first=True)
    with Threads(client_of(session)) as threads:
        with threads.leader(session, a=1) as leader:
            outcome = result(threads.run("other", lambda: save(other, b=1)))
            assert not leader.done()
        assert result(leader) is None
    if concurrency == "reject":
        assert isinstance(outcome, SessionConflict)
        assert {"first": True, "a": 1} == plain.finds()
    else:
        assert outcome is None
        assert {"a": 1, "b": 1} == plain.finds()


def test_a_change_of_the_id_does_not_wait_and_drops_the_saves_that_do(
    moved: dict[str, object],
) -> None:
    visitor = Visitor(moved, DynamoDBSession)
    visitor.starts(name="Ada")
    session, other = visitor.request(), visitor.request()
    logs_in = visitor.request()
    save(visitor.request(), first=True)
    logs_in.regenerate_id()
    with Threads(client_of(session)) as threads:
        with threads.leader(session, a=1) as leader:
            follower = threads.follow("b", other, b=1)
            assert result(threads.run("in", lambda: save(logs_in, user=5))) is None
            assert not leader.done()
        assert [None, None] == [result(leader), result(follower)]
    assert {} == visitor.finds()
    visitor.id = logs_in.id
    assert {"name": "Ada", "first": True, "user": 5} == visitor.finds()

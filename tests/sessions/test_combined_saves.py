"""Saves of one session that wait in one process are combined into one write."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
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
from beaker_dynamodb.sessions.storage import session_storage
from tests.clock import Clock
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import Visitor, save
from tests.sessions.test_concurrent_saves import HANGS

if TYPE_CHECKING:
    from tests.servers.endpoint import Endpoint

EVENT = "before-parameter-build.dynamodb.PutItem"


class Threads:
    """Saves in threads, whose writes a test can hold.

    :param session: one of the sessions. All use its client.
    """

    def __init__(self, session: Any) -> None:
        self._events = session.namespace.client.meta.events
        self._pool = ThreadPoolExecutor(64)
        self._names = threading.local()
        #: What to do before the next write of a thread, by the thread's name.
        self.hooks: dict[str, Callable[[dict[str, Any]], object]] = {}

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

    def on_second_write(self, name: str, hook: Callable[[dict[str, Any]], object]) -> None:
        """Call a hook before the write that follows the first conflict of a thread."""
        self.hooks[name] = lambda _: self.hooks.update({name: hook})

    def run(self, name: str, action: Callable[[], object]) -> Future[None]:
        """Do something in a thread with this name."""

        def named() -> None:
            self._names.name = name
            action()

        return self._pool.submit(named)

    @contextmanager
    def leader(
        self, session: Any, hook: Callable[[], object] | None = None, **changes: object
    ) -> Iterator[Future[None]]:
        """Save a session that meets a conflict, and hold its second write until the end."""
        held, go = threading.Event(), threading.Event()

        def hold(params: dict[str, Any]) -> None:
            held.set()
            assert go.wait(HANGS)
            if hook is not None:
                hook()

        self.on_second_write("leader", hold)
        future = self.run("leader", lambda: save(session, **changes))
        assert held.wait(HANGS)
        try:
            yield future
        finally:
            go.set()

    def follow(self, name: str, session: Any, **changes: object) -> Future[None]:
        """Save a session that meets a conflict, and return once the save waits in the queue."""
        before = waiting()
        future = self.run(name, lambda: save(session, **changes))
        wait_until(lambda: waiting() > before or future.done())
        return future


def waiting() -> int:
    """Return the number of saves in all queues."""
    return sum(len(queue.saves) for queue in list(combined_saves._queues().values()))


def wait_until(holds: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(int(HANGS / 0.005)):
        if holds():
            return
        pause.wait(0.005)
    raise AssertionError("a thread hangs")


def error_of(future: Future[None]) -> BaseException | None:
    """Wait for a thread, and return what it raised."""
    return future.exception(HANGS)


def conflicting(visitor: Visitor, number: int, **data: object) -> list[Any]:
    """Return sessions in flight, each of whose saves will conflict with one that came before."""
    visitor.starts(**data)
    sessions = [visitor.request() for _ in range(number)]
    save(visitor.request(), first=True)
    return sessions


def test_waiting_saves_are_written_together(any_visitor: Visitor) -> None:
    visitor = any_visitor
    sessions = conflicting(visitor, 20)
    with CallRecorder(sessions[0].namespace.client) as sent, Threads(sessions[0]) as threads:
        with threads.leader(sessions[0], key_0=0) as leader:
            futures = [
                threads.follow(str(n), session, **{f"key_{n}": n})
                for n, session in enumerate(sessions[1:], 1)
            ]
        assert {None} == {error_of(future) for future in (leader, *futures)}
    # Each save has met the first conflict. Two writes store all of them.
    assert ["PutItem"] * 22 == sent.operations
    assert 20 == [call.error_code for call in sent].count("ConditionalCheckFailedException")
    assert {"first": True, **{f"key_{n}": n for n in range(20)}} == visitor.finds()


def test_after_a_combined_write_each_request_saves_without_a_conflict(visitor: Visitor) -> None:
    sessions = conflicting(visitor, 3)
    with Threads(sessions[0]) as threads, threads.leader(sessions[0], a=1) as leader:
        futures = [threads.follow("b", sessions[1], b=1), threads.follow("c", sessions[2], c=1)]
    assert {None} == {error_of(future) for future in (leader, *futures)}
    with CallRecorder(sessions[0].namespace.client) as sent:
        save(sessions[2], c=2)
    assert [None] == [call.error_code for call in sent]
    assert {"first": True, "a": 1, "b": 1, "c": 2} == visitor.finds()


def test_saves_are_merged_in_order_of_arrival(visitor: Visitor) -> None:
    sessions = conflicting(visitor, 4, same=0, gone=0, log=["start"])
    with Threads(sessions[0]) as threads, threads.leader(sessions[0], same=1) as leader:
        futures = [threads.follow("a", sessions[1], same=2, gone=2, log=["start", "a"])]
        del sessions[2]["gone"]
        futures.append(threads.follow("b", sessions[2], same=3))
        futures.append(threads.follow("c", sessions[3], log=["start", "c"]))
    assert {None} == {error_of(future) for future in (leader, *futures)}
    assert {"same": 3, "first": True, "log": ["start", "a", "c"]} == visitor.finds()


def test_saves_with_another_client_or_of_another_session_do_not_wait(plain: Visitor) -> None:
    (first,) = conflicting(plain, 1)
    second = plain.request(read_timeout=61)
    save(plain.request(), other=True)
    apart = Visitor(plain.options)
    (third,) = conflicting(apart, 1)
    with Threads(first) as threads, threads.leader(first, a=True) as leader:
        assert error_of(threads.run("second", lambda: save(second, b=True))) is None
        assert error_of(threads.run("third", lambda: save(third, c=True))) is None
        assert not leader.done()
    assert error_of(leader) is None
    assert {"first": True, "other": True, "a": True, "b": True} == plain.finds()
    assert {"first": True, "c": True} == apart.finds()


class Own:
    """Records each thread that pickles an object of another thread."""

    foreign_threads: list[int] = []  # noqa: RUF012

    def __init__(self) -> None:
        self.made_by = threading.get_ident()

    def __getstate__(self) -> dict[str, int]:
        if getattr(self, "made_by", None) not in (None, threading.get_ident()):
            self.foreign_threads.append(threading.get_ident())
        return {"copied": 1}


def test_no_thread_pickles_the_application_objects_of_another(plain: Visitor) -> None:
    sessions = conflicting(plain, 3)
    with Threads(sessions[0]) as threads, threads.leader(sessions[0], first=False) as leader:
        futures = []
        for number, session in enumerate(sessions[1:]):
            before = waiting()

            def put_in(name: str, session: Any) -> None:
                save(session, **{name: Own()})

            action = partial(put_in, f"own_{number}", session)
            futures.append(threads.run(str(number), action))
            wait_until(partial(lambda before: waiting() > before, before))
    assert {None} == {error_of(future) for future in (leader, *futures)}
    assert [] == Own.foreign_threads
    assert {"first", "own_0", "own_1"} == plain.finds().keys()


# -- errors -----------------------------------------------------------------------------------


class EncodedOnce:
    """Can be pickled, but what it unpickles to cannot."""

    def __reduce__(self) -> tuple[Any, ...]:
        return unpickled, ()


class Unpickled:
    def __reduce__(self) -> tuple[Any, ...]:
        raise ValueError("never again")


def unpickled() -> Unpickled:
    return Unpickled()


def remove_user(session: Any) -> None:
    del session["userId"]


@pytest.mark.parametrize(
    ("more", "error", "change"),
    [
        (
            {"compression": "off"},
            ItemTooLarge,
            lambda session: session.update(c=os.urandom(5_000)),
        ),
        ({}, PayloadError, lambda session: session.update(c=EncodedOnce())),
        ({"special_keys": "userId:N"}, MissingSpecialKeys, remove_user),
    ],
    ids=["too large", "cannot be encoded", "missing special key"],
)
def test_a_save_that_cannot_be_written_fails_alone(
    plain: Visitor,
    more: dict[str, object],
    error: type[Exception],
    change: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("beaker_dynamodb.items.chunks.MAX_VALUE_BYTES", 8000)
    plain.options.update(more)
    sessions = conflicting(plain, 5, userId=1)
    large = os.urandom(5_000)
    with Threads(sessions[0]) as threads, threads.leader(sessions[0], a=1) as leader:
        first = threads.follow("b", sessions[1], b=large)
        change(sessions[2])
        failing = threads.follow("c", sessions[2])
        others = [threads.follow("d", sessions[3], d=1), threads.follow("e", sessions[4], e=1)]
    assert isinstance(error_of(failing), error)
    assert {None} == {error_of(future) for future in (leader, first, *others)}
    assert {"userId", "first", "a", "b", "d", "e"} == plain.finds().keys()


def no_response(params: dict[str, Any]) -> None:
    raise ConnectionClosedError(endpoint_url="")


def test_an_outage_fails_all_saves_of_the_write_each_with_its_own_exception(
    visitor: Visitor,
) -> None:
    sessions = conflicting(visitor, 4)
    with CallRecorder(sessions[0].namespace.client) as sent, Threads(sessions[0]) as threads:
        threads.on_second_write("a", no_response)
        with threads.leader(sessions[0], first=False) as leader:
            futures = [
                threads.follow(name, session, **{name: 1})
                for name, session in zip("abc", sessions[1:], strict=True)
            ]
        assert error_of(leader) is None
        errors = [error_of(future) for future in futures]
    assert [StoreUnavailable] * 3 == [type(error) for error in errors]
    assert 3 == len({id(error) for error in errors})
    # No thread has sent its save again. The call without a response is not recorded.
    assert 5 == len(sent)
    assert {"first": False} == visitor.finds()


class Aborted(BaseException):
    """As gevent's Timeout, KeyboardInterrupt and SystemExit."""


@pytest.mark.parametrize("arrived", [False, True])
def test_another_thread_takes_over_from_an_aborted_one(
    visitor: Visitor, endpoint: Endpoint, arrived: bool
) -> None:
    sessions = conflicting(visitor, 4, log=["start"])

    def abort(params: dict[str, Any]) -> None:
        if arrived:
            endpoint.client.put_item(**params)
        raise Aborted

    with Threads(sessions[0]) as threads:
        threads.on_second_write("a", abort)
        with threads.leader(sessions[0], first=False) as leader:
            futures = [
                threads.follow(name, session, log=["start", name])
                for name, session in zip("abc", sessions[1:], strict=True)
            ]
        assert error_of(leader) is None
        assert isinstance(error_of(futures[0]), Aborted)
        assert [None, None] == [error_of(future) for future in futures[1:]]
    stored = ["start", "a", "b", "c"] if arrived else ["start", "b", "c"]
    assert {"first": False, "log": stored} == visitor.finds()


def test_a_thread_that_is_aborted_while_it_waits_leaves_the_queue(
    plain: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = conflicting(plain, 3)
    wait, aborts = threading.Condition.wait, threading.Event()
    aborted: list[threading.Thread] = []

    def wait_or_abort(self: threading.Condition, timeout: float | None = None) -> bool:
        woken = wait(self, timeout)
        if aborts.is_set() and threading.current_thread() in aborted:
            raise Aborted
        return woken

    def save_and_abort() -> None:
        aborted.append(threading.current_thread())
        save(sessions[1], a=1)

    monkeypatch.setattr(combined_saves, "POLL_SECONDS", 0.01)
    with Threads(sessions[0]) as threads, threads.leader(sessions[0], b=1) as leader:
        first = threads.run("a", save_and_abort)
        wait_until(lambda: waiting() > 1)
        second = threads.follow("c", sessions[2], c=1)
        monkeypatch.setattr(threading.Condition, "wait", wait_or_abort)
        aborts.set()
        assert isinstance(error_of(first), Aborted)
        monkeypatch.undo()
    assert [None, None] == [error_of(leader), error_of(second)]
    assert {"first": True, "b": 1, "c": 1} == plain.finds()


# -- time limit -------------------------------------------------------------------------------


@pytest.fixture
def monotonic(plain: Visitor, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the retries of `plain`."""
    monotonic = Clock(0.0)
    monkeypatch.setattr(combined_saves, "POLL_SECONDS", 0.01)
    # The time that passes inside a call must not count as a slow store.
    monkeypatch.setattr(conflict_retry, "ROUND_TRIPS", 0)
    plain.starts()
    for options in ({}, {"read_timeout": 61}):
        storage = session_storage(plain.request(**options).namespace.backend)
        storage.conflict_retry = partial(
            conflict_retry.ConflictRetry, monotonic, lambda seconds: None
        )
    return monotonic


def test_a_save_that_runs_out_of_time_in_the_queue_raises_and_is_not_stored(
    plain: Visitor, monotonic: Clock
) -> None:
    sessions = conflicting(plain, 2)
    with Threads(sessions[0]) as threads, threads.leader(sessions[0], a=1) as leader:
        late = threads.follow("b", sessions[1], b=1)
        monotonic.advance(1000)
        assert isinstance(error_of(late), SessionConflict)
    assert error_of(leader) is None
    assert {"first": True, "a": 1} == plain.finds()
    save(sessions[1], b=1)
    assert {"first": True, "a": 1, "b": 1} == plain.finds()


def test_a_save_that_runs_out_of_time_while_it_is_written_waits_for_the_result(
    plain: Visitor, monotonic: Clock
) -> None:
    sessions = conflicting(plain, 3)
    writes, go = threading.Event(), threading.Event()

    def hold(params: dict[str, Any]) -> None:
        writes.set()
        assert go.wait(HANGS)

    with Threads(sessions[0]) as threads:
        threads.on_second_write("a", hold)
        with threads.leader(sessions[0], first=False):
            futures = [threads.follow("a", sessions[1], a=1), threads.follow("b", sessions[2], b=1)]
        assert writes.wait(HANGS)
        (queue,) = (queue for queue in combined_saves._queues().values() if queue.saves)
        monotonic.advance(1000)
        wait_until(lambda: queue.saves[1].withdrawn)
        assert not futures[1].done()
        go.set()
        assert [None, None] == [error_of(future) for future in futures]
    assert {"first": False, "a": 1, "b": 1} == plain.finds()


def test_another_thread_takes_over_from_one_that_runs_out_of_time(
    plain: Visitor, monotonic: Clock
) -> None:
    sessions = conflicting(plain, 2)
    stranger = plain.request(read_timeout=61)

    def late() -> None:
        save(stranger, stranger=True)
        monotonic.advance(4.9)  # the follower, which began later, still has time

    with Threads(sessions[0]) as threads:
        with threads.leader(sessions[0], late, a=1) as leader:
            monotonic.advance(0.2)
            follower = threads.follow("b", sessions[1], b=1)
        assert isinstance(error_of(leader), SessionConflict)
        assert error_of(follower) is None
    assert {"first": True, "stranger": True, "b": 1} == plain.finds()


# -- saves that do not wait -------------------------------------------------------------------


def test_a_logout_does_not_wait_and_drops_the_waiting_saves(visitor: Visitor) -> None:
    sessions = conflicting(visitor, 4)
    logout = visitor.request()
    with CallRecorder(sessions[0].namespace.client) as sent, Threads(sessions[0]) as threads:
        with threads.leader(sessions[0], a=1) as leader:
            futures = [
                threads.follow(name, session, **{name: 1})
                for name, session in zip("bcd", sessions[1:], strict=True)
            ]
            assert error_of(threads.run("out", lambda: log_out(logout))) is None
            assert not leader.done()
        assert {None} == {error_of(future) for future in (leader, *futures)}
    # Four conflicts with the first save, and one save that found the session gone.
    assert 5 == [call.error_code for call in sent].count("ConditionalCheckFailedException")
    assert {} == visitor.finds()


def log_out(session: Any) -> None:
    session.delete()
    session.save()


@pytest.mark.parametrize(
    ("concurrency", "error", "found"),
    [("reject", SessionConflict, {"first": True, "a": 1}), ("overwrite", None, {"a": 1, "b": 1})],
)
def test_saves_of_other_modes_do_not_wait(
    plain: Visitor, concurrency: str, error: type[Exception] | None, found: dict[str, object]
) -> None:
    plain.starts()
    session, other = plain.request(), plain.request(concurrency=concurrency)
    save(plain.request(), first=True)
    with Threads(session) as threads, threads.leader(session, a=1) as leader:
        raised = error_of(threads.run("other", lambda: save(other, b=1)))
        assert not leader.done()
    assert error_of(leader) is None
    assert raised is None if error is None else isinstance(raised, error)
    assert found == plain.finds()


def test_reject_does_not_combine_saves_that_conflict_with_a_touch(
    plain: Visitor, clock: Clock
) -> None:
    plain.options.update(concurrency="reject", touch_interval=0)
    plain.starts()
    one, other = plain.request(), plain.request()
    clock.advance(10)
    plain.request().save(accessed_only=True)
    with Threads(one) as threads:
        with threads.leader(one, a=1) as leader:
            assert error_of(threads.run("other", lambda: save(other, b=1))) is None
            assert not leader.done()
        assert isinstance(error_of(leader), SessionConflict)
    assert {"b": 1} == plain.finds()


def test_a_change_of_id_does_not_wait_and_drops_the_waiting_saves(
    moved: dict[str, object],
) -> None:
    visitor = Visitor(moved, DynamoDBSession)
    session, other, login = conflicting(visitor, 3, name="Ada")
    login.regenerate_id()
    with Threads(session) as threads, threads.leader(session, a=1) as leader:
        follower = threads.follow("b", other, b=1)
        assert error_of(threads.run("in", lambda: save(login, user=5))) is None
        assert not leader.done()
    assert [None, None] == [error_of(leader), error_of(follower)]
    assert {} == visitor.finds()
    visitor.id = login.id
    assert {"name": "Ada", "first": True, "user": 5} == visitor.finds()

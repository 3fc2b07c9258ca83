"""Another thread takes over combined saves from one that is aborted or runs out of time."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from beaker_dynamodb import SessionConflict
from beaker_dynamodb.sessions import combined_saves, conflict_retry
from beaker_dynamodb.sessions.storage import session_storage
from tests.clock import Clock
from tests.sessions.driven import Visitor, save
from tests.sessions.threads import HANGS, Threads, conflicting, error_of, wait_until, waiting

if TYPE_CHECKING:
    from tests.servers.endpoint import Endpoint


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
        error = error_of(late)
    assert isinstance(error, SessionConflict)
    assert str(error).endswith(
        ": another request saved it first, and the saves queued before this one took too long"
    )
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

"""Leases: renewal, loss and release, with DynamoDB replaced by a table that records calls."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any
from unittest import mock

import pytest

from beaker_dynamodb.caches import heartbeat as heartbeat_module
from beaker_dynamodb.caches.heartbeat import MAX_PARALLEL, Heartbeat
from beaker_dynamodb.caches.lease import Lease
from beaker_dynamodb.caches.lock_items import LockItem
from beaker_dynamodb.dynamodb.error_mapping import ConditionFailed
from beaker_dynamodb.exceptions import StoreUnavailable
from tests.caches.conftest import LEASE, MakeLock, StoppedHeartbeat, Time


class Table:
    """A fake of the lock items of a table.

    :param on_renew: called with the key of each renewal.
    """

    def __init__(self, on_renew: Callable[[Any], object] = id) -> None:
        self._on_renew = on_renew
        self.versions: list[int] = []
        self.released: list[LockItem] = []
        self.error: Exception | None = None

    def renew(self, key: Any, lock: LockItem) -> None:
        self._on_renew(key)
        self.versions.append(lock.version)

    def release(self, key: Any, lock: LockItem) -> None:
        if self.error is not None:
            raise self.error
        self.released.append(lock)


def acquire(
    heartbeat: Heartbeat, time: Time, table: Table, durations: Sequence[float]
) -> list[Lease]:
    """Return leases of these durations, acquired now, whose keys are numbers."""
    any_table: Any = table
    leases = []
    for number, seconds in enumerate(durations):
        key: Any = number
        leases.append(Lease(any_table, key, LockItem(str(number), 1, seconds), time.now, time))
        heartbeat.add(leases[-1])
    return leases


def test_a_lease_is_renewed_after_each_third(heartbeat: Heartbeat, time: Time) -> None:
    table = Table()
    (lease,) = acquire(heartbeat, time, table, [9.0])
    renewals = []
    for _ in range(9):
        time.advance(1)
        heartbeat.renew_due()
        renewals.append(len(table.versions))
    assert renewals == [0, 0, 1, 1, 1, 2, 2, 2, 3]
    assert lease.expires_at == time.now + 9
    assert not lease.within_first_lease


@pytest.mark.parametrize(("seconds", "retry"), [(30.0, 1.0), (7.5, 0.75)])
def test_a_failed_renewal_is_retried_soon(
    heartbeat: Heartbeat, time: Time, caplog: pytest.LogCaptureFixture, seconds: float, retry: float
) -> None:
    attempts: list[float] = []

    def fail(key: object) -> None:
        attempts.append(time.now)
        raise ZeroDivisionError

    caplog.set_level("INFO")
    acquire(heartbeat, time, Table(fail), [seconds])
    time.advance(seconds / 3)
    for _ in range(3):
        heartbeat.renew_due()
        time.advance(retry / 2)
    assert attempts == [seconds / 3, seconds / 3 + retry]
    assert caplog.messages == ["a creation lock was not renewed, will retry: ZeroDivisionError"] * 2


@pytest.mark.parametrize(("failures", "lost"), [(19, False), (20, True)])
def test_a_lease_is_lost_when_all_renewals_fail(
    heartbeat: Heartbeat, time: Time, failures: int, lost: bool
) -> None:
    left = iter(range(failures))

    def fail(key: object) -> None:
        if next(left, None) is not None:
            raise StoreUnavailable("no answer")

    (lease,) = acquire(heartbeat, time, Table(fail), [LEASE])
    for _ in range(35):
        time.advance(1)
        heartbeat.renew_due()
    assert lease.lost is lost


@pytest.mark.parametrize("expired", [False, True])
def test_a_lease_that_was_lost_is_not_renewed(
    heartbeat: Heartbeat, time: Time, caplog: pytest.LogCaptureFixture, expired: bool
) -> None:
    renewed: list[object] = []

    def refuse(key: object) -> None:
        renewed.append(key)
        raise ConditionFailed(None)

    (lease,) = acquire(heartbeat, time, Table(refuse), [LEASE])
    time.advance(LEASE if expired else LEASE / 3)
    heartbeat.renew_due()
    heartbeat.renew_due()
    assert lease.lost
    assert renewed == ([] if expired else [0])
    assert caplog.messages == ["a creation lock was lost: it was not renewed within its lease"]


@pytest.mark.parametrize("expired", [False, True])
@pytest.mark.parametrize("taken_over", [False, True])
def test_a_lease_can_be_reclaimed_unless_it_was_taken_over(
    heartbeat: Heartbeat, time: Time, taken_over: bool, expired: bool
) -> None:
    table = Table(mock.Mock(side_effect=ConditionFailed(None) if taken_over else None))
    (lease,) = acquire(heartbeat, time, table, [LEASE])
    time.advance(LEASE if expired else 1)
    heartbeat.renew_due()
    assert lease.reclaim() is not taken_over
    assert lease.lost is taken_over
    assert table.versions == ([] if taken_over else [2])


@pytest.mark.parametrize("delete", [True, False])
def test_a_released_lease_is_not_renewed(
    heartbeat: Heartbeat, time: Time, caplog: pytest.LogCaptureFixture, delete: bool
) -> None:
    table = Table()
    (lease,) = acquire(heartbeat, time, table, [LEASE])
    lease.release(delete=delete)
    assert not lease.renew()
    assert table.released == ([LockItem("0", 1, LEASE)] if delete else [])
    assert (table.versions, caplog.messages) == ([], [])


def test_a_failed_release_is_logged(
    heartbeat: Heartbeat, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    table = Table()
    for table.error in (
        StoreUnavailable("no answer"),
        ConditionFailed({"owner": {}}),
        ConditionFailed(None),  # it no longer exists
    ):
        (lease,) = acquire(heartbeat, time, table, [LEASE])
        lease.release()
    assert caplog.messages == [
        "a creation lock was not released: no answer",
        "a creation lock was taken over before it was released",
    ]


def test_renewals_do_not_wait_for_each_other(heartbeat: Heartbeat, time: Time) -> None:
    together = threading.Barrier(MAX_PARALLEL, timeout=60)
    leases = acquire(heartbeat, time, Table(lambda key: together.wait()), [LEASE] * 64)
    time.advance(LEASE / 3)
    heartbeat.renew_due()
    time.advance(LEASE * 2 / 3)
    assert not any(lease.lost for lease in leases)


@pytest.mark.parametrize(("leases", "threads"), [(1, 0), (2, 1), (3, 2), (5, 2)])
def test_helper_threads_are_daemons_and_limited(
    heartbeat: Heartbeat, time: Time, monkeypatch: pytest.MonkeyPatch, leases: int, threads: int
) -> None:
    monkeypatch.setattr(heartbeat_module, "MAX_PARALLEL", 3)
    acquire(heartbeat, time, Table(), [LEASE] * leases)
    time.advance(LEASE / 3)
    daemons: list[bool] = []
    start = threading.Thread.start

    def started(thread: threading.Thread) -> None:
        daemons.append(thread.daemon)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", started)
    heartbeat.renew_due()
    assert daemons == [True] * threads


@pytest.mark.parametrize("no_threads", [False, True])
def test_one_thread_renews_leases_in_order_of_expiry(
    heartbeat: Heartbeat, time: Time, monkeypatch: pytest.MonkeyPatch, no_threads: bool
) -> None:
    renewed: list[object] = []
    acquire(heartbeat, time, Table(renewed.append), [60, 30, 90, 45])
    time.advance(30 - 0.001)

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    if no_threads:
        monkeypatch.setattr(threading.Thread, "start", refuse)
    else:
        monkeypatch.setattr(heartbeat_module, "MAX_PARALLEL", 1)
    heartbeat.renew_due()
    assert renewed == [1, 3, 0]


def test_without_a_thread_the_lock_is_released_at_once(
    make_lock: MakeLock, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = make_lock(), make_lock()
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == "beaker-dynamodb":
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError):
            one.acquire()
    assert two.acquire(wait=False)
    two.release()
    assert one.acquire(wait=False)
    assert not two.acquire(wait=False)
    one.release()
    assert two._heartbeat._leases == set()


def test_one_daemon_thread_starts_with_the_first_lease(
    time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[int] = []
    monkeypatch.setattr(StoppedHeartbeat, "run", lambda heartbeat: ran.append(1))
    started: list[threading.Thread] = []
    monkeypatch.setattr(threading.Thread, "start", lambda thread: started.append(thread))
    acquire(StoppedHeartbeat(time), time, Table(), [LEASE] * 2)
    (thread,) = started
    assert (thread.name, thread.daemon) == ("beaker-dynamodb", True)
    thread.run()
    assert ran == [1]


class Asleep(Exception):
    """The thread waits until a lease is added."""


@pytest.fixture
def running(time: Time, monkeypatch: pytest.MonkeyPatch) -> Heartbeat:
    heartbeat = Heartbeat(time)
    heartbeat._thread = threading.current_thread()

    def wait(timeout: float | None = None) -> None:
        if timeout is None or len(time.pauses) == 10:
            raise Asleep
        time.sleep(timeout)

    monkeypatch.setattr(heartbeat._changed, "wait", wait)
    return heartbeat


def test_the_heartbeat_sleeps_until_the_next_lease_is_due(running: Heartbeat, time: Time) -> None:
    renewed: list[tuple[float, object]] = []
    table = Table(lambda key: renewed.append((time.now, key)))
    acquire(running, time, table, [9.0, 7.5])
    with pytest.raises(Asleep):
        running.run()
    assert time.pauses == [2.5, 0.5, 2, 1, 1.5, 1.5, 1, 2, 0.5, 2.5]
    assert renewed[:6] == [(2.5, 1), (3, 0), (5, 1), (6, 0), (7.5, 1), (9, 0)]


def test_the_heartbeat_does_not_sleep_when_a_lease_is_due(running: Heartbeat, time: Time) -> None:
    acquire(running, time, Table(), [9.0])
    time.advance(3)
    with pytest.raises(Asleep):
        running.run()
    assert time.pauses == [3] * 10


@pytest.mark.parametrize("end", ["removed", "lost", "none"])
def test_the_heartbeat_sleeps_without_leases(running: Heartbeat, time: Time, end: str) -> None:
    def lose(key: object) -> None:
        raise ConditionFailed(None)

    leases = acquire(running, time, Table(lose), [] if end == "none" else [LEASE])
    if end == "removed":
        running.remove(leases[0])
    with pytest.raises(Asleep):
        running.run()
    assert time.pauses == ([LEASE / 3] if end == "lost" else [])

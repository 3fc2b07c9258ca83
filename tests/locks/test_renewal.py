"""A lock is renewed while its value is made, and its holder knows when it is lost."""

from __future__ import annotations

import threading

import pytest

from beaker_dynamodb.caches import lease
from beaker_dynamodb.caches.lock_items import LockItem
from tests.locks.elsewhere import LEASE, Process, Time, hold
from tests.servers.recorder import CallRecorder

LOST = "a creation lock was lost: it could not be renewed within its lease"


def test_renewal(process: Process, time: Time) -> None:
    """A lock that is renewed is not taken over, however long the value takes to make."""
    one, two = process(), process()
    one.acquire()
    for _ in range(40):
        assert not two.acquire(wait=False)
        time.advance(LEASE / 3)
        lease.heart.beat()
    assert not one.lost


def test_each_third_of_the_lease_a_lock_gets_its_next_version(process: Process, time: Time) -> None:
    one = process()
    one.acquire()
    versions = []
    for _ in range(9):
        present = one._items.read(one._key)
        versions.append(present and present.version)
        time.advance(LEASE / 9)
        lease.heart.beat()
    assert [1, 1, 1, 2, 2, 2, 3, 3, 3] == versions


@pytest.mark.parametrize(("seconds", "retry"), [(30.0, 1.0), (7.5, 0.75)])
def test_a_renewal_that_failed_is_tried_again_soon(
    time: Time, caplog: pytest.LogCaptureFixture, seconds: float, retry: float
) -> None:
    tried: list[float] = []

    def fail(key: object) -> None:
        tried.append(time.now)
        raise ZeroDivisionError

    caplog.set_level("INFO")
    hold(fail, [seconds])
    time.advance(seconds / 3)
    for _ in range(3):
        lease.heart.beat()
        time.advance(retry / 2)
    assert [seconds / 3, seconds / 3 + retry] == tried
    assert ["a creation lock was not renewed, trying again: ZeroDivisionError"] * 2 == (
        caplog.messages
    )


def test_renewed_unseen(process: Process, time: Time) -> None:
    """A lock that was renewed while nobody looked is not taken over, however long ago that was."""
    one, two = process(), process()
    one.acquire()
    assert not two.acquire(wait=False)
    time.advance(LEASE / 3)
    lease.heart.beat()
    time.advance(LEASE * 2 / 3)
    assert not two.acquire(wait=False)


def test_taken_away(process: Process, caplog: pytest.LogCaptureFixture) -> None:
    """A renewal does not write over somebody else's lock, and tells that the own one is lost."""
    one = process()
    one.acquire()
    held = one._held
    assert held is not None
    other = LockItem("somebody else", 1, LEASE)
    assert one._items.take(one._key, other, held._lock) is None

    assert not held.renew()

    assert one.lost
    assert other == one._items.read(one._key)
    assert [LOST] == caplog.messages


@pytest.mark.parametrize("end", ["release", "abandon"])
def test_renewal_after_the_end(
    process: Process, sent: CallRecorder, caplog: pytest.LogCaptureFixture, end: str
) -> None:
    """A renewal that was due and comes after the release writes nothing, and nothing is amiss."""
    one = process()
    one.acquire()
    held = one._held
    assert held is not None
    getattr(held, end)()
    sent.clear()
    assert not held.renew()
    assert [] == sent.operations
    assert [] == caplog.messages


def test_lost_in_renewal(process: Process, time: Time, caplog: pytest.LogCaptureFixture) -> None:
    """A holder whose lease is over stops renewing, so that it takes nothing back."""
    one, two = process(), process()
    one.acquire()
    two.acquire(wait=False)
    time.advance(LEASE)
    two.acquire(wait=False)

    lease.heart.beat()

    assert one.lost
    assert not two.lost
    assert [LOST] == caplog.messages


def test_renewals_do_not_wait_for_each_other(time: Time) -> None:
    """Thirty-two are under way at once, so that an answer that is late costs no other lock."""
    together = threading.Barrier(lease.AT_ONCE, timeout=60)
    locks = hold(lambda key: together.wait(), [LEASE] * (2 * lease.AT_ONCE))
    time.advance(LEASE / 3)
    lease.heart.beat()
    time.advance(LEASE * 2 / 3)
    assert [False] * 64 == [held.lost for held in locks]
    assert 32 == lease.AT_ONCE


@pytest.mark.parametrize(("locks", "threads"), [(1, 0), (2, 1), (3, 2), (5, 2)])
def test_as_many_threads_help_as_may_be_under_way(
    time: Time, monkeypatch: pytest.MonkeyPatch, locks: int, threads: int
) -> None:
    monkeypatch.setattr(lease, "AT_ONCE", 3)
    hold(id, [LEASE] * locks)
    time.advance(LEASE / 3)
    daemons: list[bool] = []
    start = threading.Thread.start

    def started(thread: threading.Thread) -> None:
        daemons.append(thread.daemon)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", started)
    lease.heart.beat()
    assert [True] * threads == daemons


def test_the_most_urgent_renewal_comes_first(time: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more locks than can be renewed at once, those are first that would be lost first."""
    monkeypatch.setattr(lease, "AT_ONCE", 1)
    renewed: list[object] = []
    hold(renewed.append, [60, 30, 90, 45])
    time.advance(30 - 0.001)
    lease.heart.beat()
    assert [1, 3, 0] == renewed


def test_without_more_threads_one_renews_all(time: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system gives no thread, or Python ends, no lock is left out."""
    renewed: list[object] = []
    hold(renewed.append, [LEASE] * 3)
    time.advance(LEASE / 3)

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    lease.heart.beat()
    assert {0, 1, 2} == set(renewed)


def test_no_thread_to_renew_it(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that cannot be renewed is given back, and is not renewed once that can be done."""
    one, two = process(), process()

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

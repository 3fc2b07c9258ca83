"""A lock is renewed while its value is made, and its holder knows when it is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from beaker_dynamodb import lease
from beaker_dynamodb.storage.lock_items import LockItem
from tests.locks.elsewhere import LEASE, Process, Time
from tests.servers.recorder import CallRecorder


def test_renewal(process: Process, time: Time) -> None:
    """A lock that is renewed is not taken over, however long the value takes to make."""
    one, two = process(), process()
    one.acquire()
    for _ in range(40):
        assert not two.acquire(wait=False)
        time.advance(LEASE / 3)
        lease.heart.beat()
    assert not one.lost


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
    assert 1 == len(caplog.messages)


def test_renewal_after_release(
    process: Process, sent: CallRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    """A renewal that was due and comes after the release writes nothing, and nothing is amiss."""
    one = process()
    one.acquire()
    held = one._held
    assert held is not None
    one.release()
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
    assert 1 == len(caplog.messages)


class Table:
    """Takes every renewal, as the test says.

    :param renew: is called with the key of the lock.
    """

    def __init__(self, renew: Callable[[object], object]) -> None:
        self._renew = renew

    def renew(self, key: object, lock: LockItem) -> None:
        """Take a renewal."""
        self._renew(key)


def hold(renew: Callable[[object], object], leases: Sequence[float]) -> list[lease.Held]:
    """Hold locks with these leases, taken now, whose keys are numbers."""
    table: Any = Table(renew)
    locks: list[lease.Held] = []
    for number, seconds in enumerate(leases):
        key: Any = number
        locks.append(lease.Held(table, key, LockItem(f"{number}", 1, seconds), lease.monotonic()))
        lease.heart.add(locks[-1])
    return locks


def test_renewals_do_not_wait_for_each_other(time: Time) -> None:
    """Thirty-two are under way at once, so that an answer that is late costs no other lock."""
    together = threading.Barrier(lease.AT_ONCE, timeout=60)
    locks = hold(lambda key: together.wait(), [LEASE] * (2 * lease.AT_ONCE))
    time.advance(LEASE / 3)
    lease.heart.beat()
    time.advance(LEASE * 2 / 3)
    assert [False] * 64 == [held.lost for held in locks]
    assert 32 == lease.AT_ONCE


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

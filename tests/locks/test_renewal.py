"""A lock is renewed while its value is made, and its holder knows when it is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from beaker_dynamodb import lease
from beaker_dynamodb.storage.lock_items import LockItem
from tests.locks.elsewhere import LEASE, Process, Time
from tests.servers.recorder import CallRecorder

if TYPE_CHECKING:
    pass


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

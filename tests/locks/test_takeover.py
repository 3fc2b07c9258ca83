"""Locks whose holder is dead, was stopped for too long, or only seems to be."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager
from tests.locks.elsewhere import LEASE, Process, Time, die

pytestmark = pytest.mark.both_servers


def test_dead_holder(process: Process, time: Time) -> None:
    """A waiter takes over from a dead holder after one lease of its own clock, not before."""
    one, two = process(), process()
    one.acquire()
    die(one)
    time.advance(1000)
    two.acquire()
    assert 1000 + LEASE == time.now


def test_dead_holder_stale(process: Process, time: Time) -> None:
    """Readers that do not wait take over from a dead holder too."""
    one, two = process(), process()
    one.acquire()
    die(one)
    assert not two.acquire(wait=False)
    time.advance(LEASE - 1)
    assert not two.acquire(wait=False)
    time.advance(1)
    assert two.acquire(wait=False)


def test_one_of_two_takes_over(process: Process, time: Time) -> None:
    """Of two waiters on a dead holder's lock one takes it over."""
    one, two, three = process(), process(), process()
    one.acquire()
    die(one)
    assert [False, False] == [two.acquire(wait=False), three.acquire(wait=False)]
    time.advance(LEASE)
    assert [True, False] == [two.acquire(wait=False), three.acquire(wait=False)]


def test_remembered(options: dict[str, Any], process: Process, time: Time) -> None:
    """What was seen of a dead holder is remembered, though its readers forget the lock."""
    one = process()
    one.acquire()
    die(one)
    namespace = DynamoDBNamespaceManager("news", **options)
    assert not namespace.get_creation_lock(b"key").acquire(wait=False)
    gc.collect()
    time.advance(LEASE)
    assert namespace.get_creation_lock(b"key").acquire(wait=False)


def test_late_release(process: Process, time: Time, caplog: pytest.LogCaptureFixture) -> None:
    """A holder that was stopped for too long knows, and its release frees nobody else's lock."""
    one, two, three = process(), process(), process()
    one.acquire()
    two.acquire(wait=False)
    time.advance(LEASE)
    assert one.lost
    assert two.acquire(wait=False)

    one.release()

    assert not three.acquire(wait=False)
    assert ["a creation lock had been taken over before it was released"] == caplog.messages


@pytest.mark.parametrize("read", [False, True])
def test_a_late_maker_stores_nothing_once_another_had_the_lock(
    options: dict[str, Any], process: Process, time: Time, read: bool
) -> None:
    late, other = (DynamoDBNamespaceManager("news", **options) for _ in range(2))
    mine = late.get_creation_lock(b"key")
    mine.acquire()
    if read:
        assert b"key" not in late
    time.advance(LEASE)
    theirs = process()
    theirs.acquire()
    other[b"key"] = "made by another"
    theirs.release()
    other.remove()
    late[b"key"] = "late"
    assert b"key" not in other
    mine.release()


@pytest.mark.parametrize("there", [False, True])
def test_late_maker(options: dict[str, Any], time: Time, there: bool) -> None:
    """A value made under a lost lock replaces none that is there, and fills a gap."""
    one, two = (DynamoDBNamespaceManager("news", **options) for _ in range(2))
    mine = one.get_creation_lock(b"key")
    mine.acquire()
    if there:
        two[b"key"] = "in time"
    time.advance(LEASE)
    one[b"key"] = "late"
    assert ("in time" if there else "late") == two[b"key"]
    mine.release()
    two[b"key"] = "later"
    assert "later" == two[b"key"]

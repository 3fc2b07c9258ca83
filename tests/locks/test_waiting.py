"""Waiting for a creation lock that somebody else has."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager, LockTimeout
from beaker_dynamodb.caches import creation_lock as lock
from beaker_dynamodb.caches import lease
from tests.locks.elsewhere import LEASE, Process, Time
from tests.servers.recorder import CallRecorder


def test_wait(process: Process, time: Time, sent: CallRecorder) -> None:
    """A waiter looks by reads, in growing pauses, and has the lock when it is free."""
    one, two = process(), process()
    one.acquire()
    sent.clear()
    time.during = lambda: one.release() if len(time.pauses) == 7 else None

    two.acquire()

    assert two.mine
    assert ["PutItem", *["GetItem"] * 6, "DeleteItem", "GetItem", "PutItem"] == sent.operations
    longest = [lock.POLL_FIRST * 2**n for n in range(5)] + [lock.POLL_LONGEST] * 2
    for pause, most in zip(time.pauses, longest, strict=True):
        assert most / 2 <= pause <= most


def test_from_hand_to_hand(process: Process, time: Time) -> None:
    """When the lock has a new owner it may be free again soon: the pauses begin anew."""
    one, two, three = process(), process(), process()
    one.acquire()

    def change_hands() -> None:
        if len(time.pauses) == 6:
            one.release()
            assert three.acquire(wait=False)
        elif len(time.pauses) == 8:
            three.release()

    time.during = change_hands
    two.acquire()
    assert lock.POLL_LONGEST / 2 <= time.pauses[5]
    assert time.pauses[6] <= lock.POLL_FIRST
    assert lock.POLL_FIRST <= time.pauses[7] <= lock.POLL_FIRST * 2
    assert 8 == len(time.pauses)


def test_timeout(process: Process, time: Time, table_name: str) -> None:
    """After lock_timeout a waiter gives up, with an error, and can try again."""
    one, two = process(), process()
    one.acquire()
    time.during = lease.heart.beat
    with pytest.raises(LockTimeout) as timeout:
        two.acquire()
    expected = "a value is being made elsewhere for more than 60 s (option lock_timeout)"
    assert expected in str(timeout.value)
    assert table_name == timeout.value.table
    assert 60 == time.now
    assert lock.POLL_LONGEST / 2 <= min(time.pauses[5:-1])  # a renewal is no reason to hurry
    one.release()
    assert two.acquire()


@pytest.mark.parametrize("on_error", ["raise", "miss"])
def test_a_thread_gives_up_waiting_for_another_while_dynamodb_answers(
    options: dict[str, Any], on_error: str
) -> None:
    more = {"on_error": on_error, "lock_timeout": 0.01}
    mine = DynamoDBNamespaceManager("news", **options, **more).get_creation_lock(b"key")
    mine.acquire()
    caught: list[LockTimeout] = []

    def wait() -> None:
        with pytest.raises(LockTimeout) as timeout:
            mine.acquire()
        caught.append(timeout.value)

    thread = threading.Thread(target=wait)
    thread.start()
    thread.join()
    mine.release()
    assert 1 == len(caught)


def test_interrupted_waiter(process: Process, time: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    """A waiter that is interrupted, as by gevent's Timeout, leaves no lock behind."""
    one, two = process(), process()
    one.acquire()
    waiting, released = threading.Event(), threading.Event()
    wait_for = threading.Condition.wait_for

    def interrupted(turn: threading.Condition, predicate: Any, timeout: Any = None) -> bool:
        waiting.set()
        wait_for(turn, predicate, timeout)
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Condition, "wait_for", interrupted)

    def wait() -> None:
        with pytest.raises(KeyboardInterrupt):
            one.acquire()
        released.set()

    thread = threading.Thread(target=wait)
    thread.start()
    waiting.wait()
    one.release()
    released.wait()
    thread.join()
    monkeypatch.undo()
    assert two._items.read(two._key) is None


def test_a_waiter_that_is_interrupted_leaves_a_lock_that_is_in_use(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = process()
    one.acquire()

    def interrupted(predicate: Any, timeout: float) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(one._turn, "wait_for", interrupted)

    def wait() -> None:
        with pytest.raises(KeyboardInterrupt):
            one.acquire()

    thread = threading.Thread(target=wait)
    thread.start()
    thread.join()
    assert one._items.read(one._key) is not None
    assert not one.lost
    one.release()


def test_lost_lock_is_not_handed_on(process: Process, time: Time) -> None:
    """A thread that waited does not get a lock that its process has lost meanwhile."""
    lock = process()
    lock.acquire()
    lock._waiting = 1  # a thread that is woken, and runs only after the lease is over
    lock.release()
    lock._waiting = 0
    time.advance(LEASE)
    assert lock.acquire(wait=False)
    assert not lock.lost
    lock.release()

"""A creation lock that another process has taken over, and a value that comes too late."""

from __future__ import annotations

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.caches import lease
from beaker_dynamodb.caches.lock_registry import LockRegistry
from tests.caches.conftest import LEASE, MakeLock, Options, Time


def test_a_late_release_deletes_no_other_lock(
    make_lock: MakeLock, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    one, two, three = make_lock(), make_lock(), make_lock()
    one.acquire()
    two.acquire(wait=False)
    time.advance(LEASE)
    assert one.lost
    assert two.acquire(wait=False)
    one.release()
    assert not three.acquire(wait=False)
    assert caplog.messages == ["a creation lock was taken over before it was released"]


def test_a_lost_lease_is_not_passed_to_the_next_thread(make_lock: MakeLock, time: Time) -> None:
    lock = make_lock()
    lock.acquire()
    lock._waiting = 1  # a thread that runs only after the lease has expired
    lock.release()
    lock._waiting = 0
    time.advance(LEASE)
    assert lock.acquire(wait=False)
    assert not lock.lost
    lock.release()


def test_after_one_lease_other_processes_get_the_lock(make_lock: MakeLock, time: Time) -> None:
    one, two = make_lock(), make_lock()
    one.acquire()
    one._waiting = 1
    time.advance(LEASE / 3)
    one._heartbeat.renew_due()
    time.advance(LEASE * 2 / 3 - 0.001)
    one.release()
    assert not two.acquire(wait=False)  # passed on to the waiting thread
    one._waiting = 0
    one.acquire()
    one._heartbeat.renew_due()
    one._waiting = 1
    time.advance(lease.HELD_ELSEWHERE_SECONDS)
    one.release()
    assert two.acquire(wait=False)


@pytest.mark.parametrize("read", [False, True])
@pytest.mark.parametrize("meanwhile", ["nothing", "computed", "computed and cleared", "written"])
def test_a_late_value_replaces_no_other_value(
    options: Options, make_lock: MakeLock, time: Time, read: bool, meanwhile: str
) -> None:
    late = DynamoDBNamespaceManager("news", **options)
    other = DynamoDBNamespaceManager("news", lock_timeout=58, **options)
    lock = late.get_creation_lock(b"key")
    lock.acquire()
    if read:
        assert b"key" not in late
    time.advance(LEASE)
    if "computed" in meanwhile:
        successor = make_lock()
        successor.acquire()
        other[b"key"] = "other"
        successor.release()
    if "cleared" in meanwhile:
        other.remove()
    if meanwhile == "written":
        other[b"key"] = "other"
    late[b"key"] = "late"
    expected = {"nothing": ["late"], "computed and cleared": []}.get(meanwhile, ["other"])
    assert [other[key] for key in (b"key",) if key in other] == expected
    lock.release()


def test_a_late_value_does_not_replace_a_tombstone_that_was_not_read(
    options: Options, registry: LockRegistry, time: Time
) -> None:
    manager = DynamoDBNamespaceManager("news", **options)
    lock = manager.get_creation_lock(b"key")
    lock.acquire()
    del manager[b"key"]
    time.advance(LEASE)
    manager[b"key"] = "late"
    assert b"key" not in manager
    lock.release()

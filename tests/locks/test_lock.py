"""The creation lock on both servers: who has it, and what having it costs."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.caches import creation_lock as lock
from beaker_dynamodb.caches import lease
from beaker_dynamodb.caches.lock_registry import held_lock
from beaker_dynamodb.caches.storage import cache_storage
from tests.beaker import items
from tests.locks.elsewhere import LEASE, Process, Time
from tests.servers.recorder import CallRecorder

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

pytestmark = pytest.mark.both_servers


def test_exclusive(process: Process, time: Time) -> None:
    """One of two processes has the lock; the other has it after the release."""
    one, two = process(), process()
    assert one.acquire(wait=False)
    assert not two.acquire(wait=False)
    one.release()
    time.advance(lock.QUIET_SECONDS)
    assert two.acquire(wait=False)


def test_item(process: Process, client: DynamoDBClient, table_name: str) -> None:
    """A lock is one item, with a token of its own each time, that time to live takes away."""
    one = process()
    owners = set()
    for _ in range(2):
        one.acquire()
        ((key, item),) = items(client, table_name).items()
        assert "cache:|lock|news|key" == key
        assert "beaker-lock" == item["type"]["S"]
        assert {"id", "type", "owner", "version", "lease", "expires"} == set(item)
        owners.add(item["owner"]["S"])
        one.release()
        assert {} == items(client, table_name)
    assert 2 == len(owners)


def test_reentrant(process: Process, sent: CallRecorder) -> None:
    """A thread takes its lock again at no cost, and gives it back with the last release."""
    one = process()
    one.acquire()
    sent.clear()
    assert one.acquire(wait=False)
    one.release()
    assert [] == sent.operations
    one.release()
    assert ["DeleteItem"] == sent.operations


def test_threads(process: Process, sent: CallRecorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another thread of the process does not get the lock, and asks nobody but the process."""
    one = process()
    one.acquire()
    sent.clear()
    timeouts: list[float] = []
    wait_for = one._turn.wait_for

    def recorded(predicate: Any, timeout: float) -> bool:
        timeouts.append(timeout)
        return bool(wait_for(predicate, timeout))

    monkeypatch.setattr(one._turn, "wait_for", recorded)
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(one.acquire(wait=False)))
    thread.start()
    thread.join()
    assert [False] == answers
    assert [0] == timeouts
    assert [] == sent.operations


def test_quiet(process: Process, time: Time, sent: CallRecorder) -> None:
    """A thousand readers of one stale key that another process makes are one write."""
    one, two = process(), process()
    one.acquire()
    sent.clear()
    assert [False] * 1000 == [two.acquire(wait=False) for _ in range(1000)]
    assert ["PutItem"] == sent.operations
    time.advance(lock.QUIET_SECONDS)
    two.acquire(wait=False)
    assert ["PutItem"] * 2 == sent.operations


def test_memory(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many locks of others are seen, so many are remembered and no more."""
    monkeypatch.setattr(lock, "MAX_WATCHED", 2)
    monkeypatch.setattr(lock, "_watched", {})
    process().acquire()
    others = [process() for _ in range(3)]
    assert [False] * 3 == [other.acquire(wait=False) for other in others]
    assert others[1:] == list(lock._watched)


def test_of_remembered_locks_the_one_seen_last_stays(
    process: Process, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "MAX_WATCHED", 2)
    monkeypatch.setattr(lock, "_watched", {})
    process().acquire()
    first, second, third = (process() for _ in range(3))
    for one in (first, second):
        one.acquire(wait=False)
    time.advance(LEASE / 3)
    lease.heart.beat()
    for one in (first, third):
        one.acquire(wait=False)
    assert [first, third] == list(lock._watched)


def test_a_lock_that_is_free_is_not_remembered(
    process: Process, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "_watched", {})
    one, two = process(), process()
    one.acquire()
    two.acquire(wait=False)
    one.release()
    time.advance(lock.QUIET_SECONDS)
    assert two.acquire(wait=False)
    assert {} == lock._watched


def test_a_lock_that_was_released_is_not_renewed(process: Process) -> None:
    one = process()
    one.acquire()
    assert 1 == len(lease.heart._held)
    one.release()
    assert set() == lease.heart._held


def test_one_object(options: dict[str, Any]) -> None:
    """In one process a key has one lock, however many managers ask for it."""
    one, two = (
        DynamoDBNamespaceManager("news", timeout=life, **options).get_creation_lock(b"key")
        for life in (60, 120)
    )
    assert one is two
    assert one is not DynamoDBNamespaceManager("news", **options).get_creation_lock(b"another")


@pytest.mark.parametrize("option", ["lock_timeout", "on_error", "client"])
def test_limits_and_clients_of_their_own_have_locks_of_their_own(
    options: dict[str, Any], client: DynamoDBClient, option: str
) -> None:
    values = {"lock_timeout": 40, "on_error": "miss", "client": client}
    one, two = (
        DynamoDBNamespaceManager("news", **{**options, **more}).get_creation_lock(b"key")
        for more in ({}, {option: values[option]})
    )
    assert one is not two


def test_a_lock_is_held_by_the_thread_that_has_acquired_it(options: dict[str, Any]) -> None:
    manager = DynamoDBNamespaceManager("news", **options)
    key = manager.backend.keys.lock("news", b"key")
    mine = manager.get_creation_lock(b"key")
    assert held_lock(cache_storage(manager.backend), key) is None
    mine.acquire()
    assert mine is held_lock(cache_storage(manager.backend), key)
    elsewhere: list[object] = []
    thread = threading.Thread(
        target=lambda: elsewhere.append(held_lock(cache_storage(manager.backend), key))
    )
    thread.start()
    thread.join()
    assert [None] == elsewhere
    mine.release()
    assert held_lock(cache_storage(manager.backend), key) is None

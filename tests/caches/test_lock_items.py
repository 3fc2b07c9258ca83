"""Lock items: the exact requests for them, and locks and values that come too late."""

from __future__ import annotations

from typing import Any

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager, PayloadError
from beaker_dynamodb.caches import lease
from beaker_dynamodb.caches.lock_items import LockItem, LockItems
from beaker_dynamodb.caches.lock_registry import LockRegistry
from beaker_dynamodb.items.keys import Key
from tests.caches.conftest import LEASE, MakeLock, Options, Time
from tests.stubbed import TABLE, Script

KEY = Key("cache:|lock|pages|k")
LOCK = LockItem("the owner", 3, 29.5)
ITEM: dict[str, Any] = {
    "id": {"S": "cache:|lock|pages|k"},
    "type": {"S": "beaker-lock"},
    "owner": {"S": "the owner"},
    "version": {"N": "3"},
    "lease": {"N": "29.5"},
    # Now plus the lease, both rounded up, plus a day.
    "ttl": {"N": str(1_700_000_001 + 30 + 86_400)},
}
OWNED = {
    "ConditionExpression": "#owner = :owner",
    "ExpressionAttributeNames": {"#owner": "owner"},
    "ExpressionAttributeValues": {":owner": {"S": "the owner"}},
    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
}
FREE = {
    "ConditionExpression": "attribute_not_exists(#id)",
    "ExpressionAttributeNames": {"#id": "id"},
    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
}
FREE_OR_ABANDONED = {
    "ConditionExpression": "attribute_not_exists(#id) OR #owner = :owner AND #version = :version",
    "ExpressionAttributeNames": {"#id": "id", "#owner": "owner", "#version": "version"},
    "ExpressionAttributeValues": {":owner": {"S": "gone"}, ":version": {"N": "7"}},
    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
}


def lock_items(script: Script) -> LockItems:
    return LockItems(script.manager(ttl_attribute="ttl").backend.items)


@pytest.mark.parametrize(
    ("abandoned", "condition"), [(None, FREE), (LockItem("gone", 7, 30.0), FREE_OR_ABANDONED)]
)
def test_a_lock_is_acquired_if_it_is_free_or_abandoned(
    abandoned: LockItem | None, condition: dict[str, Any]
) -> None:
    request = {"TableName": TABLE, "Item": ITEM, **condition}
    with Script().answer("put_item", request, {}) as script:
        assert lock_items(script).acquire(KEY, LOCK, abandoned) is None


def test_a_lock_acquired_without_a_response_is_not_another_owners(options: Options) -> None:
    locks = LockItems(DynamoDBNamespaceManager("news", **options).backend.items)
    assert locks.acquire(KEY, LOCK, None) is None
    assert locks.acquire(KEY, LOCK, None) is None
    assert LOCK == locks.acquire(KEY, LockItem("another", 1, 30.0), None)


def test_a_lock_is_renewed_and_released_by_its_owner() -> None:
    put = {"TableName": TABLE, "Item": ITEM, **OWNED}
    delete = {"TableName": TABLE, "Key": {"id": ITEM["id"]}, **OWNED}
    script = Script().answer("put_item", put, {}).answer("delete_item", delete, {})
    with script:
        locks = lock_items(script)
        locks.renew(KEY, LOCK)
        locks.release(KEY, LOCK)


@pytest.mark.parametrize(("answer", "found"), [({"Item": ITEM}, LOCK), ({}, None)])
def test_a_lock_is_read_strongly_consistent(answer: dict[str, Any], found: LockItem | None) -> None:
    request = {"TableName": TABLE, "Key": {"id": ITEM["id"]}, "ConsistentRead": True}
    with Script().answer("get_item", request, answer) as script:
        assert lock_items(script).read(KEY) == found


@pytest.mark.parametrize(
    ("name", "value"), [("owner", {"N": "1"}), ("version", {"N": "1.5"}), ("lease", {"S": "30"})]
)
def test_the_error_names_what_is_damaged(name: str, value: dict[str, str]) -> None:
    answer = {"Item": {**ITEM, name: value}}
    with Script().answer("get_item", None, answer) as script:
        locks = lock_items(script)
        with pytest.raises(PayloadError, match=r"^an item of type 'beaker-lock' is damaged: \w*E"):
            locks.read(KEY)


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

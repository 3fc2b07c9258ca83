"""The exact requests of creation locks."""

from __future__ import annotations

from typing import Any

import pytest

from beaker_dynamodb import PayloadError
from beaker_dynamodb.caches.lock_items import LockItem, LockItems
from beaker_dynamodb.items.keys import Key
from tests.stubbed import TABLE, Script

KEY = Key("cache:|lock|pages|k")
LOCK = LockItem("the owner", 3, 29.5)
ITEM: dict[str, Any] = {
    "id": {"S": "cache:|lock|pages|k"},
    "type": {"S": "beaker-lock"},
    "owner": {"S": "the owner"},
    "version": {"N": "3"},
    "lease": {"N": "29.5"},
    # Now, rounded up, and the lease, rounded, and a day.
    "ttl": {"N": str(1_700_000_001 + 30 + 86_400)},
}


def put(condition: str, names: dict[str, str], **values: dict[str, str]) -> dict[str, Any]:
    """Return the parameters of a PutItem of the lock."""
    request = {
        "TableName": TABLE,
        "Item": ITEM,
        "ConditionExpression": condition,
        "ExpressionAttributeNames": names,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    if values:
        named = {f":{name}": value for name, value in values.items()}
        request["ExpressionAttributeValues"] = named
    return request


def lock_items(script: Script) -> LockItems:
    """Open the locks of the table."""
    return LockItems(script.manager(ttl_attribute="ttl").backend.items)


def test_a_free_lock_is_taken_if_no_item_is_there() -> None:
    request = put("attribute_not_exists(#key)", {"#key": "id"})
    with Script().answer("put_item", request, {}) as script:
        assert lock_items(script).take(KEY, LOCK, None) is None


def test_an_abandoned_lock_is_taken_if_it_was_not_renewed() -> None:
    request = put(
        "attribute_not_exists(#key) OR (#owner = :owner AND #version = :version)",
        {"#key": "id", "#owner": "owner", "#version": "version"},
        owner={"S": "gone"},
        version={"N": "7"},
    )
    with Script().answer("put_item", request, {}) as script:
        assert lock_items(script).take(KEY, LOCK, LockItem("gone", 7, 30.0)) is None


def test_a_lock_is_renewed_if_it_has_the_same_owner() -> None:
    request = put("#owner = :owner", {"#owner": "owner"}, owner={"S": "the owner"})
    with Script().answer("put_item", request, {}) as script:
        lock_items(script).renew(KEY, LOCK)


def test_a_lock_is_freed_if_it_has_the_same_owner() -> None:
    request = {
        "TableName": TABLE,
        "Key": {"id": {"S": "cache:|lock|pages|k"}},
        "ConditionExpression": "#owner = :owner",
        "ExpressionAttributeNames": {"#owner": "owner"},
        "ExpressionAttributeValues": {":owner": {"S": "the owner"}},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    with Script().answer("delete_item", request, {}) as script:
        lock_items(script).free(KEY, LOCK)


@pytest.mark.parametrize(("answer", "found"), [({"Item": ITEM}, LOCK), ({}, None)])
def test_a_lock_is_read_strongly_consistent(answer: dict[str, Any], found: LockItem | None) -> None:
    request = {
        "TableName": TABLE,
        "Key": {"id": {"S": "cache:|lock|pages|k"}},
        "ConsistentRead": True,
    }
    with Script().answer("get_item", request, answer) as script:
        assert found == lock_items(script).read(KEY)


@pytest.mark.parametrize(
    ("name", "value"), [("owner", {"N": "1"}), ("version", {"N": "1.5"}), ("lease", {"S": "30"})]
)
def test_a_damaged_lock_names_what_is_wrong_with_it(name: str, value: dict[str, str]) -> None:
    answer = {"Item": {**ITEM, name: value}}
    with Script().answer("get_item", None, answer) as script:
        locks = lock_items(script)
        with pytest.raises(PayloadError, match=r"^an item of type 'beaker-lock' is damaged: \w*E"):
            locks.read(KEY)

"""The exact requests that end and move a session, and what they make of the answers."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest

from beaker_dynamodb.dynamodb.error_mapping import ConditionFailed
from beaker_dynamodb.items.item import SESSION, Item, Marker
from beaker_dynamodb.items.keys import Key
from beaker_dynamodb.items.store import ItemStore
from tests.stubbed import NOW, TABLE, Script

OLD, NEW = Key("sess:old"), Key("sess:new")


@pytest.fixture(autouse=True)
def _tokens_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.token_urlsafe", lambda size: f"{size} bytes")


def session(key: Key) -> Item:
    return Item(
        key=key,
        kind=SESSION,
        data=b"data",
        codec="pickle",
        created_ms=1_500,
        deadline_ms=None,
        accessed_ms=2_250,
        writer="loaded",
    )


ITEM: dict[str, Any] = {
    "id": {"S": "sess:new"},
    "type": {"S": "beaker-session"},
    "data": {"B": b"data"},
    "codec": {"S": "pickle"},
    "created": {"N": "1.500"},
    "accessed": {"N": "2.250"},
    "writer": {"S": "loaded"},
}
MARKER: dict[str, Any] = {
    "id": {"S": "sess:old"},
    "type": {"S": "beaker-marker"},
    "writer": {"S": "9 bytes"},
    "deadline": {"N": "1700000010.125"},
    "expires": {"N": "1700000011"},
}


def items(script: Script, **options: object) -> ItemStore:
    return script.manager("old", **options).backend.items


@pytest.fixture
def conditions() -> ItemStore:
    """The items of a table, for their conditions; test_requests.py pins these."""
    return items(Script())


def test_ending_a_session_replaces_it_with_a_marker() -> None:
    request = {
        "TableName": TABLE,
        "Item": MARKER,
        "ConditionExpression": (
            "attribute_exists(#id) AND (attribute_not_exists(#type) OR #type <> :type)"
        ),
        "ExpressionAttributeNames": {"#id": "id", "#type": "type"},
        "ExpressionAttributeValues": {":type": {"S": "beaker-marker"}},
        "ReturnValues": "ALL_OLD",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    with Script().answer("put_item", request, {}) as script:
        assert items(script).end(OLD)


def test_ending_a_missing_session_is_not_an_error() -> None:
    script = Script().refuse("put_item", "ConditionalCheckFailedException")
    # The error contains no item: it does not exist, or the server does not return items.
    with script.answer("get_item", None, {}):
        assert not items(script).end(OLD)


@pytest.mark.parametrize("marker", [True, False])
def test_a_session_moves_in_one_transaction(conditions: ItemStore, marker: bool) -> None:
    condition = conditions.if_unchanged(session(OLD), accessed_by_ms=3_500)
    unchanged = {"TableName": TABLE, **condition}
    end = (
        {"Put": {**unchanged, "Item": MARKER}}
        if marker
        else {"Delete": {**unchanged, "Key": {"id": {"S": "sess:old"}}}}
    )
    put = {"Put": {"TableName": TABLE, "Item": ITEM, **conditions.if_no_session()}}
    with Script().answer("transact_write_items", {"TransactItems": [end, put]}, {}) as script:
        store = items(script)
        store.move(session(NEW), session(OLD), OLD, marker=marker, accessed_by_ms=3_500)


def moving(script: Script, conditions: ItemStore, end: bool = True) -> Script:
    """Expect the writes of a move without transactions.

    :param end: also expect the write of the marker.
    """
    script.refuse("transact_write_items", "UnknownOperationException")
    put = {"TableName": TABLE, "Item": ITEM, **conditions.if_no_session()}
    script.answer("put_item", put, {})
    if end:
        script.answer("put_item", ended(OLD, conditions), {})
    return script


def ended(key: Key, conditions: ItemStore) -> dict[str, Any]:
    marker = {**MARKER, "id": {"S": key.partition}}
    return {"TableName": TABLE, "Item": marker, **conditions.if_unchanged(session(key))}


def move(script: Script) -> None:
    items(script).move(session(NEW), session(OLD), OLD, marker=True)


def test_without_transactions_a_session_moves_in_two_writes(conditions: ItemStore) -> None:
    with moving(Script(), conditions) as script:
        move(script)


def failing(script: Script, current: dict[str, Any]) -> Script:
    """Expect a put whose condition fails on this item, and the read of the item."""
    script.refuse("put_item", "ConditionalCheckFailedException")
    return script.answer("get_item", None, {"Item": current})


def test_writes_of_a_move_that_were_sent_twice_have_succeeded(conditions: ItemStore) -> None:
    script = Script().refuse("transact_write_items", "UnknownOperationException")
    with failing(failing(script, ITEM), MARKER) as script:
        move(script)


def test_a_new_id_that_is_taken_ends_the_move() -> None:
    script = Script().refuse("transact_write_items", "UnknownOperationException")
    with (
        failing(script, {**ITEM, "writer": {"S": "another"}}) as script,
        pytest.raises(ConditionFailed),
    ):
        move(script)


@pytest.mark.parametrize("new_changed", [False, True])
def test_a_move_of_a_session_that_has_changed_is_withdrawn_unless_the_new_one_has_too(
    conditions: ItemStore, new_changed: bool
) -> None:
    changed = {**ITEM, "writer": {"S": "another"}}
    script = failing(moving(Script(), conditions, end=False), changed)
    if new_changed:
        failing(script, changed)
    else:
        script.answer("put_item", ended(NEW, conditions), {})
    with script, pytest.raises(ConditionFailed):
        move(script)


def test_an_item_that_lost_its_chunks_is_read_again() -> None:
    large = {**ITEM, "chunk_set": {"S": "NAME"}, "chunks": {"N": "1"}}
    keys = {"Keys": [{"id": {"S": "sess:|chunk|NAME|0"}}], "ConsistentRead": True}
    script = Script().answer("batch_get_item", {"RequestItems": {TABLE: keys}}, {})
    request = {"TableName": TABLE, "Key": {"id": {"S": "sess:new"}}, "ConsistentRead": True}
    with script.answer("get_item", request, {"Item": ITEM}):
        found = items(script, consistent_read="false").found(ConditionFailed(large), NEW, SESSION)
    assert session(NEW) == found


@pytest.mark.parametrize(("seconds", "alive"), [(0, False), (1, True)])
def test_only_a_marker_that_has_not_expired_is_found(seconds: int, alive: bool) -> None:
    marker = {**MARKER, "deadline": {"N": str(NOW + seconds)}}
    script = Script().answer("get_item", None, {"Item": marker})
    with script.answer("get_item", None, {"Item": marker}):
        store = items(script)
        assert alive is isinstance(store.find(OLD, SESSION), Marker)
        assert store.get(OLD, SESSION) is None


@pytest.mark.parametrize(("grace", "found"), [({}, False), ({"grace_ms": 1}, True)])
def test_an_expired_item_is_found_during_its_grace_only(grace: Any, found: bool) -> None:
    expired = {**ITEM, "deadline": {"N": str(NOW)}, "grace": {"N": "60"}}
    seen: list[object] = []
    with Script().answer("get_item", None, {"Item": expired}) as script:
        item = items(script).find(NEW, SESSION, saw=seen.append, **grace)
        after_a_conflict = items(script).found(ConditionFailed(expired), NEW, SESSION)
    assert found is (item is not None)
    assert [expired] == seen
    assert after_a_conflict is None


def test_an_item_whose_chunks_are_missing_is_read_again_consistently() -> None:
    large = {**ITEM, "chunk_set": {"S": "NAME"}, "chunks": {"N": "1"}}
    request = {"TableName": TABLE, "Key": {"id": {"S": "sess:new"}}}
    script = Script().answer("get_item", {**request, "ConsistentRead": False}, {"Item": large})
    script.answer("batch_get_item", None, {})
    with script.answer("get_item", {**request, "ConsistentRead": True}, {"Item": ITEM}):
        assert session(NEW) == items(script, consistent_read="false").find(NEW, SESSION)


# -- a copy and its record ------------------------------------------------------------------------

RECORD: dict[str, Any] = {"id": {"S": "record"}, "writer": {"S": "recorder"}}
IF_ABSENT = {
    "ConditionExpression": "attribute_not_exists(#id)",
    "ExpressionAttributeNames": {"#id": "id"},
    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
}


def put_with_record(script: Script) -> None:
    store = items(script)
    store.put_with_record(session(NEW), store.if_new(), RECORD, store.if_absent())


def test_a_copy_and_its_record_are_one_transaction(conditions: ItemStore) -> None:
    puts = [{"Item": RECORD, **IF_ABSENT}, {"Item": ITEM, **conditions.if_new()}]
    request = {"TransactItems": [{"Put": {"TableName": TABLE, **put}} for put in puts]}
    with Script().answer("transact_write_items", request, {}) as script:
        put_with_record(script)


def test_without_transactions_the_record_is_written_first(conditions: ItemStore) -> None:
    record = {"TableName": TABLE, "Item": RECORD, **IF_ABSENT}
    copy = {"TableName": TABLE, "Item": ITEM, **conditions.if_new()}
    script = Script().refuse("transact_write_items", "UnknownOperationException")
    for request in (record, copy, record, copy):  # the second time no transaction is tried
        script.answer("put_item", request, {})
    with script:
        store = items(script)
        for _ in range(2):
            store.put_with_record(session(NEW), store.if_new(), RECORD, store.if_absent())


@pytest.mark.parametrize(("writer", "fails"), [("recorder", False), ("another", True)])
def test_a_record_that_botocore_sent_twice_does_not_fail(writer: str, fails: bool) -> None:
    script = Script().refuse("transact_write_items", "UnknownOperationException")
    script.refuse("put_item", "ConditionalCheckFailedException")
    script.answer("get_item", None, {"Item": {**RECORD, "writer": {"S": writer}}})
    if not fails:
        script.answer("put_item", None, {})
    with script, pytest.raises(ConditionFailed) if fails else nullcontext():
        put_with_record(script)

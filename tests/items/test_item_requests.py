"""The exact requests that end and move a session, and what they make of the answers."""

from __future__ import annotations

from typing import Any

import pytest

from beaker_dynamodb.items.item import SESSION, Item
from beaker_dynamodb.items.keys import Key
from beaker_dynamodb.items.store import ItemStore
from tests.stubbed import TABLE, Script

OLD, NEW = Key("sess:old"), Key("sess:new")


@pytest.fixture(autouse=True)
def _tokens_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.token_urlsafe", lambda size: f"{size} bytes")


def session(key: Key) -> Item:
    """Return a session as it is stored under a key."""
    return Item(
        key=key,
        kind=SESSION,
        data=b"data",
        codec="pickle",
        created_ms=1_500,
        deadline_ms=None,
        writer="loaded",
    )


ITEM: dict[str, Any] = {
    "id": {"S": "sess:new"},
    "type": {"S": "beaker-session"},
    "data": {"B": b"data"},
    "codec": {"S": "pickle"},
    "created": {"N": "1.500"},
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
    """Open the items of the table."""
    return script.manager("old", **options).backend.items


@pytest.fixture
def conditions() -> ItemStore:
    """The items of a table, for their conditions; tests/items/test_conditions.py pins these."""
    return items(Script())


def test_ending_a_session_puts_a_marker_in_its_place() -> None:
    request = {
        "TableName": TABLE,
        "Item": MARKER,
        "ConditionExpression": (
            "attribute_exists(#key) AND (attribute_not_exists(#type) OR #type <> :marker)"
        ),
        "ExpressionAttributeNames": {"#key": "id", "#type": "type"},
        "ExpressionAttributeValues": {":marker": {"S": "beaker-marker"}},
        "ReturnValues": "ALL_OLD",
    }
    with Script().answer("put_item", request, {}) as script:
        items(script).end(OLD)


def test_ending_a_session_that_is_not_there_is_no_error() -> None:
    with Script().refuse("put_item", "ConditionalCheckFailedException") as script:
        items(script).end(OLD)


@pytest.mark.parametrize("marker", [True, False])
def test_a_session_moves_in_one_transaction(conditions: ItemStore, marker: bool) -> None:
    unchanged = {"TableName": TABLE, **conditions.if_unchanged(session(OLD))}
    end = (
        {"Put": {**unchanged, "Item": MARKER}}
        if marker
        else {"Delete": {**unchanged, "Key": {"id": {"S": "sess:old"}}}}
    )
    put = {"Put": {"TableName": TABLE, "Item": ITEM, **conditions.if_no_session()}}
    with Script().answer("transact_write_items", {"TransactItems": [end, put]}, {}) as script:
        store = items(script)
        store.move(session(NEW), session(OLD), OLD, marker=marker)

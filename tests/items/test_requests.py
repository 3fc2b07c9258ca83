"""The exact requests to DynamoDB, and the exact conditions of writes."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from beaker_dynamodb.items.item import SESSION, Item
from beaker_dynamodb.items.keys import Key
from beaker_dynamodb.items.store import ItemStore
from tests.stubbed import TABLE, Script

ENTRY: dict[str, Any] = {
    "id": {"S": "cache:pages|k"},
    "type": {"S": "beaker-cache"},
    "data": {"B": pickle.dumps(1, 5)},
    "codec": {"S": "pickle"},
    "created": {"N": "1700000000.125"},
    "writer": {"S": "token"},
}


@pytest.fixture(autouse=True)
def _tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.token_urlsafe", lambda _: "token")


def get(key: dict[str, Any], *, consistent: bool = True) -> dict[str, Any]:
    return {"TableName": TABLE, "Key": key, "ConsistentRead": consistent}


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({}, {"id": {"S": "cache:pages|k"}}),
        ({"prefix": "app"}, {"id": {"S": "app:pages|k"}}),
        ({"sort_key": "part"}, {"id": {"S": "cache:pages"}, "part": {"S": "|k"}}),
        ({"hash_key": "hash"}, {"hash": {"S": "cache:pages|k"}}),
    ],
    ids=str,
)
def test_reading_an_entry_is_one_get_item(options: dict[str, Any], key: dict[str, Any]) -> None:
    item = {**{name: value for name, value in ENTRY.items() if name != "id"}, **key}
    with Script().answer("get_item", get(key), {"Item": item}) as script:
        assert 1 == script.manager(**options)[b"k"]


def test_loading_a_session_is_one_get_item() -> None:
    request = get({"id": {"S": "sess:abc"}})
    with Script().answer("get_item", request, {}) as script, pytest.raises(KeyError):
        script.manager("abc")["session"]


def test_an_eventually_consistent_read_says_so() -> None:
    request = get({"id": {"S": "cache:pages|k"}}, consistent=False)
    with Script().answer("get_item", request, {}) as script:
        assert b"k" not in script.manager(consistent_read="false")


def put(item: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of an unconditional PutItem. It returns the old item for its chunks."""
    return {"TableName": TABLE, "Item": item, "ReturnValues": "ALL_OLD"}


def test_storing_an_entry_is_one_unconditional_put_item() -> None:
    request = put(ENTRY)
    with Script().answer("put_item", request, {}) as script:
        script.manager()[b"k"] = 1


def test_removing_an_entry_is_one_unconditional_put_of_a_tombstone() -> None:
    tombstone = {
        "id": {"S": "cache:pages|k"},
        "type": {"S": "beaker-tombstone"},
        "writer": {"S": "token"},
        "deadline": {"N": "1700086400.125"},
        "expires": {"N": "1700086401"},
    }
    with Script().answer("put_item", put(tombstone), {}) as script:
        del script.manager()[b"k"]


# -- conditions of writes -------------------------------------------------------------------------

NOW = {"N": "1700000000.125"}
ALIVE = "(attribute_not_exists(#deadline) OR #deadline > :now)"
NEW = "attribute_not_exists(#key) OR #deadline <= :now"


@pytest.fixture
def store() -> ItemStore:
    """The items of a table whose partition key is called `hash`."""
    return Script().manager(hash_key="hash").backend.items


def loaded(writer: str | None = None, accessed_ms: int | None = None) -> Item:
    return Item(
        key=Key("sess:a"),
        kind=SESSION,
        data=b"",
        codec="pickle",
        created_ms=1_500,
        deadline_ms=None,
        accessed_ms=accessed_ms,
        writer=writer,
    )


def condition(expression: str, names: set[str], **values: dict[str, str]) -> dict[str, Any]:
    """Return the parameters of a condition; only the key's attribute has another name."""
    return {
        "ConditionExpression": expression,
        "ExpressionAttributeNames": {
            f"#{name}": "hash" if name == "key" else name for name in names
        },
        "ExpressionAttributeValues": {f":{name}": value for name, value in values.items()},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def test_a_first_write_needs_a_free_or_expired_place(store: ItemStore) -> None:
    assert condition(NEW, {"key", "deadline"}, now=NOW) == store.if_new()


def test_a_new_session_may_replace_a_marker(store: ItemStore) -> None:
    expected = condition(
        f"{NEW} OR #type = :marker",
        {"key", "deadline", "type"},
        now=NOW,
        marker={"S": "beaker-marker"},
    )
    assert expected == store.if_no_session()


def test_a_copied_session_replaces_an_older_copy_only(store: ItemStore) -> None:
    expression = "begins_with(#writer, :writer) AND #accessed < :accessed"
    names, values = {"writer", "accessed"}, {"writer": {"S": "copy"}, "accessed": {"N": "2.250"}}
    assert condition(expression, names, **values) == store.if_copied("copy", 2_250)


@pytest.mark.parametrize(
    ("accessed_ms", "accessed_by_ms", "last_access_counts"),
    [(2_250, None, False), (2_250, 3_500, True), (None, 3_500, False)],
)
def test_a_changed_session_replaces_what_was_loaded_only(
    store: ItemStore, accessed_ms: int | None, accessed_by_ms: int | None, last_access_counts: bool
) -> None:
    expression = f"#writer = :writer AND {ALIVE}"
    names, values = {"writer", "deadline"}, {"writer": {"S": "token"}, "now": NOW}
    if last_access_counts:
        expression += " AND #accessed <= :accessed"
        names |= {"accessed"}
        values["accessed"] = {"N": "3.500"}
    item = loaded(writer="token", accessed_ms=accessed_ms)
    expected = condition(expression, names, **values)
    assert expected == store.if_unchanged(item, accessed_by_ms=accessed_by_ms)


def test_a_session_without_a_writer_is_replaced_while_it_has_none(store: ItemStore) -> None:
    expression = f"attribute_not_exists(#writer) AND attribute_exists(#key) AND {ALIVE}"
    expected = condition(expression, {"writer", "key", "deadline"}, now=NOW)
    item = loaded(writer=None, accessed_ms=2_250)
    assert expected == store.if_unchanged(item, accessed_by_ms=3_500)


def test_an_opaque_session_replaces_the_same_session_only(store: ItemStore) -> None:
    expression = f"#created = :created AND {ALIVE}"
    expected = condition(expression, {"created", "deadline"}, created={"N": "1.500"}, now=NOW)
    assert expected == store.if_same_session(loaded())

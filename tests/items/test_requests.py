"""The exact requests to DynamoDB."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

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
    """Every write has the same token."""
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

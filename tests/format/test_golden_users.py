"""Literal attributes and key of a user item."""

from __future__ import annotations

from typing import Any

import pytest

from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.exceptions import PayloadError
from beaker_dynamodb.items.store import ItemStore
from beaker_dynamodb.sessions.user_item import UserItem, UserItems, attributes, user_item

ITEMS = ItemStore(parse({"clock": lambda: 1_700_000_000.125, "sort_key": "part"}))
USER = UserItem("token", {"sess:0123": 1_700_000_000_000}, "WriterToken0")
#: The SHA-256 of "N:42".
DIGEST = "3e376fe838e714502a7f71df26f7c5c69b696ecf4ca4b2f1b232d12abd86f043"
ATTRIBUTES: dict[str, Any] = {
    "id": {"S": f"sess:|user|{DIGEST}"},
    "part": {"S": "|"},
    "type": {"S": "beaker-user"},
    "data": {"B": b'{"generation": "token", "sessions": {"sess:0123": 1700000000000}}'},
    "deadline": {"N": "1700086400.125"},
    "expires": {"N": "1700086401"},
    "writer": {"S": "WriterToken0"},
}


def test_attributes_of_a_user() -> None:
    key = UserItems(ITEMS, "userId").key({"N": "42"})
    written = attributes(ITEMS, key, USER, 86_400)
    assert len(written.pop("writer")["S"]) == len("WriterToken0")
    assert ATTRIBUTES == {**written, "writer": {"S": "WriterToken0"}}
    assert USER == user_item(ITEMS, ATTRIBUTES)
    assert UserItem() == user_item(ITEMS, None)


def test_a_damaged_user_is_an_error() -> None:
    for damage in ({"data": {"B": b"{}"}}, {"data": {"S": "x"}}, {"data": {"B": b"[]"}}):
        with pytest.raises(PayloadError, match="damaged"):
            user_item(ITEMS, {**ATTRIBUTES, **damage})
    with pytest.raises(PayloadError, match="damaged"):
        user_item(ITEMS, {**ATTRIBUTES, "writer": {}})

"""Cache values that a serializer cannot represent, through Beaker, and what stays in the table."""

from __future__ import annotations

import json
import logging
import pickle
from collections.abc import Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from beaker.cache import CacheManager

from beaker_dynamodb import DynamoDBNamespaceManager, DynamoDBSession, PayloadError
from tests.beaker import items, own_caches
from tests.sessions.driven import Visitor, save

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

OBJECT = SimpleNamespace(dumps=json.dumps, loads=json.loads)
#: A serializer and a value that it cannot represent.
CASES = [
    ("json", {1, 2}),
    ("json", object()),
    ("json", [{"users": [{1: "Ada"}]}]),
    ("json", (1, 2)),
    ("pickle", lambda: None),
    (OBJECT, b"bytes"),
]


@pytest.fixture(autouse=True)
def _caches() -> Iterator[None]:
    with own_caches():
        yield


@pytest.mark.parametrize(("serializer", "value"), CASES)
def test_old_value_stays(
    serializer: Any, value: object, options: dict[str, Any], client: DynamoDBClient, table_name: str
) -> None:
    """A value that cannot be represented is a PayloadError, and the old one stays as it was."""
    cache = CacheManager(type="ext:dynamodb", serializer=serializer, **options).get_cache("news")
    cache.put("today", "old")
    before = items(client, table_name)

    with pytest.raises(PayloadError, match="cannot be encoded") as caught:
        cache.put("today", value)

    assert not isinstance(caught.value, (TypeError, KeyError))
    assert before == items(client, table_name)
    assert "old" == cache.get("today")


def test_session(options: dict[str, Any], client: DynamoDBClient, table_name: str) -> None:
    """A session's payload that is no text, and cannot be represented, is a PayloadError too."""
    manager = DynamoDBNamespaceManager("0123", serializer="json", **options)
    manager["session"] = {"name": "Ada"}
    before = items(client, table_name)
    with pytest.raises(PayloadError, match="cannot be encoded"):
        manager["session"] = {"name": {1, 2}}
    assert before == items(client, table_name)
    assert {"name": "Ada"} == manager["session"]


@pytest.mark.parametrize(
    ("serializer", "value"), [("json", {1, 2}), ("pickle", lambda: None)], ids=["json", "pickle"]
)
def test_data_serializer(
    serializer: str, value: object, options: dict[str, Any], client: DynamoDBClient, table_name: str
) -> None:
    """What Beaker's `data_serializer` cannot represent is a PayloadError, and nothing is saved."""
    visitor = Visitor({"data_serializer": serializer, **options}, DynamoDBSession)
    visitor.starts(name="Ada")
    before = items(client, table_name)
    with pytest.raises(PayloadError, match="data_serializer"):
        save(visitor.request(), name=value)
    assert before == items(client, table_name)


def test_large_sessions(options: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """Sessions of more than 64 KB as stored are worth one warning, however many there are."""
    visitor = Visitor({"compression": "off", **options})
    with caplog.at_level(logging.WARNING, "beaker_dynamodb"):
        visitor.starts(text="x" * 60_000)
        assert [] == caplog.messages
        for letter in "abc":
            save(visitor.request(), text=letter * 70_000)
    (message,) = caplog.messages
    assert "68 KB" in message


@pytest.mark.parametrize("serializer", ["pickle", "json"])
def test_change_of_serializer(serializer: str, options: dict[str, Any]) -> None:
    """What was written with one serializer reads after the option was changed."""
    writer = DynamoDBNamespaceManager("news", serializer=serializer, **options)
    writer[b"today"] = ["value"] * 1000
    (other,) = {"pickle", "json"} - {serializer}
    reader = DynamoDBNamespaceManager("news", serializer=other, compression="off", **options)
    assert ["value"] * 1000 == reader[b"today"]


def test_pickle_protocol(options: dict[str, Any], client: DynamoDBClient, table_name: str) -> None:
    """A cache value is a pickle of protocol 5, which every supported Python reads."""
    manager = DynamoDBNamespaceManager("news", **options)
    manager[b"today"] = "value"
    (stored,) = items(client, table_name).values()
    assert pickle.dumps("value", 5) == stored["data"]["B"]
    assert {"S": "pickle"} == stored["codec"]

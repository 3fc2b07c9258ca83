"""Clocks that are set, time zones, and the years after 2038."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager, DynamoDBSession
from tests.sessions.driven import Visitor, save

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from tests.clock import Clock

HOUR = 3600
LIFE = 1800


@pytest.fixture
def _zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def only_item(client: DynamoDBClient, table_name: str) -> Any:
    (item,) = client.scan(TableName=table_name)["Items"]
    return item


def test_a_clock_that_is_set_back_ends_no_session(visitor: Visitor, clock: Clock) -> None:
    visitor.options["timeout"] = LIFE
    visitor.starts(a=1)
    session = visitor.request()
    clock.advance(-HOUR)
    assert {"a": 1} == visitor.finds()
    visitor.request().save(accessed_only=True)
    save(session, b=2)
    clock.advance(LIFE - 1)
    assert {"a": 1, "b": 2} == visitor.finds()


@pytest.mark.parametrize(
    "moment",
    # The end of unsigned 32-bit seconds; the end of summer time in New York in 2040.
    [2.0**32, 2_235_967_200.0],
    ids=["2106", "summer time ends"],
)
@pytest.mark.usefixtures("_zone")
def test_items_have_utc_times(
    moved: dict[str, Any], client: DynamoDBClient, table_name: str, clock: Clock, moment: float
) -> None:
    visitor = Visitor({**moved, "timeout": LIFE}, DynamoDBSession)
    clock.now = moment - LIFE / 2
    visitor.starts(a=1)
    item = only_item(client, table_name)
    assert str(int(moment + LIFE / 2 + 120)) == item["expires"]["N"]
    assert moment + LIFE / 2 + 120 == float(item["deadline"]["N"])
    clock.advance(LIFE)
    assert {"a": 1} == visitor.finds()
    clock.advance(0.001)
    assert {} == visitor.finds()


@pytest.mark.usefixtures("_zone")
def test_the_default_clock_is_utc(
    options: dict[str, Any], client: DynamoDBClient, table_name: str
) -> None:
    before = time.time()
    DynamoDBNamespaceManager("pages", **options).set_value(b"k", 1, HOUR)
    deadline = float(only_item(client, table_name)["deadline"]["N"])
    assert before + HOUR - 1 < deadline < time.time() + HOUR + 1

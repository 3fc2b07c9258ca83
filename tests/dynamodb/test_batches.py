"""Queries and batches: every page is read, unprocessed items are sent again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from beaker_dynamodb import StoreUnavailable
from beaker_dynamodb.dynamodb import batches
from beaker_dynamodb.dynamodb.calls import TableCalls
from beaker_dynamodb.dynamodb.transport import OPERATIONS
from tests.stubbed import TABLE, Script


@pytest.fixture
def pauses() -> list[float]:
    return []


def key(number: int) -> dict[str, Any]:
    return {"id": {"S": f"{number:03d}"}}


def delete(number: int) -> dict[str, Any]:
    return {"DeleteRequest": {"Key": key(number)}}


def deletes(*numbers: int) -> dict[str, Any]:
    return {TABLE: [delete(number) for number in numbers]}


def reads(*numbers: int) -> dict[str, Any]:
    return {TABLE: {"Keys": [key(number) for number in numbers], "ConsistentRead": True}}


def test_query_reads_every_page() -> None:
    query: dict[str, Any] = {"KeyConditionExpression": "#id = :id"}
    first = {"TableName": TABLE, **query}
    more = {**first, "ExclusiveStartKey": key(0)}
    script = Script().answer("query", first, {"Items": [], "LastEvaluatedKey": key(0)})
    script.answer("query", more, {"Items": [key(1)], "LastEvaluatedKey": key(0)})
    script.answer("query", more, {"Items": [key(2)]})
    with script:
        assert [key(1), key(2)] == list(script.calls().read_all("query", **query))


def test_writes_are_sent_25_at_a_time(pauses: list[float]) -> None:
    script = Script()
    for first, end in ((0, 25), (25, 50), (50, 51)):
        script.answer("batch_write_item", {"RequestItems": deletes(*range(first, end))}, {})
    with script:
        batches.write(script.calls(pauses.append), [delete(number) for number in range(51)])
        batches.write(script.calls(pauses.append), [])
    assert [] == pauses


def test_reads_are_sent_100_at_a_time(pauses: list[float]) -> None:
    script = Script()
    for first, end in ((0, 100), (100, 101)):
        script.answer(
            "batch_get_item",
            {"RequestItems": reads(*range(first, end))},
            {"Responses": {TABLE: [key(first)]}},
        )
    keys = [key(number) for number in range(101)]
    with script:
        found = batches.get(script.calls(pauses.append), keys, consistent_read=True)
        assert [key(0), key(100)] == list(found)
    assert [] == pauses


def test_unprocessed_writes_are_sent_again_after_a_pause(pauses: list[float]) -> None:
    script = Script()
    for sent, left in (((1, 2, 3), (2, 3)), ((2, 3), (3,)), ((3,), ())):
        answer = {"UnprocessedItems": deletes(*left)} if left else {}
        script.answer("batch_write_item", {"RequestItems": deletes(*sent)}, answer)
    with script:
        batches.write(script.calls(pauses.append), [delete(1), delete(2), delete(3)])
    assert 2 == len(pauses)


def test_reads_with_unprocessed_keys_continue_without_a_pause(pauses: list[float]) -> None:
    script = Script()
    for sent, found, left in (((1, 2), (), (1, 2)), ((1, 2), (2,), (1,)), ((1,), (1,), ())):
        script.answer(
            "batch_get_item",
            {"RequestItems": reads(*sent)},
            {
                "Responses": {TABLE: [key(number) for number in found]},
                "UnprocessedKeys": reads(*left) if left else {},
            },
        )
    with script:
        keys = [key(1), key(2)]
        items = batches.get(script.calls(pauses.append), keys, consistent_read=True)
        assert [key(2), key(1)] == list(items)
    assert 1 == len(pauses)


@pytest.mark.parametrize(
    ("method", "answer", "run"),
    [
        (
            "batch_write_item",
            {"UnprocessedItems": deletes(1)},
            lambda calls: batches.write(calls, [delete(1)]),
        ),
        (
            "batch_get_item",
            {"UnprocessedKeys": reads(1)},
            lambda calls: list(batches.get(calls, [key(1)], consistent_read=True)),
        ),
    ],
)
def test_items_that_stay_unprocessed_are_an_outage(
    method: str, answer: dict[str, Any], run: Callable[[TableCalls], object], pauses: list[float]
) -> None:
    script = Script()
    for _ in range(batches.ATTEMPTS):
        script.answer(method, None, answer)
    calls = script.calls(pauses.append)
    with script, pytest.raises(StoreUnavailable, match="unprocessed 10 times") as caught:
        run(calls)
    assert (OPERATIONS[method], TABLE) == (caught.value.operation, caught.value.table)
    assert batches.ATTEMPTS - 1 == len(pauses)
    assert 0 <= min(pauses)
    assert max(pauses) <= batches.MAX_BACKOFF_SECONDS

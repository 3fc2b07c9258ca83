"""Queries, Scans and batches: every page is read, and what is left unprocessed is sent again."""

from __future__ import annotations

from typing import Any

import pytest

from beaker_dynamodb import StoreUnavailable
from beaker_dynamodb.storage import batches
from tests.unit.stubbed import TABLE, Script

SCAN: dict[str, Any] = {
    "TableName": TABLE,
    "ConsistentRead": True,
    "FilterExpression": "begins_with(#key, :key) AND #type = :cache",
    "ProjectionExpression": "#key, #type, #deadline, #long, #set, #chunks",
    "ExpressionAttributeNames": {
        "#key": "id",
        "#type": "type",
        "#deadline": "deadline",
        "#long": "key",
        "#set": "chunk_set",
        "#chunks": "chunks",
    },
    "ExpressionAttributeValues": {":key": {"S": "cache:pages|"}, ":cache": {"S": "beaker-cache"}},
}
QUERY: dict[str, Any] = {
    "TableName": TABLE,
    "ConsistentRead": True,
    "KeyConditionExpression": "#key = :key AND begins_with(#sort, :sort)",
    "FilterExpression": "#type = :cache",
    "ProjectionExpression": "#key, #type, #deadline, #long, #set, #chunks, #sort",
    "ExpressionAttributeNames": {**SCAN["ExpressionAttributeNames"], "#sort": "part"},
    "ExpressionAttributeValues": {
        ":key": {"S": "cache:pages"},
        ":cache": {"S": "beaker-cache"},
        ":sort": {"S": "|"},
    },
}


def key(name: str) -> dict[str, Any]:
    """Give the primary key of an entry in a hash-only table."""
    return {"id": {"S": f"cache:pages|{name}"}}


def deletes(*names: str) -> dict[str, Any]:
    """Give what asks BatchWriteItem to delete these entries."""
    return {TABLE: [{"DeleteRequest": {"Key": key(name)}} for name in names]}


def test_listing_without_a_sort_key_scans_every_page() -> None:
    """The Scan goes on from LastEvaluatedKey, over a page that gave nothing too."""
    next_page = {**SCAN, "ExclusiveStartKey": key("x")}
    script = Script().answer("scan", SCAN, {"Items": [], "LastEvaluatedKey": key("x")})
    script.answer("scan", next_page, {"Items": [key("a")], "LastEvaluatedKey": key("x")})
    script.answer("scan", next_page, {"Items": [key("b")]})
    with script:
        assert [b"a", b"b"] == script.manager().keys()


def test_listing_with_a_sort_key_queries_every_page() -> None:
    """The Query reads one partition, and goes on from LastEvaluatedKey."""
    first = {"id": {"S": "cache:pages"}, "part": {"S": "|a"}}
    second = {"id": {"S": "cache:pages"}, "part": {"S": "|b"}}
    script = Script().answer("query", QUERY, {"Items": [first], "LastEvaluatedKey": first})
    script.answer("query", {**QUERY, "ExclusiveStartKey": first}, {"Items": [second]})
    with script:
        assert [b"a", b"b"] == script.manager(sort_key="part").keys()


def test_deletes_go_in_batches_of_25() -> None:
    """Fifty-one entries, over two pages, are three batches."""
    names = [f"{number:02d}" for number in range(51)]
    pages = [[key(name) for name in names[:40]], [key(name) for name in names[40:]]]
    script = Script().answer("scan", SCAN, {"Items": pages[0], "LastEvaluatedKey": key("39")})
    script.answer("batch_write_item", {"RequestItems": deletes(*names[:25])}, {})
    script.answer("scan", {**SCAN, "ExclusiveStartKey": key("39")}, {"Items": pages[1]})
    script.answer("batch_write_item", {"RequestItems": deletes(*names[25:50])}, {})
    script.answer("batch_write_item", {"RequestItems": deletes("50")}, {})
    with script:
        script.manager().remove()


def test_an_empty_namespace_asks_for_no_batch() -> None:
    """There is nothing to delete, and BatchWriteItem is not called."""
    with Script().answer("scan", SCAN, {"Items": []}) as script:
        script.manager().remove()


def test_what_is_left_unprocessed_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the rest is sent, after a pause that may grow."""
    pauses: list[float] = []
    monkeypatch.setattr(batches, "sleep", pauses.append)
    script = Script().answer("scan", SCAN, {"Items": [key("a"), key("b"), key("c")]})
    for asked, left in (("abc", "bc"), ("bc", "c"), ("c", "")):
        answer = {"UnprocessedItems": deletes(*left)} if left else {}
        script.answer("batch_write_item", {"RequestItems": deletes(*asked)}, answer)
    with script:
        script.manager().remove()
    assert 2 == len(pauses)
    assert 0 <= min(pauses)


def test_what_is_never_processed_is_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    """After ten tries the rest is given up, loudly."""
    pauses: list[float] = []
    monkeypatch.setattr(batches, "sleep", pauses.append)
    script = Script().answer("scan", SCAN, {"Items": [key("a")]})
    for _ in range(10):
        script.answer("batch_write_item", None, {"UnprocessedItems": deletes("a")})
    with script, pytest.raises(StoreUnavailable) as caught:
        script.manager().remove()
    assert ("BatchWriteItem", TABLE) == (caught.value.operation, caught.value.table)
    assert 9 == len(pauses)


def chunk(number: int) -> dict[str, Any]:
    """Give the primary key of a chunk."""
    return {"id": {"S": f"cache:|chunk|name|{number}"}}


HEAD: dict[str, Any] = {
    "type": {"S": "beaker-cache"},
    "data": {"B": b""},
    "codec": {"S": "json"},
    "created": {"N": "1700000000.125"},
    "chunk_set": {"S": "name"},
    "chunks": {"N": "2"},
}

READ = {"TableName": TABLE, "Key": key("k"), "ConsistentRead": True}


def reads(*numbers: int, consistent: bool = True) -> dict[str, Any]:
    """Give what asks BatchGetItem for these chunks."""
    keys = [chunk(number) for number in numbers]
    return {"RequestItems": {TABLE: {"Keys": keys, "ConsistentRead": consistent}}}


def answer(*numbers: int, rest: dict[str, Any] | None = None) -> dict[str, Any]:
    """Give BatchGetItem's answer: chunks, last one first, and what it left unprocessed."""
    parts = [b'"one', b' two"']
    items = [{**chunk(number), "data": {"B": parts[number]}} for number in reversed(numbers)]
    return {"Responses": {TABLE: items}, "UnprocessedKeys": (rest or {}).get("RequestItems", {})}


def test_chunks_are_read_until_none_is_left_unprocessed() -> None:
    """A batch of reads that comes in part is asked for the rest, and put in order."""
    script = Script().answer("get_item", READ, {"Item": {**key("k"), **HEAD}})
    script.answer("batch_get_item", reads(0, 1), answer(rest=reads(0, 1)))
    script.answer("batch_get_item", reads(0, 1), answer(1, rest=reads(0)))
    script.answer("batch_get_item", reads(0), answer(0))
    with script:
        assert "one two" == script.manager()[b"k"]


def test_reads_that_stay_unprocessed(monkeypatch: pytest.MonkeyPatch) -> None:
    """After ten tries without a single item it is an outage; no pause is longer than a second."""
    pauses: list[float] = []
    monkeypatch.setattr(batches, "sleep", pauses.append)
    script = Script().answer("get_item", READ, {"Item": {**key("k"), **HEAD}})
    for _ in range(batches.ATTEMPTS):
        script.answer("batch_get_item", reads(0, 1), answer(rest=reads(0, 1)))
    with script, pytest.raises(StoreUnavailable, match="unprocessed 10 times"):
        script.manager()[b"k"]
    assert batches.ATTEMPTS - 1 == len(pauses)
    assert max(pauses) <= batches.MAX_BACKOFF_SECONDS

"""Queries and batches: every page is read, and what is left unprocessed is sent again."""

from __future__ import annotations

from typing import Any

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager, StoreUnavailable
from beaker_dynamodb.dynamodb import batches
from tests.unit.stubbed import TABLE, Script

QUERY: dict[str, Any] = {
    "TableName": TABLE,
    "ConsistentRead": True,
    "KeyConditionExpression": "#key = :key AND begins_with(#sort, :sort)",
    "FilterExpression": "#type = :kind",
    "ProjectionExpression": "#key, #type, #created, #deadline, #long, #set, #chunks, #sort",
    "ExpressionAttributeNames": {
        "#key": "id",
        "#type": "type",
        "#created": "created",
        "#deadline": "deadline",
        "#long": "key",
        "#set": "chunk_set",
        "#chunks": "chunks",
        "#sort": "part",
    },
    "ExpressionAttributeValues": {
        ":key": {"S": "cache:pages"},
        ":kind": {"S": "beaker-cache"},
        ":sort": {"S": "|"},
    },
}
#: What is to be deleted is listed in short pages, so that little is overwritten meanwhile.
CLEAR_QUERY = {**QUERY, "Limit": 250}
#: Before that, the creation locks of the namespace are listed; what is being made is refused.
LOCKS_QUERY: dict[str, Any] = {
    **QUERY,
    "ExpressionAttributeValues": {
        ":key": {"S": "cache:|lock|pages"},
        ":kind": {"S": "beaker-lock"},
        ":sort": {"S": "|"},
    },
}


def key(name: str) -> dict[str, Any]:
    """Give the primary key of an entry."""
    return {"id": {"S": "cache:pages"}, "part": {"S": f"|{name}"}}


def deletes(*names: str) -> dict[str, Any]:
    """Give what asks BatchWriteItem to delete these entries."""
    return {TABLE: [{"DeleteRequest": {"Key": key(name)}} for name in names]}


def manager(script: Script) -> DynamoDBNamespaceManager:
    """Open a namespace in a table with a sort key."""
    return script.manager(sort_key="part")


def test_listing_queries_every_page() -> None:
    """The Query goes on from LastEvaluatedKey, over a page that gave nothing too."""
    next_page = {**QUERY, "ExclusiveStartKey": key("x")}
    script = Script().answer("query", QUERY, {"Items": [], "LastEvaluatedKey": key("x")})
    script.answer("query", next_page, {"Items": [key("a")], "LastEvaluatedKey": key("x")})
    script.answer("query", next_page, {"Items": [key("b")]})
    with script:
        assert [b"a", b"b"] == manager(script).keys()


def test_deletes_go_in_batches_of_25_as_pages_arrive() -> None:
    """Fifty-one entries, over two pages, are three batches; the first before the second page."""
    names = [f"{number:02d}" for number in range(51)]
    pages = [[key(name) for name in names[:40]], [key(name) for name in names[40:]]]
    script = Script().answer("query", LOCKS_QUERY, {"Items": []})
    script.answer("query", CLEAR_QUERY, {"Items": pages[0], "LastEvaluatedKey": key("39")})
    script.answer("batch_write_item", {"RequestItems": deletes(*names[:25])}, {})
    script.answer("query", {**CLEAR_QUERY, "ExclusiveStartKey": key("39")}, {"Items": pages[1]})
    script.answer("batch_write_item", {"RequestItems": deletes(*names[25:50])}, {})
    script.answer("batch_write_item", {"RequestItems": deletes("50")}, {})
    with script:
        manager(script).remove()


def test_an_empty_namespace_asks_for_no_batch() -> None:
    """There is nothing to delete, and BatchWriteItem is not called."""
    script = Script().answer("query", LOCKS_QUERY, {"Items": []})
    with script.answer("query", CLEAR_QUERY, {"Items": []}):
        manager(script).remove()


def test_what_is_left_unprocessed_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the rest is sent, after a pause that may grow."""
    pauses: list[float] = []
    monkeypatch.setattr(batches, "sleep", pauses.append)
    script = Script().answer("query", LOCKS_QUERY, {"Items": []})
    script.answer("query", CLEAR_QUERY, {"Items": [key("a"), key("b"), key("c")]})
    for asked, left in (("abc", "bc"), ("bc", "c"), ("c", "")):
        answer = {"UnprocessedItems": deletes(*left)} if left else {}
        script.answer("batch_write_item", {"RequestItems": deletes(*asked)}, answer)
    with script:
        manager(script).remove()
    assert 2 == len(pauses)
    assert 0 <= min(pauses)


def test_what_is_never_processed_is_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    """After ten tries the rest is given up, loudly."""
    pauses: list[float] = []
    monkeypatch.setattr(batches, "sleep", pauses.append)
    script = Script().answer("query", LOCKS_QUERY, {"Items": []})
    script.answer("query", CLEAR_QUERY, {"Items": [key("a")]})
    for _ in range(10):
        script.answer("batch_write_item", None, {"UnprocessedItems": deletes("a")})
    with script, pytest.raises(StoreUnavailable) as caught:
        manager(script).remove()
    assert ("BatchWriteItem", TABLE) == (caught.value.operation, caught.value.table)
    assert 9 == len(pauses)

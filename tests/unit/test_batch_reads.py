"""Chunks are read in batches: what is left unprocessed is asked for again."""

from __future__ import annotations

from typing import Any

import pytest

from beaker_dynamodb import StoreUnavailable
from beaker_dynamodb.dynamodb import batches
from tests.unit.stubbed import TABLE, Script

KEY = {"id": {"S": "cache:pages|k"}}


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

READ = {"TableName": TABLE, "Key": KEY, "ConsistentRead": True}


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
    script = Script().answer("get_item", READ, {"Item": {**KEY, **HEAD}})
    script.answer("batch_get_item", reads(0, 1), answer(rest=reads(0, 1)))
    script.answer("batch_get_item", reads(0, 1), answer(1, rest=reads(0)))
    script.answer("batch_get_item", reads(0), answer(0))
    with script:
        assert "one two" == script.manager()[b"k"]


def test_reads_that_stay_unprocessed(monkeypatch: pytest.MonkeyPatch) -> None:
    """After ten tries without a single item it is an outage; no pause is longer than a second."""
    pauses: list[float] = []
    monkeypatch.setattr(batches, "sleep", pauses.append)
    script = Script().answer("get_item", READ, {"Item": {**KEY, **HEAD}})
    for _ in range(batches.ATTEMPTS):
        script.answer("batch_get_item", reads(0, 1), answer(rest=reads(0, 1)))
    with script, pytest.raises(StoreUnavailable, match="unprocessed 10 times"):
        script.manager()[b"k"]
    assert batches.ATTEMPTS - 1 == len(pauses)
    assert max(pauses) <= batches.MAX_BACKOFF_SECONDS

"""Literal chunks: how many there are, what they are called, and what each of them holds."""

from __future__ import annotations

import re
from typing import Any

import pytest

from beaker_dynamodb.items.item import CACHE, SESSION, ChunkSet, Item
from beaker_dynamodb.items.keys import Key
from tests.servers.recorder import CallRecorder
from tests.stubbed import Script

SHAPES: list[tuple[dict[str, str], str | None]] = [({}, None), ({"sort_key": "part"}, "|k")]


def prepared(item: Item, *batches: int, **options: str) -> tuple[dict[str, Any], list[Any]]:
    """Return the attributes of an item to be written, and the chunks written before it.

    :param batches: chunks in each BatchWriteItem that has to be made.
    """
    script = Script()
    for _ in batches:
        script.answer("batch_write_item", None, {})
    with script, CallRecorder(script.client) as sent:
        attributes = script.manager(**options).backend.items.chunks.prepare(item)
    written = [call.params["RequestItems"]["sessions"] for call in sent]
    assert list(batches) == [len(batch) for batch in written]
    return attributes, [one["PutRequest"]["Item"] for batch in written for one in batch]


def entry(size: int, **extra: Any) -> Item:
    """Return a cache entry whose attributes have 51 bytes besides its data."""
    given = {"key": Key("cache:news|k"), "kind": CACHE, "deadline_ms": None, **extra}
    return Item(data=b"x" * size, codec="json", created_ms=0, **given)


@pytest.mark.parametrize(
    ("size", "batches"),
    [
        (409_549, []),  # 409,600 bytes in all
        (409_550, [2]),
        (2 * 389_120, [2]),
        (2 * 389_120 + 1, [3]),
        (4 * 389_120, [4]),
        (4 * 389_120 + 1, [4, 1]),
    ],
)
def test_number_of_chunks(size: int, batches: list[int]) -> None:
    attributes, chunks = prepared(entry(size), *batches)
    assert (bool(chunks)) is ("chunks" in attributes)
    if chunks:
        assert {"N": str(len(chunks))} == attributes["chunks"]
        assert {"B": b""} == attributes["data"]
        last = size - (len(chunks) - 1) * 389_120
        sizes = [len(chunk["data"]["B"]) for chunk in chunks]
        assert [389_120] * (len(chunks) - 1) + [last] == sizes


@pytest.mark.parametrize(("shape", "sort"), SHAPES)
@pytest.mark.parametrize(("kind", "prefix"), [(SESSION, "sess:"), (CACHE, "cache:")])
def test_chunk(shape: dict[str, str], sort: str | None, kind: str, prefix: str) -> None:
    item = entry(
        400_000 + 389_120,
        key=Key("cache:news", sort),
        kind=kind,
        deadline_ms=1_700_000_600_001,
        grace_ms=60_000,
    )
    attributes, chunks = prepared(item, 3, **shape)
    name = attributes["chunk_set"]["S"]
    assert re.fullmatch("[A-Za-z0-9_-]{16}", name)
    sorts = {"part": {"S": "|"}} if shape else {}
    for number, size in enumerate([389_120, 389_120, 10_880]):
        assert {
            "id": {"S": f"{prefix}|chunk|{name}|{number}"},
            **sorts,
            "type": {"S": "beaker-chunk"},
            "data": {"B": b"x" * size},
            "expires": {"N": "1700004261"},  # an hour after the entry's
        } == chunks[number]


def test_a_value_in_chunks_that_never_ends_gets_a_year() -> None:
    attributes, chunks = prepared(entry(500_000), 2)
    assert {"N": "1731622400.125"} == attributes["deadline"]
    assert {"N": "1731622401"} == attributes["expires"]
    assert {"N": "1731626001"} == chunks[0]["expires"]


@pytest.mark.parametrize(("shape", "sort"), SHAPES)
def test_chunks_are_read_in_their_order(shape: dict[str, str], sort: str | None) -> None:
    chunks = [
        {
            "id": {"S": f"cache:|chunk|ChunkSetToken000|{number}"},
            **({"part": {"S": "|"}} if shape else {}),
            "type": {"S": "beaker-chunk"},
            "data": {"B": data},
        }
        for number, data in enumerate([b'"te', b"a", b'"'])
    ]
    key = (
        {"id": {"S": "cache:news"}, "part": {"S": sort}} if shape else {"id": {"S": "cache:news|k"}}
    )
    stored = {
        **key,
        "type": {"S": "beaker-cache"},
        "data": {"B": b""},
        "codec": {"S": "json"},
        "created": {"N": "1700000000.125"},
        "chunk_set": {"S": "ChunkSetToken000"},
        "chunks": {"N": "3"},
    }
    answer = {"Responses": {"sessions": chunks[::-1]}}
    with (
        Script()
        .answer("get_item", None, {"Item": stored})
        .answer("batch_get_item", None, answer) as script
    ):
        assert "tea" == script.manager("news", **shape)[b"k"]


def test_chunk_set_names_its_keys() -> None:
    chunks = Script().manager().backend.items.chunks
    assert [Key("sess:|chunk|NAME|0"), Key("sess:|chunk|NAME|1")] == chunks.keys(
        ChunkSet("beaker-session", "NAME", 2)
    )

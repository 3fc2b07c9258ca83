"""Literal attributes: names, types and numbers as they appear in the table."""

from __future__ import annotations

from typing import Any

import pytest

from beaker_dynamodb import PayloadError
from beaker_dynamodb.caches.lock_items import LockItem, LockItems
from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.items.item import CACHE, SESSION, ChunkSet, Item, item_size
from beaker_dynamodb.items.keys import Key
from beaker_dynamodb.items.layout import Layout, milliseconds, seconds
from beaker_dynamodb.migrate.records import Records
from tests.servers.recorder import CallRecorder
from tests.stubbed import Script

FLAT = Layout(parse({}))
SORTED = Layout(parse({"hash_key": "pk", "sort_key": "sk", "ttl_attribute": "gone"}))

SPECIAL: dict[str, Any] = {"userId": {"N": "42"}, "user.name": {"S": "Zoë"}}
SESSION_ITEM = Item(
    key=Key("sess:0123", None, {"namespace": b"original"}),
    kind=SESSION,
    data=b"\x80\x02",
    codec="b64",
    created_ms=1_700_000_000_000,
    deadline_ms=1_700_001_920_125,
    accessed_ms=1_700_000_000_125,
    version=7,
    writer="WriterToken0",
    signature=b"\x00" * 32,
    special=SPECIAL,
)
SESSION_ATTRIBUTES = {
    "userId": {"N": "42"},
    "user.name": {"S": "Zoë"},
    "id": {"S": "sess:0123"},
    "type": {"S": "beaker-session"},
    "data": {"B": b"\x80\x02"},
    "codec": {"S": "b64"},
    "created": {"N": "1700000000.000"},
    "deadline": {"N": "1700001920.125"},
    "expires": {"N": "1700001921"},
    "accessed": {"N": "1700000000.125"},
    "version": {"N": "7"},
    "writer": {"S": "WriterToken0"},
    "signature": {"B": b"\x00" * 32},
    "namespace": {"B": b"original"},
}
ENTRY_ITEM = Item(
    key=Key("cache:news", "|today", {"key": b"original"}),
    kind=CACHE,
    data=b"in chunks",
    codec="pickle,zlib",
    created_ms=1_700_000_000_001,
    deadline_ms=1_700_000_600_000,
    grace_ms=60_500,
    chunks=ChunkSet(CACHE, "ChunkSetToken000", 3),
)
ENTRY_ATTRIBUTES = {
    "pk": {"S": "cache:news"},
    "sk": {"S": "|today"},
    "type": {"S": "beaker-cache"},
    "data": {"B": b""},
    "codec": {"S": "pickle,zlib"},
    "created": {"N": "1700000000.001"},
    "deadline": {"N": "1700000600.000"},
    "gone": {"N": "1700000661"},
    "grace": {"N": "60.500"},
    "chunk_set": {"S": "ChunkSetToken000"},
    "chunks": {"N": "3"},
    "key": {"B": b"original"},
}
LEAST_ITEM = Item(
    key=Key("cache:news|k"), kind=CACHE, data=b"", codec="json", created_ms=0, deadline_ms=None
)
LEAST_ATTRIBUTES = {
    "id": {"S": "cache:news|k"},
    "type": {"S": "beaker-cache"},
    "data": {"B": b""},
    "codec": {"S": "json"},
    "created": {"N": "0.000"},
}


def test_session() -> None:
    assert SESSION_ATTRIBUTES == FLAT.attributes(SESSION_ITEM)
    layout = Layout(parse({"special_keys": "userId:N, user.name:S, other:B"}))
    key = layout.key(SESSION_ATTRIBUTES)
    assert {"namespace": b"original"} == key.originals
    assert SESSION_ITEM == layout.item(key, "beaker-session", SESSION_ATTRIBUTES)


def test_entry() -> None:
    assert ENTRY_ATTRIBUTES == SORTED.attributes(ENTRY_ITEM)
    key = SORTED.key(ENTRY_ATTRIBUTES)
    assert {"key": b"original"} == key.originals
    found = SORTED.item(key, "beaker-cache", ENTRY_ATTRIBUTES)
    found.data = b"in chunks"
    assert ENTRY_ITEM == found
    assert LEAST_ATTRIBUTES == FLAT.attributes(LEAST_ITEM)
    assert LEAST_ITEM == FLAT.item(FLAT.key(LEAST_ATTRIBUTES), "beaker-cache", LEAST_ATTRIBUTES)


def test_attributes_of_later_versions_are_ignored() -> None:
    later = {**LEAST_ATTRIBUTES, "later": {"M": {}}}
    assert LEAST_ITEM == FLAT.item(FLAT.key(later), "beaker-cache", later)


def test_number_of_chunks() -> None:
    for count in (1, 200):
        chunks = SORTED.chunks({**ENTRY_ATTRIBUTES, "chunks": {"N": str(count)}})
        assert chunks == ChunkSet(CACHE, "ChunkSetToken000", count)
    for count in (0, 201):
        attributes = {**ENTRY_ATTRIBUTES, "chunks": {"N": str(count)}}
        assert SORTED.chunks(attributes) is None
        with pytest.raises(PayloadError):
            SORTED.item(SORTED.key(attributes), "beaker-cache", attributes)


def test_time() -> None:
    texts = {
        0: "0.000",
        1: "0.001",
        999: "0.999",
        1000: "1.000",
        1_700_000_000_125: "1700000000.125",
        99_999_999_999_999: "99999999999.999",
        -1: "-0.001",
        -1500: "-1.500",
    }
    assert texts == {ms: seconds(ms)["N"] for ms in texts}
    assert [*texts] == [milliseconds({"N": text}) for text in texts.values()]


def test_time_in_other_words() -> None:
    times = {
        "1700000000": 1_700_000_000_000,  # as DynamoDB returns 1700000000.000
        "1700000000.1": 1_700_000_000_100,
        "1.7E9": 1_700_000_000_000,
        "0.0014": 1,
        "0.0016": 2,
        "-1.5": -1500,
    }
    assert times == {text: milliseconds({"N": text}) for text in times}


def test_time_to_live_is_rounded_up() -> None:
    for deadline_ms, grace_ms, expires in [
        (1000, 0, "1"),
        (1001, 0, "2"),
        (1999, 0, "2"),
        (1000, 1, "2"),
        (1500, 500, "2"),
        (1500, 60_000, "62"),
        (-1, 0, "0"),
        (-1000, 0, "-1"),
    ]:
        attributes = FLAT.expiry(deadline_ms, grace_ms)
        assert {"N": expires} == attributes["expires"]
        assert (grace_ms > 0) is ("grace" in attributes)


def test_no_expiry() -> None:
    assert {} == FLAT.expiry(None, 60_000)


def test_item_size_is_counted_as_dynamodb_does() -> None:
    assert 2 + 9 + len("userId") + 2 == item_size({"id": {"S": "sess:0123"}, "userId": {"N": "42"}})
    # Six significant bytes of digits and one more; names and UTF-8 by their bytes.
    assert 7 + 8 == item_size({"created": {"N": "1700000000.125"}})
    assert 4 + 3 + 1 == item_size({"Zoë": {"B": b"\x00\x01\x02"}, "": {"BOOL": True}})


# -- creation locks -------------------------------------------------------------------------------

#: The clock of `Script` says 1700000000.125: a day after the lease, rounded up.
LOCK_ATTRIBUTES = {
    "type": {"S": "beaker-lock"},
    "owner": {"S": "OwnerToken"},
    "version": {"N": "3"},
    "lease": {"N": "30.0"},
    "expires": {"N": "1700086431"},
}
SHAPES: list[tuple[dict[str, str], dict[str, Any]]] = [
    ({}, {"id": {"S": "cache:|lock|news|key"}}),
    ({"sort_key": "part"}, {"id": {"S": "cache:|lock|news"}, "part": {"S": "|key"}}),
]


@pytest.mark.parametrize(("shape", "key"), SHAPES)
def test_lock(shape: dict[str, str], key: dict[str, Any]) -> None:
    attributes = {**key, **LOCK_ATTRIBUTES}
    script = Script().answer("put_item", None, {}).answer("get_item", None, {"Item": attributes})
    held = LockItem("OwnerToken", 3, 30.0)
    with script, CallRecorder(script.client) as sent:
        store = script.manager("news", **shape).backend
        locks, primary = LockItems(store.items), store.keys.lock("news", "key")
        assert locks.acquire(primary, held, None) is None
        assert held == locks.read(primary)
    assert attributes == {name: sent[0].params["Item"][name] for name in attributes}


# -- migrations -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("deadline_ms", "deadline"),
    [(1_700_001_920_125, "1702593920.125"), (None, "1734214400.125")],
    ids=["30 days after the session", "a year and 30 days"],
)
def test_record_of_a_copied_session(deadline_ms: int | None, deadline: str) -> None:
    with Script() as script:
        items = script.manager().backend.items
        record = Records(items, "the source").record("0" * 64, deadline_ms)
    assert len(record.pop("writer")["S"]) == 12
    assert {
        "id": {"S": f"sess:|migration|{'0' * 64}"},
        "type": {"S": "beaker-migration"},
        "created": {"N": "1700000000.125"},
        "deadline": {"N": deadline},
        "expires": {"N": str(int(deadline[:10]) + 1)},
    } == record

"""Any key works, and items of other namespaces, prefixes and applications are left alone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.opening import Opener, payload
from tests.servers.recorder import CallRecorder

pytestmark = pytest.mark.both_shapes

NEIGHBOURS = ["user1", "user10", "user", "user1|k", "user1%7Ck", "user1:", "|", "|lock|user1"]
NAMESPACES = {
    "empty": "",
    "separators": "a|b%c:d/e#f",
    "already encoded": "a%7Cb",
    "NUL and control characters": "\x00\r\n\x7f",
    "scripts": "Straße 東京 שלום \U0001f36a",
    "a lone surrogate": "\ud800",
    "long": "x" * 3000,
    "long, with another end": "x" * 2999 + "y",
    "long when encoded": "\U0001f36a" * 300,
    "like a digest": "%#" + "0" * 64,
}
KEYS = {
    "empty": b"",
    "percent": b"%",
    "separators": b"a|b%c:d",
    "not UTF-8": b"\xff\xfe\x00",
    "long": b"k" * 3000,
    "long, with another end": b"k" * 2999 + b"l",
    "long when encoded": bytes(range(256)) * 4,
    "scripts": "東京 \U0001f36a".encode(),
    "like a digest": b"%#" + b"0" * 64,
}


def test_any_bytes_are_a_key(open_namespace: Opener) -> None:
    manager = open_namespace()
    for name, key in KEYS.items():
        manager[key] = name
    assert sorted(KEYS.values()) == sorted(manager.keys())
    for name, key in KEYS.items():
        assert name == manager[key]
        del manager[key]
    assert [] == manager.keys()


@pytest.mark.full
def test_cache_namespaces_are_separate(open_namespace: Opener) -> None:
    names = [*NAMESPACES.values(), *NEIGHBOURS]
    for name in names:
        open_namespace(name)[b"k"] = name
    for count, name in enumerate(names, 1):
        manager = open_namespace(name)
        assert name == manager[b"k"]
        assert [b"k"] == manager.keys()
        manager.remove()
        assert b"k" not in manager
        assert len(names) - count == len(open_namespace.items())


@pytest.mark.parametrize(("one", "other"), [("a", "b"), ("a", "ab"), ("a", "a:b"), ("", "a")])
def test_prefixes_are_separate(open_namespace: Opener, one: str, other: str) -> None:
    for prefix in (one, other):
        open_namespace("n", prefix=prefix)[b"k"] = f"cached by {prefix}"
        open_namespace("id", prefix=prefix)["session"] = payload(by=prefix)
    for prefix in (one, other):
        assert f"cached by {prefix}" == open_namespace("n", prefix=prefix)[b"k"]
        assert [b"k"] == open_namespace("n", prefix=prefix).keys()
        assert payload(by=prefix) == open_namespace("id", prefix=prefix)["session"]
    open_namespace("n", prefix=one).remove()
    open_namespace("id", prefix=one).remove()
    assert [] == open_namespace("n", prefix=one).keys()
    assert [b"k"] == open_namespace("n", prefix=other).keys()
    assert payload(by=other) == open_namespace("id", prefix=other)["session"]


def test_items_of_other_applications_are_ignored(open_namespace: Opener) -> None:
    open_namespace.make_table()
    foreign: list[dict[str, Any]] = [
        {"id": {"S": "cache:pages|untyped"}},
        {"id": {"S": "cache:pages|typed"}, "type": {"S": "invoice"}, "deadline": {"S": "May"}},
        {"id": {"S": "cache:pages|number"}, "type": {"N": "7"}},
        {"id": {"S": "cache:pages"}, "type": {"S": "invoice"}},
        {"id": {"S": "unrelated"}, "data": {"L": [{"NULL": True}]}, "expires": {"S": "never"}},
    ]
    for number, item in enumerate(foreign):
        if open_namespace.sorted:
            item["id"] = {"S": "cache:pages"}
            item["part"] = {"S": f"|{number}" if number % 2 else str(number)}
        open_namespace.put(item)
    manager = open_namespace("pages")
    manager[b"k"] = 1
    assert [b"k"] == manager.keys()
    manager.remove()
    assert [] == manager.keys()
    remaining = open_namespace.items()
    assert len(foreign) == len(remaining)
    assert all(item in remaining for item in foreign)


def test_a_namespace_of_several_pages_is_listed_and_removed(
    open_namespace: Opener, sent: CallRecorder
) -> None:
    manager = open_namespace("pages", compression="off")
    keys = [b"%02d" % number for number in range(30)]
    for key in keys:
        manager[key] = bytes(60_000)
    open_namespace("neighbour")[b"k"] = 1
    sent.clear()
    assert keys == sorted(manager.keys())
    listing = "Query" if open_namespace.sorted else "Scan"
    assert {listing} == set(sent.operations)
    assert len(sent) > 1
    sent.clear()
    manager.remove()
    assert {listing, "BatchWriteItem"} == set(sent.operations)
    batches = [call for call in sent if call.operation == "BatchWriteItem"]
    table_name = open_namespace.table_name
    assert [25, 5] == [len(call.params["RequestItems"][table_name]) for call in batches]
    assert 1 == open_namespace("neighbour")[b"k"]
    assert 1 == len(open_namespace.items())

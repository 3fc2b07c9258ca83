"""Damaged items: a PayloadError when they are read, and never anything worse."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from beaker_dynamodb import PayloadError
from tests.opening import Opener, payload

GARBAGE: list[dict[str, Any]] = [
    {"S": "\x00 garbage"},
    {"S": ""},
    {"N": "-3.5"},
    {"N": "0.5"},
    {"B": b""},
    {"BOOL": True},
    {"NULL": True},
    {"M": {"S": {"S": "x"}}},
    {"L": [{"S": "x"}]},
    {"SS": ["x", "y"]},
    {"NS": ["1"]},
    {"BS": [b"x"]},
]
#: The type of each attribute that a reader uses.
READ = {
    "type": "S",
    "data": "B",
    "codec": "S",
    "created": "N",
    "deadline": "N",
    "grace": "N",
    "accessed": "N",
    "version": "N",
    "writer": "S",
    "signature": "B",
    "chunk_set": "S",
}
REQUIRED = ["type", "data", "codec", "created"]
NOT_READ = ["expires", "chunks", "namespace", "key", "owner", "lease", "another program's"]
LOCK = {"owner": "S", "version": "N", "lease": "N"}
#: Bytes that do not fit the codec.
UNREADABLE: list[tuple[str, bytes]] = [
    ("rot13", b"x"),
    ("msgpack2", b"x"),
    ("pickle,lz4", b"x"),
    ("pickle,brotli", b"x"),
    ("b64,zlib,zlib", b"x"),
    ("pickle,zlib,", b"x"),
    ("pickle, zlib", b"x"),
    (",zlib", b"x"),
    ("", b"x"),
    ("pickle", b"cno_such_module\nname\n"),
    ("pickle", b""),
    ("pickle", pickle.dumps("text", 5)[:-1]),
    ("json", b"{"),
    ("text", b"\xff"),
]
each_kind = pytest.mark.parametrize(
    ("key", "value"), [(b"k", "cached"), ("session", payload(a=1))], ids=["cache", "session"]
)


def damaged(
    item: dict[str, Any], attributes: dict[str, str], *, right_type: bool = False
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the item with each kind of garbage in each attribute, and the attribute's name."""
    for name, own in attributes.items():
        for garbage in GARBAGE:
            if right_type == (own in garbage):
                yield name, {**item, name: garbage}


def outcome(call: Callable[[], object]) -> object:
    try:
        return call()
    except (PayloadError, KeyError) as error:
        return type(error)


def read(open_namespace: Opener, item: dict[str, Any], key: str | bytes) -> object:
    open_namespace.put(item)
    return outcome(lambda: open_namespace()[key])


@pytest.mark.full
@each_kind
def test_an_attribute_of_the_wrong_type_is_a_payload_error(
    open_namespace: Opener, key: str | bytes, value: str
) -> None:
    open_namespace()[key] = value
    for name, item in damaged(open_namespace.item(), READ):
        assert PayloadError is read(open_namespace, item, key), name
        # It can be deleted, and an entry can be replaced.
        del open_namespace()[key]
        left = "beaker-marker" if key == "session" else "beaker-tombstone"
        assert {"S": left} == open_namespace.item()["type"]
        if key != "session":
            open_namespace.put(item)
            open_namespace()[key] = value
            assert value == open_namespace()[key]


@each_kind
def test_garbage_of_the_right_type(open_namespace: Opener, key: str | bytes, value: str) -> None:
    open_namespace()[key] = value
    expected: dict[str, object] = dict.fromkeys(READ, value)
    expected |= dict.fromkeys(["type", "codec", "version", "chunk_set"], PayloadError)
    expected |= {"deadline": KeyError, "data": "" if key == "session" else PayloadError}
    for name, item in damaged(open_namespace.item(), READ, right_type=True):
        assert expected[name] == read(open_namespace, item, key), name


@each_kind
def test_numbers_of_any_size(open_namespace: Opener, key: str | bytes, value: str) -> None:
    open_namespace()[key] = value
    item = open_namespace.item()
    for number in ("1E+120", "-1E+120", "1E-120", "9" * 38):
        for name in [name for name, own in READ.items() if own == "N"]:
            found = read(open_namespace, {**item, name: {"N": number}}, key)
            assert found in (value, PayloadError, KeyError), name


@each_kind
def test_a_missing_attribute(open_namespace: Opener, key: str | bytes, value: str) -> None:
    open_namespace()[key] = value
    item = open_namespace.item()
    own = open_namespace.key(item)
    for name in item.keys() - own.keys():
        found = read(open_namespace, {n: v for n, v in item.items() if n != name}, key)
        assert (PayloadError if name in REQUIRED else value) == found, name
    assert PayloadError is read(open_namespace, own, key)


@each_kind
def test_attributes_that_are_not_read_may_hold_anything(
    open_namespace: Opener, key: str | bytes, value: str
) -> None:
    open_namespace()[key] = value
    for name, item in damaged(open_namespace.item(), dict.fromkeys(NOT_READ, "none")):
        assert value == read(open_namespace, item, key), name


@each_kind
def test_unreadable_data(open_namespace: Opener, key: str | bytes, value: str) -> None:
    open_namespace()[key] = value
    item = open_namespace.item()
    for codec, data in UNREADABLE:
        changed = {**item, "codec": {"S": codec}, "data": {"B": data}}
        assert PayloadError is read(open_namespace, changed, key), codec


@pytest.mark.both_servers
@pytest.mark.parametrize("deadline", [{"S": "tomorrow"}, {"NULL": True}], ids=repr)
def test_a_damaged_deadline_does_not_end_a_listing(
    open_namespace: Opener, deadline: dict[str, Any]
) -> None:
    manager = open_namespace()
    manager.set_value(b"k", 1, expiretime=60)
    open_namespace.put({**open_namespace.item(), "deadline": deadline})
    assert [b"k"] == manager.keys()
    manager.remove()
    assert [] == open_namespace.items()


# moto answers 500 to a condition that compares a string with a number.
@pytest.mark.parametrize("engine", ["local"], scope="session")
def test_damage_during_a_request(open_namespace: Opener) -> None:
    open_namespace("id")["session"] = payload(a=1)
    whole = open_namespace.item()
    for name, item in damaged(whole, READ):
        open_namespace.put(whole)
        request = open_namespace("id")
        request["session"]
        open_namespace.put(item)
        saved = outcome(partial(request.__setitem__, "session", payload(a=2)))
        found = outcome(lambda: open_namespace("id")["session"])
        assert (saved, found) in {(None, payload(a=2)), (PayloadError, PayloadError)}, name


def test_a_damaged_lock_is_a_payload_error(open_namespace: Opener) -> None:
    lock = open_namespace().get_creation_lock(b"k")
    lock.acquire()
    whole = open_namespace.item()
    lock.release()
    for _, item in damaged(whole, LOCK):
        open_namespace.put(item)
        with pytest.raises(PayloadError):
            open_namespace().get_creation_lock(b"k").acquire()

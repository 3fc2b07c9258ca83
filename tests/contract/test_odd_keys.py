"""Namespaces and keys that nobody would choose: each is itself, and none is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.opening import payload

if TYPE_CHECKING:
    from tests.contract.opening import Opener

pytestmark = pytest.mark.both_shapes

NAMESPACES = {
    "empty": "",
    "separators": "a|b%c:d/e#f",
    "an encoded one": "a%7Cb",
    "NUL and control characters": "\x00\r\n\x7f",
    "scripts": "Straße 東京 שלום \U0001f36a",
    "a lone surrogate": "\ud800",
    "long": "x" * 3000,
    "long, and different at the end": "x" * 2999 + "y",
    "long when encoded": "\U0001f36a" * 300,
    "like a digest": "%#" + "0" * 64,
}
KEYS = {
    "empty": b"",
    "percent": b"%",
    "separators": b"a|b%c:d",
    "not UTF-8": b"\xff\xfe\x00",
    "long": b"k" * 3000,
    "long, and different at the end": b"k" * 2999 + b"l",
    "long when encoded": bytes(range(256)) * 4,
    "scripts": "東京 \U0001f36a".encode(),
    "like a digest": b"%#" + b"0" * 64,
}


@pytest.mark.parametrize("namespace", NAMESPACES.values(), ids=NAMESPACES)
def test_any_text_is_a_session_id(open_namespace: Opener, namespace: str) -> None:
    """A session under any id at all can be saved, read and deleted."""
    open_namespace(namespace)["session"] = payload(a=1)
    manager = open_namespace(namespace)
    assert payload(a=1) == manager["session"]
    del manager["session"]
    assert ["beaker-marker"] == [item["type"]["S"] for item in open_namespace.items()]
    with pytest.raises(KeyError):
        open_namespace(namespace)["session"]


def test_odd_ids_are_told_apart(open_namespace: Opener) -> None:
    """Each odd id has a session of its own."""
    for name, namespace in NAMESPACES.items():
        open_namespace(namespace)["session"] = payload(name=name)
    assert len(NAMESPACES) == len(open_namespace.items())
    for name, namespace in NAMESPACES.items():
        assert payload(name=name) == open_namespace(namespace)["session"]


def test_odd_keys_are_told_apart_and_listed(open_namespace: Opener) -> None:
    """Each odd key has a value of its own, and `keys()` gives it back byte for byte."""
    manager = open_namespace()
    for name, key in KEYS.items():
        manager[key] = name
    assert sorted(KEYS.values()) == sorted(manager.keys())
    for name, key in KEYS.items():
        assert name == manager[key]
    for key in KEYS.values():
        del manager[key]
    assert [] == manager.keys()
    assert {"beaker-tombstone"} == {item["type"]["S"] for item in open_namespace.items()}


@pytest.mark.parametrize("namespace", NAMESPACES.values(), ids=NAMESPACES)
def test_any_text_is_a_cache_namespace(open_namespace: Opener, namespace: str) -> None:
    """An odd namespace lists and removes its own keys, the odd ones too."""
    for name in NAMESPACES.values():
        open_namespace(name)[b"neighbour"] = 1
    manager = open_namespace(namespace)
    for key in KEYS.values():
        manager[key] = 1
    assert sorted([b"neighbour", *KEYS.values()]) == sorted(manager.keys())
    manager.remove()
    assert [] == manager.keys()
    assert len(NAMESPACES) - 1 == len(open_namespace.items())

"""An undamaged cache entry that this process cannot decode counts as missing."""

from __future__ import annotations

import json
import logging
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from beaker.cache import Cache

from beaker_dynamodb import PayloadError
from beaker_dynamodb.caches.storage import cache_storage
from tests.clock import Clock
from tests.opening import Opener

SIGNED = {"signing_keys": "a-key-of-20-bytes-or-more"}


class Page:
    """A class whose instances an earlier release of the application stored."""

    def __init__(self, text: str) -> None:
        self.text = text


def old_format(data: Any) -> Any:
    """Reject values of the earlier release."""
    raise ValueError(f"not in the new format: {data}")


OLD = SimpleNamespace(dumps=json.dumps, loads=json.loads)
NEW = SimpleNamespace(dumps=lambda value: json.dumps(["new", value]), loads=old_format)


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("pages_of_the_application")
    module.Page = Page  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(Page, "__module__", module.__name__)
    return module


def make_cache(open_namespace: Opener, **options: Any) -> Cache:
    return Cache("pages", "ext:dynamodb", **{**open_namespace.options, **options})


@pytest.mark.parametrize("signed", [{}, SIGNED], ids=["unsigned", "signed"])
def test_a_value_of_an_older_serializer_is_computed_again(
    open_namespace: Opener, signed: dict[str, str]
) -> None:
    make_cache(open_namespace, serializer=OLD, **signed).put("k", "old")
    cache = make_cache(open_namespace, serializer=NEW, **signed)
    assert "k" not in cache
    assert "made" == cache.get("k", createfunc=lambda: "made")
    assert 3 == cache.namespace.undecodable_missed
    stored = json.loads(bytes(open_namespace.item()["data"]["B"]))
    assert "made" == stored[1][2]


@pytest.mark.parametrize("gone", ["the module", "the class", "an argument"])
def test_a_pickle_of_a_changed_class_is_computed_again(
    open_namespace: Opener, module: ModuleType, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    cache = make_cache(open_namespace)
    cache.put("k", Page("old"))
    if gone == "the module":
        monkeypatch.delitem(sys.modules, module.__name__)
    elif gone == "the class":
        monkeypatch.delattr(module, "Page")
    else:
        monkeypatch.setattr(Page, "__setstate__", old_format, raising=False)
    assert b"k" not in cache.namespace
    assert "made" == cache.get("k", createfunc=lambda: "made")
    assert "made" == cache.get("k")


def test_an_undecodable_value_can_be_removed_while_it_is_computed_again(
    open_namespace: Opener,
) -> None:
    make_cache(open_namespace, serializer=OLD).put("k", "old")
    cache = make_cache(open_namespace, serializer=NEW)

    def create() -> str:
        make_cache(open_namespace, serializer=OLD, lock_timeout=58).remove_value("k")
        return "made"

    assert "made" == cache.get("k", createfunc=create)
    assert b"k" not in open_namespace()


@pytest.mark.parametrize("codec", ["rot13", "pickle,lz4"])
def test_an_unknown_codec_is_a_miss_only_if_the_item_is_signed(
    open_namespace: Opener, monkeypatch: pytest.MonkeyPatch, codec: str
) -> None:
    monkeypatch.setattr(
        "beaker_dynamodb.items.codec.Codec.encode_value", lambda *_: (b"later", codec)
    )
    open_namespace()[b"k"] = 1
    with pytest.raises(PayloadError, match="unknown to this version"):
        assert b"k" in open_namespace()
    open_namespace(**SIGNED)[b"k"] = 1
    assert b"k" not in open_namespace(**SIGNED)


def test_undecodable_entries_are_logged_once_a_minute_without_their_values(
    open_namespace: Opener, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    time = Clock()
    caplog.set_level(logging.WARNING, "beaker_dynamodb")
    open_namespace(serializer=OLD)[b"secret-key"] = "secret-value"
    manager = open_namespace(serializer=NEW)
    undecodable = cache_storage(manager.backend).undecodable
    monkeypatch.setattr(undecodable, "_monotonic", time)
    for seconds in (0.0, 1.0, 58.9, 5.1, 59.9):
        time.advance(seconds)
        assert b"secret-key" not in manager
    warning = f"table '{open_namespace.table_name}': an undecodable cache entry is treated as "
    warning += "missing: the option serializer cannot decode a stored value: ValueError; such "
    warning += "entries since the last "
    assert [f"{warning}warning: 1", f"{warning}warning: 3"] == caplog.messages
    assert 5 == manager.undecodable_missed
    assert 0 == manager.errors_tolerated

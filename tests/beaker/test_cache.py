"""Caches through Beaker's CacheManager and its decorator."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from beaker.cache import CacheManager

from tests.beaker import Browser, items, own_caches, used_client
from tests.clock import Clock
from tests.servers.recorder import CallRecorder

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


@pytest.fixture(autouse=True)
def _caches() -> Iterator[None]:
    with own_caches():
        yield


@pytest.fixture
def manager(options: dict[str, Any]) -> CacheManager:
    """A cache manager over the test's table."""
    return CacheManager(type="ext:dynamodb", **options)


VALUES = ["text", "", b"bytes", 1.5, None, True, [1, {"a": (2, 3)}], "ü\0"]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_round_trip(manager: CacheManager, value: object) -> None:
    """A value comes back as it was put, None among them."""
    cache = manager.get_cache("news")
    cache.put("key", value)
    assert value == cache.get("key")
    assert "key" in cache


def test_missing(manager: CacheManager) -> None:
    """A key that was never put is a KeyError and not in the cache."""
    cache = manager.get_cache("news")
    assert "key" not in cache
    with pytest.raises(KeyError):
        cache.get("key")


def test_decorator(manager: CacheManager) -> None:
    """A decorated function runs once per arguments, and again after invalidate()."""
    made = []

    @manager.cache("doubled")  # type: ignore[untyped-decorator]
    def doubled(number: int) -> int:
        made.append(number)
        return number * 2

    assert [4, 4, 6, 6] == [doubled(2), doubled(2), doubled(3), doubled(3)]
    assert [2, 3] == made

    manager.invalidate(doubled, "doubled", 2)

    assert [4, 6] == [doubled(2), doubled(3)]
    assert [2, 3, 2] == made


def test_hit(manager: CacheManager, options: dict[str, Any]) -> None:
    """A hit is one GetItem and no other call."""
    cache = manager.get_cache("news")
    cache.get("key", createfunc=lambda: "value")
    with CallRecorder(used_client(options)) as sent:
        assert "value" == cache.get("key", createfunc=lambda: "another")
    assert ["GetItem"] == sent.operations


def test_hits_of_threads(manager: CacheManager, options: dict[str, Any]) -> None:
    """Hits of eight threads at once, on one cache, are one GetItem each, with the right values."""
    cache = manager.get_cache("news")
    for number in range(8):
        cache.put(str(number), number)
    together = Barrier(8)

    def hit(number: int) -> list[Any]:
        together.wait()
        return [cache.get(str(number), createfunc=lambda: "made again") for _ in range(5)]

    with CallRecorder(used_client(options)) as sent, ThreadPoolExecutor(8) as pool:
        found = list(pool.map(hit, range(8)))

    assert [[number] * 5 for number in range(8)] == found
    assert ["GetItem"] * 40 == sent.operations


def test_creation_of_threads(manager: CacheManager) -> None:
    """When eight threads miss the same value at once, one of them makes it."""
    cache = manager.get_cache("news")
    together, made = Barrier(8), []

    def create() -> str:
        made.append(1)
        return "value"

    def get(_: int) -> Any:
        together.wait()
        return cache.get("key", createfunc=create)

    with ThreadPoolExecutor(8) as pool:
        assert ["value"] * 8 == list(pool.map(get, range(8)))
    assert [1] == made


def test_remove(manager: CacheManager) -> None:
    """A removed value is gone, its neighbours stay, and removing it again is no error."""
    cache = manager.get_cache("news")
    cache.put("a", 1)
    cache.put("ab", 2)
    cache.remove_value("a")
    cache.remove_value("a")
    assert "a" not in cache
    assert 2 == cache.get("ab")


USER1 = "beaker.session.id=user1"


@pytest.mark.parametrize("sort_key", [None, "part"])
def test_clear(options: dict[str, Any], sort_key: str | None) -> None:
    """clear() empties its namespace; other namespaces, prefixes and sessions stay."""
    options = {**options, "sort_key": sort_key}
    plain = CacheManager(type="ext:dynamodb", **options)
    other = CacheManager(type="ext:dynamodb", prefix="cache:user1", **options)
    neighbours = [plain.get_cache(name) for name in ("user10", "user", "user1|x", "user1:", "")]
    neighbours += [other.get_cache("user1"), other.get_cache("")]
    browser = Browser(options)
    browser.visit(_save, cookie=USER1)
    cleared = plain.get_cache("user1")
    for cache in (cleared, *neighbours):
        for number in range(3):
            cache.put(f"key{number}", number)

    cleared.clear()

    assert [False] * 3 == [f"key{number}" in cleared for number in range(3)]
    for cache in neighbours:
        assert [0, 1, 2] == [cache.get(f"key{number}") for number in range(3)]
    assert "Ada" == browser.visit(lambda session: session.get("name"), cookie=USER1)


def _save(session: Any) -> None:
    session["name"] = "Ada"
    session.save()


def test_clear_many(manager: CacheManager, client: DynamoDBClient, table_name: str) -> None:
    """clear() deletes more entries than one batch of DynamoDB's takes."""
    cache = manager.get_cache("news")
    for number in range(60):
        cache.put(str(number), number)
    cache.clear()
    assert {} == items(client, table_name)


def test_expire(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A value is made again once it is older than `expire`, and not before."""
    clock = Clock(time.time())
    monkeypatch.setattr("beaker.container.time", SimpleNamespace(time=clock))
    manager = CacheManager(type="ext:dynamodb", expire=60, clock=clock, **options)
    cache = manager.get_cache("news")
    made = iter(range(10))

    def get() -> Any:
        return cache.get("key", createfunc=lambda: next(made))

    assert 0 == get()
    clock.advance(59)
    assert 0 == get()
    clock.advance(2)
    assert 1 == get()

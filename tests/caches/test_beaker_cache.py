"""Beaker's CacheManager and its decorator."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest
from beaker.cache import CacheManager

from tests.beaker import Browser, items, own_caches, used_client
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
def test_a_value_is_returned_as_it_was_stored(manager: CacheManager, value: object) -> None:
    cache = manager.get_cache("news")
    cache.put("key", value)
    assert value == cache.get("key")
    assert "key" in cache


def test_a_decorated_function_runs_once_until_it_is_invalidated(manager: CacheManager) -> None:
    computed = []

    @manager.cache("doubled")  # type: ignore[untyped-decorator]
    def doubled(number: int) -> int:
        computed.append(number)
        return number * 2

    assert [4, 4, 6, 6] == [doubled(2), doubled(2), doubled(3), doubled(3)]
    assert [2, 3] == computed

    manager.invalidate(doubled, "doubled", 2)

    assert [4, 6] == [doubled(2), doubled(3)]
    assert [2, 3, 2] == computed


def test_parallel_hits_are_one_read_each(manager: CacheManager, options: dict[str, Any]) -> None:
    cache = manager.get_cache("news")
    for number in range(8):
        cache.put(str(number), number)
    together = Barrier(8)

    def hit(number: int) -> list[Any]:
        together.wait()
        return [cache.get(str(number), createfunc=lambda: "computed again") for _ in range(5)]

    with CallRecorder(used_client(options)) as sent, ThreadPoolExecutor(8) as pool:
        found = list(pool.map(hit, range(8)))

    assert [[number] * 5 for number in range(8)] == found
    assert ["GetItem"] * 40 == sent.operations


def test_removing_a_value_twice_leaves_its_neighbors(manager: CacheManager) -> None:
    cache = manager.get_cache("news")
    cache.put("a", 1)
    cache.put("ab", 2)
    cache.remove_value("a")
    cache.remove_value("a")
    assert "a" not in cache
    assert 2 == cache.get("ab")


USER1 = "beaker.session.id=user1"


@pytest.mark.parametrize("sort_key", [None, "part"])
def test_clear_leaves_other_namespaces_prefixes_and_sessions(
    options: dict[str, Any], sort_key: str | None
) -> None:
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


def test_clear_deletes_more_than_one_batch(
    manager: CacheManager, client: DynamoDBClient, table_name: str
) -> None:
    cache = manager.get_cache("news")
    for number in range(60):
        cache.put(str(number), number)
    cache.clear()
    assert {} == items(client, table_name)

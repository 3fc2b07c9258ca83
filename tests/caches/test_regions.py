"""Cache regions, from an INI file's lines, through Beaker itself and through pyramid_beaker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from beaker.cache import CacheManager, cache_region, cache_regions, region_invalidate
from beaker.util import parse_cache_config_options
from pyramid_beaker import set_cache_regions_from_settings

from beaker_dynamodb import DynamoDBNamespaceManager
from tests.beaker import items, own_caches

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from tests.servers.endpoint import Endpoint


@pytest.fixture(autouse=True)
def _caches() -> Iterator[None]:
    with own_caches():
        yield


def url(endpoint: Endpoint, table_name: str, prefix: str) -> str:
    """Return the `url` of a table."""
    options = {**endpoint.options, "prefix": prefix}
    region = options.pop("region_name")
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in options.items())
    return f"dynamodb://{region}/{table_name}?{query}"


def through_beaker(settings: dict[str, str]) -> None:
    """Configure regions as an application without Pyramid does."""
    CacheManager(**parse_cache_config_options(settings))


@pytest.mark.parametrize("configure", [through_beaker, set_cache_regions_from_settings])
def test_each_region_uses_its_own_url(
    endpoint: Endpoint,
    client: DynamoDBClient,
    table_name: str,
    configure: Callable[[dict[str, str]], None],
) -> None:
    configure(
        {
            "cache.type": "ext:dynamodb",
            "cache.regions": "short, long",
            "cache.short.url": url(endpoint, table_name, "short"),
            "cache.short.expire": "60",
            "cache.long.url": url(endpoint, table_name, "long"),
            "cache.long.expire": "3600",
        }
    )
    computed = []

    def slow(word: str) -> str:
        computed.append(word)
        return word.upper()

    short = cache_region("short", "slow")(slow)
    long = cache_region("long", "slow")(slow)

    assert ["A", "A", "A", "A"] == [short("a"), short("a"), long("a"), long("a")]
    assert ["a", "a"] == computed
    assert ["long", "short"] == sorted(key.split(":")[0] for key in items(client, table_name))

    region_invalidate(short, None, "slow", "a")

    assert ["A", "A"] == [short("a"), long("a")]
    assert ["a", "a", "a"] == computed


def test_pyramid_beaker_passes_one_url_to_every_region(endpoint: Endpoint, table_name: str) -> None:
    set_cache_regions_from_settings(
        {
            "cache.type": "ext:dynamodb",
            "cache.url": url(endpoint, table_name, "app"),
            "cache.regions": "short, long",
        }
    )

    @cache_region("long", "answer")  # type: ignore[untyped-decorator]
    def answer() -> int:
        return 42

    assert [42, 42] == [answer(), answer()]
    assert ["long", "short"] == sorted(cache_regions)


def test_a_region_takes_separate_options(endpoint: Endpoint, table_name: str) -> None:
    options = {"table_name": table_name, **endpoint.options}
    settings = {f"cache.short.{name}": value for name, value in options.items()}
    regions = {"cache.type": "ext:dynamodb", "cache.regions": "short", **settings}
    manager = CacheManager(**parse_cache_config_options(regions))

    cache = manager.get_cache_region("news", "short")
    cache.put("key", "value")

    assert isinstance(cache.namespace, DynamoDBNamespaceManager)
    assert "value" == cache.get("key")


def test_a_disabled_region_computes_each_time(options: dict[str, Any]) -> None:
    settings = {f"cache.off.{name}": value for name, value in options.items()}
    through_beaker(
        {
            "cache.type": "ext:dynamodb",
            "cache.regions": "off",
            "cache.off.enabled": "false",
            **settings,
        }
    )
    computed = []

    @cache_region("off", "slow")  # type: ignore[untyped-decorator]
    def slow() -> int:
        computed.append(1)
        return len(computed)

    assert [1, 2] == [slow(), slow()]

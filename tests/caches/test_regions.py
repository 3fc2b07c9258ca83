"""Cache regions, from an INI file's lines, through Beaker itself and through pyramid_beaker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
from beaker.cache import CacheManager, cache_region, region_invalidate
from beaker.util import parse_cache_config_options
from pyramid_beaker import set_cache_regions_from_settings

from tests.beaker import items, own_caches
from tests.servers.endpoint import DynamoDBClient, Endpoint


@pytest.fixture(autouse=True)
def _caches() -> Iterator[None]:
    with own_caches():
        yield


def through_beaker(settings: dict[str, str]) -> None:
    CacheManager(**parse_cache_config_options(settings))


def url_of(endpoint: Endpoint, table_name: str) -> str:
    options = dict(endpoint.options)
    region = options.pop("region_name")
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in options.items())
    return f"dynamodb://{region}/{table_name}?{query}"


@pytest.mark.parametrize("configure", [through_beaker, set_cache_regions_from_settings])
def test_each_region_uses_its_own_options_or_url(
    endpoint: Endpoint,
    client: DynamoDBClient,
    table_name: str,
    configure: Callable[[dict[str, str]], None],
) -> None:
    url = url_of(endpoint, table_name)
    options = {"table_name": table_name, **endpoint.options}
    configure(
        {
            "cache.type": "ext:dynamodb",
            "cache.url": url,
            "cache.regions": "short, long",
            **{f"cache.short.{name}": value for name, value in options.items()},
            "cache.short.prefix": "short",
            "cache.short.expire": "60",
            "cache.long.url": f"{url}&prefix=long",
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

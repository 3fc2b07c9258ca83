"""Cache regions, from an INI file's lines, through Beaker itself and through pyramid_beaker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from beaker.cache import CacheManager, cache_region, region_invalidate
from beaker.util import parse_cache_config_options
from pyramid_beaker import set_cache_regions_from_settings

from tests.beaker import items, own_caches
from tests.migrate.moving import url_of
from tests.servers.endpoint import DynamoDBClient


def through_beaker(settings: dict[str, str]) -> None:
    CacheManager(**parse_cache_config_options(settings))


@pytest.mark.parametrize("configure", [through_beaker, set_cache_regions_from_settings])
def test_each_region_uses_its_own_options_or_url(
    options: dict[str, Any],
    client: DynamoDBClient,
    table_name: str,
    configure: Callable[[dict[str, str]], None],
) -> None:
    url = url_of(options)
    settings = {
        "cache.type": "ext:dynamodb",
        "cache.url": url,
        "cache.regions": "short, long",
        **{f"cache.short.{name}": value for name, value in options.items()},
        "cache.short.prefix": "short",
        "cache.short.expire": "60",
        "cache.long.url": f"{url}&prefix=long",
        "cache.long.expire": "3600",
    }
    computed = []

    def slow(word: str) -> str:
        computed.append(word)
        return word.upper()

    with own_caches():
        configure(settings)
        short = cache_region("short", "slow")(slow)
        long = cache_region("long", "slow")(slow)
        assert ["A", "A", "A", "A"] == [short("a"), short("a"), long("a"), long("a")]
        assert ["a", "a"] == computed
        assert ["long", "short"] == sorted(key.split(":")[0] for key in items(client, table_name))

        region_invalidate(short, None, "slow", "a")
        assert ["A", "A"] == [short("a"), long("a")]
        assert ["a", "a", "a"] == computed

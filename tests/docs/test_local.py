"""docs/howto/develop-locally.md: the lines of `beaker-dynamodb local`, and its settings."""

from __future__ import annotations

import re

from beaker.cache import CacheManager
from beaker.util import parse_cache_config_options

from beaker_dynamodb.middleware import SessionMiddleware
from tests.beaker import items, own_caches
from tests.docs import count_visits, settings, visits
from tests.docs.pages import page
from tests.examples.command import started
from tests.servers.endpoint import Endpoint

PAGE = page("docs/howto/develop-locally.md")


def test_the_lines_that_local_prints() -> None:
    (shown,) = (block.code for block in PAGE.blocks("text"))
    with started("-m", "beaker_dynamodb", "local", "--port", "0") as process:
        assert process.stdout is not None
        printed = "".join(process.stdout.readline() for _ in shown.splitlines())
    assert shown == re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:8000", printed)


def test_the_settings_of_a_local_server(moto_endpoint: Endpoint) -> None:
    (ini,) = (block.code for block in PAGE.blocks("ini"))
    given = settings(ini.replace("http://127.0.0.1:8000", moto_endpoint.url))
    with own_caches():
        assert ["1", "2"] == count_visits(SessionMiddleware(visits, given))
        cache = CacheManager(**parse_cache_config_options(given)).get_cache("news")
        cache.put("key", "value")
    stored = items(moto_endpoint.client, "myapp-sessions")
    moto_endpoint.client.delete_table(TableName="myapp-sessions")
    assert {"sess", "cache"} == {key.partition(":")[0] for key in stored}

"""docs/howto/develop-locally.md: the lines of `beaker-dynamodb local`, and its settings."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from beaker.cache import CacheManager
from beaker.util import parse_cache_config_options
from click.testing import CliRunner

from beaker_dynamodb.cli.main import cli
from beaker_dynamodb.middleware import SessionMiddleware
from tests.beaker import items, own_caches
from tests.docs import count_visits, settings, visits
from tests.docs.pages import page
from tests.servers.endpoint import Endpoint

PAGE = page("docs/howto/develop-locally.md")


def test_the_lines_that_local_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    (shown,) = (block.code for block in PAGE.blocks("text"))
    stopped = SimpleNamespace(wait=bool)
    monkeypatch.setattr("beaker_dynamodb.cli.local.Event", lambda: stopped)
    printed = CliRunner().invoke(cli, ["local", "--port", "0"]).output
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

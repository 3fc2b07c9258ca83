"""Beaker's own Paste filter and pyramid_beaker, with an embedded DynamoDB."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from beaker.cache import cache_region
from paste.deploy import loadapp
from pyramid.config import Configurator
from pyramid.response import Response
from webtest import TestApp

from tests.beaker import aws_is, items, own_caches, used_client
from tests.docs import count_visits, visits
from tests.servers.endpoint import Endpoint
from tests.servers.recorder import CallRecorder

TABLE = "myapp-sessions"
SETTINGS = {
    "session.type": "ext:dynamodb",
    "session.table_name": TABLE,
    "session.region_name": "eu-west-1",
}


@pytest.fixture(autouse=True)
def aws(moto_endpoint: Endpoint) -> Iterator[Endpoint]:
    with own_caches(), aws_is(moto_endpoint):
        yield moto_endpoint


def test_pyramid_beaker_hands_the_url_of_the_cache_to_its_regions(aws: Endpoint) -> None:
    total = cache_region("short_term", "total")(lambda upto: sum(range(upto + 1)))

    def index(request: Any) -> Response:
        request.session["visits"] = count = request.session.get("visits", 0) + 1
        return Response(f"{count}, {total(count)}")

    caches = {
        "cache.type": "ext:dynamodb",
        "cache.url": f"dynamodb://eu-west-1/{TABLE}",
        "cache.regions": "short_term",
        "cache.short_term.expire": "60",
    }
    with Configurator(settings={**SETTINGS, **caches}) as config:
        config.include("pyramid_beaker")
        config.add_route("index", "/")
        config.add_view(index, route_name="index")
        app = config.make_wsgi_app()
    assert ["1, 1", "2, 3"] == count_visits(app)
    stored = items(aws.client, TABLE)
    assert ["cache", "cache", "sess"] == sorted(key.partition(":")[0] for key in stored)

    with CallRecorder(used_client({"url": f"dynamodb://eu-west-1/{TABLE}"})) as sent:
        assert "1, 1" == TestApp(app).get("/").text
    assert ["GetItem", "PutItem"] == sorted(sent.operations)


def test_beakers_own_paste_filter(tmp_path: Path) -> None:
    options = "".join(f"{name} = {value}\n" for name, value in SETTINGS.items())
    (tmp_path / "wsgi.ini").write_text(
        f"[app:main]\npaste.app_factory = {visits.__module__}:visits_factory\n"
        f"filter-with = session\n[filter:session]\nuse = egg:Beaker#beaker_session\n{options}"
    )
    assert ["1", "2"] == count_visits(loadapp(f"config:{tmp_path / 'wsgi.ini'}"))

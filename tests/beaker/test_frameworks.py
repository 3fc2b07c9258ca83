"""The applications in examples/, unchanged, with an embedded DynamoDB."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from paste.deploy import loadapp
from webtest import TestApp

from tests.beaker import aws_is, items, own_caches, used_client
from tests.servers.recorder import CallRecorder

if TYPE_CHECKING:
    from tests.servers.endpoint import Endpoint

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
TABLE = "myapp-sessions"


@pytest.fixture(autouse=True)
def _environment(moto_endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for folder in (EXAMPLES, EXAMPLES / "pyramid_app"):
        monkeypatch.syspath_prepend(str(folder))
    modules = set(sys.modules)
    with own_caches(), aws_is(moto_endpoint):
        yield
    for name in set(sys.modules) - modules:
        if name in ("app", "bottle_app", "flask_app", "wsgi_app"):
            del sys.modules[name]


def pyramid_app() -> Any:
    return loadapp(f"config:{EXAMPLES / 'pyramid_app' / 'development.ini'}")


def bottle_app() -> Any:
    return importlib.import_module("bottle_app").application


def flask_app() -> Any:
    return importlib.import_module("flask_app").app


def paste_app() -> Any:
    return loadapp(f"config:{EXAMPLES / 'wsgi.ini'}")


@pytest.mark.parametrize("make", [pyramid_app, bottle_app, flask_app, paste_app])
def test_visits_are_counted_per_browser_until_the_logout(
    make: Callable[[], Any], moto_endpoint: Endpoint
) -> None:
    app = make()
    browser, other = TestApp(app), TestApp(app)
    pages = [browser.get("/").text, browser.get("/").text, other.get("/").text]
    assert ["1", "2", "1"] == [page.replace(",", "").split()[1] for page in pages]
    kinds = [item["type"]["S"] for item in items(moto_endpoint.client, TABLE).values()]
    assert 2 == kinds.count("beaker-session")

    if make is paste_app:
        browser.get("/logout")
        after = browser.get("/")
    else:
        after = browser.post("/logout").follow()
    assert "visits: 1" in after.text


def test_a_value_of_a_cache_region_is_created_once(moto_endpoint: Endpoint) -> None:
    app = pyramid_app()
    assert "visits: 1, total: 1\n" == TestApp(app).get("/").text
    cached = [key for key in items(moto_endpoint.client, TABLE) if key.startswith("cache:")]
    assert 1 == len(cached)

    with CallRecorder(used_client({"url": f"dynamodb://eu-west-1/{TABLE}"})) as sent:
        assert "visits: 1, total: 1\n" == TestApp(app).get("/").text
    assert ["GetItem", "PutItem"] == sorted(sent.operations)


@pytest.mark.parametrize(
    "line",
    [
        "use = egg:Beaker#beaker_session",
        "paste.filter_app_factory = beaker.middleware:session_filter_app_factory",
    ],
)
def test_beakers_other_paste_filters(tmp_path: Path, line: str) -> None:
    ini = (EXAMPLES / "wsgi.ini").read_text()
    used = "paste.filter_factory = beaker.middleware:session_filter_factory"
    assert used in ini
    (tmp_path / "wsgi.ini").write_text(ini.replace(used, line))
    browser = TestApp(loadapp(f"config:{tmp_path / 'wsgi.ini'}"))
    assert ["visits: 1\n", "visits: 2\n"] == [browser.get("/").text, browser.get("/").text]

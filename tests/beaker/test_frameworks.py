"""The applications in examples/, exactly as they stand there, on an embedded DynamoDB."""

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
    """Give the Pyramid application of the INI file."""
    return loadapp(f"config:{EXAMPLES / 'pyramid_app' / 'development.ini'}")


def bottle_app() -> Any:
    """Give the Bottle application."""
    return importlib.import_module("bottle_app").application


def flask_app() -> Any:
    """Give the Flask application; Flask comes with moto's server, which the tests need."""
    return importlib.import_module("flask_app").app


def paste_app() -> Any:
    """Give the application behind Beaker's Paste filter."""
    return loadapp(f"config:{EXAMPLES / 'wsgi.ini'}")


APPS = [pyramid_app, bottle_app, flask_app]


@pytest.mark.parametrize("make", [*APPS, paste_app])
def test_counts(make: Callable[[], Any], moto_endpoint: Endpoint) -> None:
    """Visits are counted per browser, over instances of the application, in DynamoDB."""
    app = make()
    browser, other = TestApp(app), TestApp(app)

    said = [browser.get("/").text, browser.get("/").text, other.get("/").text]

    assert [["visits:", "1"], ["visits:", "2"], ["visits:", "1"]] == [
        text.replace(",", "").split()[:2] for text in said
    ]
    kinds = [item["type"]["S"] for item in items(moto_endpoint.client, TABLE).values()]
    assert 2 == kinds.count("beaker-session")


@pytest.mark.parametrize("make", APPS)
def test_log_out(make: Callable[[], Any]) -> None:
    """After the log-out the count begins anew."""
    browser = TestApp(make())
    browser.get("/")
    browser.get("/")
    assert "visits: 1" in browser.post("/logout").follow().text


def test_log_out_paste() -> None:
    """The application without a framework forgets its visitor too."""
    browser = TestApp(paste_app())
    browser.get("/")
    browser.get("/logout")
    assert "visits: 1" in browser.get("/").text


def test_pyramid_region(moto_endpoint: Endpoint) -> None:
    """A value of a cache region is made once; the second visitor's comes from DynamoDB."""
    app = pyramid_app()
    assert "visits: 1, total: 1\n" == TestApp(app).get("/").text
    cached = [key for key in items(moto_endpoint.client, TABLE) if key.startswith("cache:")]
    assert 1 == len(cached)

    with CallRecorder(used_client({"url": f"dynamodb://eu-west-1/{TABLE}"})) as sent:
        assert "visits: 1, total: 1\n" == TestApp(app).get("/").text
    assert ["GetItem", "PutItem"] == sorted(sent.operations)


@pytest.mark.parametrize(
    "lines",
    [
        "use = egg:Beaker#beaker_session",
        "paste.filter_factory = beaker.middleware:session_filter_factory",
        "paste.filter_app_factory = beaker.middleware:session_filter_app_factory",
    ],
)
def test_paste_filter(tmp_path: Path, lines: str) -> None:
    """Each way of naming Beaker's Paste filter leads to sessions in DynamoDB."""
    ini = (EXAMPLES / "wsgi.ini").read_text()
    used = "paste.filter_factory = beaker.middleware:session_filter_factory"
    assert used in ini
    (tmp_path / "wsgi.ini").write_text(ini.replace(used, lines))

    browser = TestApp(loadapp(f"config:{tmp_path / 'wsgi.ini'}"))

    assert ["visits: 1\n", "visits: 2\n"] == [browser.get("/").text, browser.get("/").text]

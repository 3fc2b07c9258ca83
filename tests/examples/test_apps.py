"""The examples' applications in this process, on every Python."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from webtest import TestApp

from tests.beaker import aws_is, own_caches
from tests.examples.command import EXAMPLES, ROOT, visits
from tests.servers.endpoint import Endpoint


@pytest.fixture(params=EXAMPLES)
def app(
    request: pytest.FixtureRequest, moto_endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    name = f"{request.param}_app"
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)  # Pyramid looks for the caller's module
    with own_caches(), aws_is(moto_endpoint):
        spec.loader.exec_module(module)
        names = vars(module)
        yield names.get("application") or names.get("app") or names["main"]()


def test_visits_are_counted_until_the_log_out(app: Any) -> None:
    visitor = TestApp(app)
    visitor.get("/")
    if not visits(visitor.get("/").text):
        visitor.post("/log-in", {"user": "Ada"}).follow()
    assert 2 <= visits(visitor.get("/").text)
    assert 2 > visits(visitor.post("/log-out").follow().text)


def test_a_link_does_not_log_a_user_out(app: Any) -> None:
    assert TestApp(app).get("/log-out", status="*").status_int in (404, 405)

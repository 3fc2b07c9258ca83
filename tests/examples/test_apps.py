"""The examples' applications in this process, and each one as a reader starts it."""

from __future__ import annotations

import copy
import importlib.util
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from webtest import TestApp

from tests.beaker import aws_is, own_caches
from tests.examples.command import EXAMPLES, ROOT, Visitor, running, visits
from tests.servers.endpoint import Endpoint

Load = Callable[[str], Any]


@pytest.fixture
def load(moto_endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Returns the application of an example."""

    def load(example: str) -> Any:
        name = f"{example}_app"
        spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)  # Pyramid looks for the caller's module
        spec.loader.exec_module(module)
        names = vars(module)
        return names.get("application") or names.get("app") or names["main"]()

    with own_caches(), aws_is(moto_endpoint):
        yield load


class Browser:
    """A browser that has made one visit, as a user who is logged in where that is needed."""

    def __init__(self, app: Any, user: str = "Ada", agent: str = "test") -> None:
        self.web = TestApp(app, extra_environ={"HTTP_USER_AGENT": agent})
        if "Log in" in self.get():
            self.post("/log-in", user=user)

    def get(self) -> str:
        return str(self.web.get("/").text)

    def post(self, path: str, **fields: str) -> str:
        return str(self.web.post(path, fields).follow().text)

    def thief(self) -> Browser:
        """Return a browser with a copy of the cookie."""
        thief = copy.copy(self)
        thief.web = TestApp(self.web.app)
        ((name, value),) = self.web.cookies.items()
        thief.web.set_cookie(name, str(value).strip('"'))
        return thief


@pytest.mark.parametrize("example", EXAMPLES)
def test_visits_are_counted_per_browser_until_the_log_out(load: Load, example: str) -> None:
    app = load(example)
    visitor, other = Browser(app), Browser(app)
    assert [2, 3, 2, 4] == [visits(one.get()) for one in (visitor, visitor, other, visitor)]
    thief = visitor.thief()
    assert 5 == visits(thief.get())
    assert visits(visitor.post("/log-out")) <= 1
    assert visits(thief.get()) <= 1
    assert 3 == visits(other.get())


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_link_does_not_log_a_user_out(load: Load, example: str) -> None:
    assert TestApp(load(example)).get("/log-out", status="*").status_int in (404, 405)


def test_pyramid_starts_a_session_under_a_new_id_at_the_log_in(load: Load) -> None:
    visitor = Browser(load("pyramid"))
    thief = visitor.thief()
    assert 1 == visits(visitor.post("/log-in", user="Ada"))
    assert 0 == visits(thief.get())


@pytest.mark.owasp("7.5.2")
def test_pyramid_lists_where_a_user_is_logged_in(load: Load) -> None:
    app = load("pyramid")
    stranger = Browser(app, "Bob", "Stranger")
    desktop, phone = (Browser(app, "<i>Grace</i>", agent) for agent in ("Firefox", "<b>Safari</b>"))
    page = phone.get()
    assert "Welcome, &lt;i&gt;Grace" in page
    assert "<td>&lt;b&gt;Safari&lt;/b&gt; <strong>(this browser)</strong>" in page
    assert "<td>Firefox<td>" in page
    assert "Stranger" not in page

    assert "Firefox" not in phone.post("/log-out-others")
    assert [True, False, False] == ["Log in" in one.get() for one in (desktop, phone, stranger)]


@pytest.mark.full
def test_turbogears_caches_a_slow_number(load: Load) -> None:
    app = load("turbogears")
    first, second = (Browser(app).get().split("cached for a minute: ")[1] for _ in range(2))
    assert first == second


def test_flask_keeps_a_shopping_list(load: Load) -> None:
    visitor = Browser(load("flask"))
    assert "<li>Nothing yet</li>" in visitor.get()
    visitor.post("/add", item="tea")
    page = visitor.post("/add", item="<b>")
    assert "<ul><li>tea</li><li>&lt;b&gt;</li></ul>" in page


@pytest.mark.full
@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_serves_until_ctrl_c(example: str) -> None:
    with running(f"examples/{example}_app.py") as url:
        visitor = Visitor(url)
        if "Log in" in visitor.get():
            visitor.post("/log-in", user="Ada")
        assert 2 == visits(visitor.get())

"""The how-to pages of the frameworks and Mako: applications work, and comparisons hold."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import cherrypy
import mako.ext.beaker_cache
import pytest
import tg
from beaker.cache import CacheManager
from beaker.exceptions import BeakerWarning
from beaker.util import parse_cache_config_options
from paste.deploy import loadapp
from webtest import TestApp

from beaker_dynamodb import DynamoDBSession
from beaker_dynamodb.middleware import SessionMiddleware
from tests.beaker import COOKIE, items, one_failed_read, used_client
from tests.docs import count_visits, run_blocks, settings
from tests.docs.pages import page
from tests.servers.endpoint import Endpoint
from tests.wsgi.outage import Outage

TABLE = {"table_name": "myapp-sessions", "region_name": "eu-west-1"}


def howto(name: str) -> Any:
    return page(f"docs/howto/{name}.md")


@pytest.mark.parametrize("name", ["wsgi", "flask", "bottle", "cherrypy", "develop-locally"])
def test_an_application_counts_visits(name: str, aws: Endpoint) -> None:
    names = run_blocks(howto(name))
    said = count_visits(names.get("application") or names["app"])
    assert ["visits: 1", "visits: 2"] == [line.split(",")[0] for line in said]
    assert any(key.startswith("sess:") for key in items(aws.client, "myapp-sessions"))


def test_pyramid(aws: Endpoint) -> None:
    ini, _ = (block.code for block in howto("pyramid").blocks("ini"))
    application = run_blocks(howto("pyramid"))["main"]({}, **settings(ini))
    assert ["visits: 1", "visits: 2"] == count_visits(application)


def test_cache_regions(aws: Endpoint) -> None:
    (ini,) = (block.code for block in howto("pyramid").blocks("ini", "Cache regions"))
    CacheManager(**parse_cache_config_options(settings(ini)))
    total = run_blocks(howto("pyramid"), "Cache regions")["total"]
    assert [6, 6] == [total(3), total(3)]
    assert 1 == len(items(aws.client, "myapp-sessions"))


def test_paste(aws: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("myapp")
    vars(module).update(run_blocks(howto("paste"), "A complete file"))
    monkeypatch.setitem(sys.modules, "myapp", module)
    filter_section, file = (block.code for block in howto("paste").blocks("ini"))
    assert filter_section in file
    (tmp_path / "paste.ini").write_text(file)
    application = loadapp(f"config:{tmp_path / 'paste.ini'}")
    assert isinstance(application, SessionMiddleware)
    assert ["visits: 1", "visits: 2"] == count_visits(application)


# -- CherryPy -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("on_save_error", "status"), [("raise", "500 Internal"), ("503", "503 Service")]
)
@pytest.mark.parametrize("way", ["pipeline", "tree"])
def test_cherrypy(aws: Endpoint, way: str, on_save_error: str, status: str) -> None:
    names = run_blocks(howto("cherrypy"))
    names["settings"]["session.on_save_error"] = on_save_error
    if way == "pipeline":
        application = cherrypy.tree.mount(names["Root"](), "", names["config"])
    else:
        application = SessionMiddleware(cherrypy.tree, names["settings"])
    browser = TestApp(application)
    for visit in (1, 2):
        assert f"visits: {visit}" == browser.get("/").text
    with Outage(used_client(TABLE)).of("PutItem"):
        assert browser.get("/", status="*").status.startswith(status)
    assert "visits: 3" == browser.get("/").text


# -- TurboGears -----------------------------------------------------------------------------------


class Root(tg.TGController):  # type: ignore[misc]  # no type hints
    @tg.expose()  # type: ignore[untyped-decorator]
    def index(self, end: str = "") -> str:
        tg.session["visits"] = tg.session.get("visits", 0) + 1
        tg.session.save()
        if end:
            tg.session.regenerate_id()
        kind = type(tg.session._session()).__name__
        return f"{tg.session['visits']} {kind}"

    @tg.expose()  # type: ignore[untyped-decorator]
    def cached(self) -> str:
        return str(tg.cache.get_cache("numbers").get("number", createfunc=lambda: 7))


def turbogears() -> tuple[Any, dict[str, str]]:
    """Return TurboGears' configurator and the settings of the page."""
    (ini,) = (block.code for block in howto("turbogears").blocks("ini"))
    base_config = tg.FullStackApplicationConfigurator()
    base_config.update_blueprint({"root_controller": Root(), "tm.enabled": False})
    return base_config, settings(ini)


def test_turbogears_ini(aws: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    base_config, given = turbogears()
    (code,) = (block.code for block in howto("turbogears").blocks("python", "Configure it"))
    names = {"base_config": base_config}
    exec(code, names)
    application = names["make_app"]({}, **given)
    assert ["1 DynamoDBSession", "2 DynamoDBSession"] == count_visits(application)
    assert "7" == TestApp(application).get("/cached").text
    assert [] == [one for one in caplog.records if one.name.startswith("beaker_dynamodb")]
    kinds = {key.partition(":")[0] for key in items(aws.client, "myapp-sessions")}
    assert {"sess", "cache"} == kinds


@pytest.mark.parametrize("with_class", [True, False])
def test_turbogears_session_class(aws: Endpoint, with_class: bool) -> None:
    """Only with the class is an old cookie dead, and does a session outlive a failed read."""
    (block,) = howto("turbogears").blocks("python", "Only the session class")
    base_config, given = turbogears()
    if with_class:
        exec(block.code, {"base_config": base_config})
    application = base_config.make_wsgi_app({}, {**given, "session.enabled": "true"})
    browser, thief = TestApp(application), TestApp(application)
    name = DynamoDBSession.__name__ if with_class else "Session"
    assert [f"1 {name}", f"2 {name}"] == [browser.get("/").text, browser.get("/").text]
    thief.set_cookie(COOKIE, str(browser.cookies[COOKIE]).strip('"'))
    assert f"3 {name}" == browser.get("/?end=1").text
    assert f"{1 if with_class else 3} {name}" == thief.get("/").text

    with one_failed_read(used_client(TABLE)):
        if with_class:
            browser.get("/", status="*", expect_errors=True)
        else:
            with pytest.warns(BeakerWarning, match="Invalidating corrupt session"):
                assert f"1 {name}" == browser.get("/").text
    assert f"{4 if with_class else 2} {name}" == browser.get("/").text


# -- Mako -----------------------------------------------------------------------------------------

FOLDER = '    module_directory="compiled",\n'

Start = Callable[..., Any]


@pytest.fixture
def start(aws: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """A function that returns the page's template as a new process would load it."""
    (text,) = (block.code for block in howto("mako").blocks("text"))
    (code,) = (block.code for block in howto("mako").blocks("python"))
    monkeypatch.chdir(tmp_path)
    Path("templates").mkdir()
    Path("templates/news.html").write_text(text)

    def start(without: str = "", cache_args: dict[str, str] | None = None) -> Any:
        monkeypatch.setattr(mako.ext.beaker_cache, "_beaker_cache", None)
        assert without in code
        names: dict[str, Any] = {}
        exec(code.replace(without, ""), names)
        lookup = names["lookup"]
        lookup.template_args["cache_args"] = cache_args or lookup.template_args["cache_args"]
        return lookup.get_template("/news.html")

    return start


def rendered(template: Any, headline: str) -> str:
    text: str = template.render(slow_query=lambda: [headline])
    return text


def test_a_part_is_rendered_once(start: Start, aws: Endpoint) -> None:
    assert "<li>rain</li>" in rendered(start(), "rain")
    assert "<li>rain</li>" in rendered(start(), "sun")
    assert ["cache:_news_html|render_headlines"] == list(items(aws.client, "myapp-sessions"))
    later = start()
    later.cache.invalidate_def("headlines")
    assert "<li>sun</li>" in rendered(later, "sun")


def test_without_a_module_directory_every_start_renders_again(start: Start) -> None:
    assert "<li>rain</li>" in rendered(start(FOLDER), "rain")
    assert "<li>sun</li>" in rendered(start(FOLDER), "sun")


def test_a_region_fails_with_a_module_directory(start: Start) -> None:
    template = start(cache_args={"region": "short_term"})
    with pytest.raises(TypeError, match="data_dir"):
        rendered(template, "rain")


def test_a_cache_key_replaces_the_name_of_the_part(start: Start, aws: Endpoint) -> None:
    news = Path("templates/news.html")
    keyed = 'cached="True" cache_key="${user_id}" cache_timeout="3600"'
    news.write_text(news.read_text().replace('cached="True"', keyed))
    template = start()
    for user in ("ada", "bob", "ada"):
        template.render(user_id=user, slow_query=list)
    stored = items(aws.client, "myapp-sessions")
    assert ["cache:_news_html|ada", "cache:_news_html|bob"] == sorted(stored)
    lifetimes = [
        float(one["deadline"]["N"]) - float(one["created"]["N"]) for one in stored.values()
    ]
    assert [3600, 3600] == [round(seconds) for seconds in lifetimes]

"""The doors that lead to DynamoDBSession: Paste's factories, Pyramid's include, session_class."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from beaker.cache import cache_managers, cache_regions
from paste.deploy import loadapp
from pyramid.config import Configurator
from pyramid.interfaces import ISessionFactory
from pyramid.testing import DummyRequest

from beaker_dynamodb.middleware import SessionMiddleware
from beaker_dynamodb.session import DynamoDBSession
from tests.beaker import own_caches
from tests.sessions.site import Site, paste_app, store, values, visit
from tests.wsgi.raw import new_environ, respond

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.endpoint import Endpoint


@pytest.fixture(autouse=True)
def _caches() -> Iterator[None]:
    with own_caches():
        yield


@pytest.fixture
def options(moto_endpoint: Endpoint, table_name: str) -> dict[str, str]:
    """Options as an INI file has them."""
    return {"table_name": table_name, **moto_endpoint.options}


def is_ours(session: Any) -> bool:
    """Whether the session is a DynamoDBSession."""
    return isinstance(session._session(), DynamoDBSession)


@pytest.mark.parametrize(
    "use",
    [
        "use = egg:beaker-dynamodb#session",
        "paste.filter_factory = beaker_dynamodb.middleware:session_filter_factory",
        "paste.filter_app_factory = beaker_dynamodb.middleware:session_filter_app_factory",
    ],
)
def test_paste(tmp_path: Path, options: dict[str, str], use: str) -> None:
    """Each way of naming the filter leads to sessions of ours, without a `type`."""
    lines = "\n".join(f"beaker.session.{name} = {value}" for name, value in options.items())
    (tmp_path / "app.ini").write_text(
        "[pipeline:main]\npipeline = session app\n"
        f"[filter:session]\n{use}\n{lines}\n"
        "beaker.session.invalidate_corrupt = false\n"
        "[app:app]\npaste.app_factory = tests.sessions.site:paste_app\n"
    )
    wsgi = loadapp(f"config:{tmp_path / 'app.ini'}")
    cookie = visit(wsgi, store(name="Ada")).cookie
    assert {"name": "Ada"} == visit(wsgi, values, cookie).result
    assert visit(wsgi, is_ours, cookie).result


class Registry:
    """Paste's registry of the objects of one request."""

    def __init__(self) -> None:
        self.reglist: list[object] = [{}]
        self.registered: list[Any] = []

    def register(self, proxy: Any, session: Any) -> None:
        """Remember a session."""
        self.registered.append(session)


def test_paste_registry_and_webtest_find_the_session(options: dict[str, str]) -> None:
    wsgi = SessionMiddleware(paste_app({}), {"session.webtest_varname": "session"}, **options)
    registry, variables = Registry(), dict[str, Any]()
    environ: dict[str, Any] = {
        "test.action": values,
        "paste.registry": registry,
        "paste.testing_variables": variables,
    }
    respond(wsgi, new_environ(**environ))
    assert [variables["session"]] == registry.registered
    assert is_ours(variables["session"])


def test_session_class_by_hand(options: dict[str, str]) -> None:
    """Beaker's own middleware takes it as `session_class`."""
    site = Site("beaker", {**options, "session_class": DynamoDBSession})
    cookie = site(store(name="Ada")).cookie
    assert {"name": "Ada"} == site(values, cookie).result
    assert site(is_ours, cookie).result


def test_session_class_of_an_ini_file(options: dict[str, str]) -> None:
    """A text, which Beaker refuses as a class, gives ours too."""
    assert Site("ours", {**options, "session_class": "mine"})(is_ours).result


@pytest.mark.parametrize("prefix", ["session.", "beaker.session."])
def test_pyramid(options: dict[str, str], prefix: str) -> None:
    """config.include gives sessions of ours, from either spelling of pyramid_beaker's settings."""
    settings = {prefix + name: value for name, value in options.items()}
    session = pyramid_session({**settings, f"{prefix}invalidate_corrupt": "false"})
    session["name"] = "Ada"
    session.flash("saved")
    session.save()
    session.persist()
    assert is_ours(session)
    again = pyramid_session(settings, f"beaker.session.id={session.id}")
    assert {"name": "Ada"} == {"name": again["name"]}
    assert ["saved"] == again.pop_flash()
    assert session.get_csrf_token() != ""


def test_pyramid_constant_csrf_token(options: dict[str, str]) -> None:
    """pyramid_beaker's own settings mean what they mean there."""
    settings = {f"session.{name}": value for name, value in options.items()}
    session = pyramid_session({**settings, "session.constant_csrf_token": "true"})
    assert session.get_csrf_token() == session.new_csrf_token()


def test_pyramid_cache_regions(options: dict[str, str]) -> None:
    """Cache regions of the settings are set up as pyramid_beaker does it."""
    settings = {f"session.{name}": value for name, value in options.items()}
    regions = {"cache.regions": "short", "cache.type": "memory", "cache.short.expire": "10"}
    pyramid_session({**settings, **regions})
    assert "short" in cache_regions
    assert {} == cache_managers


def pyramid_session(settings: dict[str, str], cookie: str = "") -> Any:
    """Give the session of a request to a Pyramid application with these settings."""
    config = Configurator(settings=settings)
    config.include("beaker_dynamodb.pyramid")
    config.commit()
    factory = config.registry.getUtility(ISessionFactory)
    return factory(DummyRequest(environ={"HTTP_COOKIE": cookie}))

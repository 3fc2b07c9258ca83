"""The Pyramid include: pyramid_beaker's settings, and exception views for failed saves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from beaker.cache import cache_managers, cache_regions
from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPForbidden, HTTPFound
from pyramid.interfaces import ISessionFactory
from pyramid.response import Response as Page
from pyramid.testing import DummyRequest
from pyramid.tweens import EXCVIEW

from beaker_dynamodb import DynamoDBSession, ItemTooLarge, StoreUnavailable
from tests.beaker import own_caches
from tests.servers.recorder import CallRecorder
from tests.wsgi.outage import WRITES, Outage
from tests.wsgi.raw import Options, Response, send


@pytest.fixture(autouse=True)
def _caches() -> Iterator[None]:
    with own_caches():
        yield


# -- settings -----------------------------------------------------------------------------------


def new_session(options: Options, cookie: str = "", prefix: str = "session.", **extra: str) -> Any:
    settings = {prefix + name: value for name, value in options.items()}
    config = Configurator(settings={**settings, **extra})
    config.include("beaker_dynamodb.pyramid")
    config.commit()
    factory = config.registry.getUtility(ISessionFactory)
    return factory(DummyRequest(environ={"HTTP_COOKIE": cookie}))


@pytest.mark.parametrize("prefix", ["session.", "beaker.session."])
def test_both_spellings_of_the_settings(options: Options, prefix: str) -> None:
    session = new_session({**options, "invalidate_corrupt": "false"}, prefix=prefix)
    assert isinstance(session._session(), DynamoDBSession)
    assert session.invalidate_corrupt is False
    session["name"] = "Ada"
    session.flash("saved")
    session.persist()
    again = new_session(options, f"beaker.session.id={session.id}", prefix)
    assert "Ada" == again["name"]
    assert ["saved"] == again.pop_flash()


def test_pyramid_beakers_own_settings(options: Options) -> None:
    session = new_session({**options, "constant_csrf_token": "true"})
    assert session.get_csrf_token() == session.new_csrf_token()
    regions = {"cache.regions": "short", "cache.type": "memory", "cache.short.expire": "10"}
    new_session(options, **regions)
    assert "short" in cache_regions
    assert {} == cache_managers


# -- requests -----------------------------------------------------------------------------------


class Site:
    """A Pyramid application with one view, and exception views.

    :param error_page: acts on the session in the exception view.
    """

    def __init__(
        self, view: Any, options: Options, error_page: Any = None, **settings: Any
    ) -> None:
        session_settings = {f"session.{name}": value for name, value in options.items()}
        self.caught: list[type[Exception]] = []
        self._error_page = error_page
        with Configurator(settings={**session_settings, **settings}) as config:
            config.include("beaker_dynamodb.pyramid")
            config.add_route("page", "/")
            config.add_view(view, route_name="page")
            for context in (StoreUnavailable, ItemTooLarge, ValueError):
                config.add_exception_view(self._error, context=context)
            self.app = config.make_wsgi_app()

    def __call__(self, cookie: str = "") -> Response:
        return send(self.app, cookie)

    def _error(self, error: Exception, request: Any) -> Page:
        self.caught.append(type(error))
        if self._error_page is not None:
            self._error_page(request.session)
        return Page("error page", status=503)


def visits(request: Any) -> Page:
    request.session["visits"] = visits = request.session.get("visits", 0) + 1
    page = Page(str(visits), vary="Accept")
    page.set_cookie("page", "1")
    return page


def flash(session: Any) -> None:
    session.flash("sorry")


def session_cookie(response: Response) -> str:
    (header,) = [one for one in response.all("Set-Cookie") if one.startswith("beaker")]
    return header.split(";")[0]


@pytest.fixture
def cookie(options: Options) -> str:
    return session_cookie(Site(visits, options)())


def log_in(request: Any) -> Page:
    request.session.regenerate_id()
    request.session["user"] = "Ada"
    raise HTTPFound("/")


def log_out(request: Any) -> Page:
    request.session.delete()
    return Page("good-bye")


@pytest.mark.parametrize("error_page", [None, flash], ids=["reads", "saves"])
@pytest.mark.parametrize("view", [visits, log_in, log_out])
def test_an_exception_view_handles_a_failed_save(
    options: Options, cookie: str, outage: Outage, view: Any, error_page: Any
) -> None:
    site = Site(view, options, error_page)
    with outage.of(*WRITES):
        response = site(cookie)
    assert ("503 Service Unavailable", b"error page") == (response.status, response.body)
    assert [StoreUnavailable] == site.caught
    assert 1 == len(outage.refused)
    assert [] == response.all("Set-Cookie")
    assert b"2" == Site(visits, options)(cookie).body


def test_a_raised_redirect_saves_the_session(options: Options, cookie: str) -> None:
    response = Site(log_in, options)(cookie)
    assert "302 Found" == response.status
    assert cookie != session_cookie(response)
    assert (["Cookie"], ["no-store"]) == (response.all("Vary"), response.all("Cache-Control"))


def test_a_failed_logout_never_looks_like_a_success(
    options: Options, cookie: str, outage: Outage
) -> None:
    def swallow(request: Any) -> Page:
        with pytest.raises(StoreUnavailable):
            request.session.delete()
        return Page("good-bye")

    with outage.of(*WRITES):
        assert b"error page" == Site(swallow, options)(cookie).body
        response = Site(swallow, {**options, "on_save_error": "503"})(cookie)
    assert "503 Service Unavailable" == response.status


def test_an_exception_view_handles_an_error_of_the_application(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("beaker_dynamodb.items.chunks.MAX_VALUE_BYTES", 2000)

    def too_large(request: Any) -> Page:
        request.session["data"] = "x" * 5000
        return Page("page")

    site = Site(too_large, {**options, "compression": "off"}, flash)
    assert b"error page" == site().body
    assert [ItemTooLarge] == site.caught


def fail(request: Any) -> Page:
    request.session["visits"] = 10
    raise ValueError("a bug")


def forbid(request: Any) -> Page:
    request.session["visits"] = 20
    raise HTTPForbidden


@pytest.mark.parametrize(("view", "found"), [(fail, (10, ["sorry"])), (forbid, (20, []))])
def test_changes_of_a_failed_view_and_of_the_exception_view_are_saved(
    options: Options, view: Any, found: Any
) -> None:
    seen: list[Any] = []

    def look(request: Any) -> Page:
        seen.append((request.session["visits"], request.session.peek_flash()))
        return Page("page")

    Site(look, options)(session_cookie(Site(view, options, flash)()))
    assert [found] == seen


def test_without_cookie_on_exception_an_error_saves_nothing(options: Options) -> None:
    site = Site(forbid, {**options, "cookie_on_exception": "false"})
    assert [] == site().all("Set-Cookie")


@pytest.mark.parametrize("tweens", [{}, {"pyramid.tweens": EXCVIEW}], ids=["tween", "no tween"])
def test_a_page_costs_one_read_and_one_write(
    options: Options, cookie: str, tweens: Options
) -> None:
    site = Site(visits, {**options, "touch_interval": 0}, **tweens)
    with CallRecorder(options["client"]) as sent:
        response = site(cookie)
        assert (b"2", ["Accept, Cookie"]) == (response.body, response.all("Vary"))
        assert ["GetItem", "PutItem"] == sent.operations
        sent.clear()
        assert b"page" == Site(lambda request: Page("page"), options)(cookie).body
        assert [] == sent.operations


def test_on_save_error(options: Options, cookie: str, outage: Outage) -> None:
    site = Site(visits, {**options, "on_save_error": "503"})
    passing = Site(visits, {**options, "on_save_error": lambda environ, error: None})
    with outage.of(*WRITES):
        response, passed = site(cookie), passing(cookie)
    assert "503 Service Unavailable" == response.status
    assert (["5"], []) == (response.all("Retry-After"), response.all("Set-Cookie"))
    assert [] == site.caught
    assert ("200 OK", ["page=1; Path=/"]) == (passed.status, passed.all("Set-Cookie"))


def test_a_timeout_and_a_log_in_are_saved(options: Options, cookie: str) -> None:
    def view(request: Any) -> Page:
        request.session.logged_in()
        request.session.set_timeout(60)
        return Page()

    response = Site(view, options)(cookie)
    (header,) = response.all("Set-Cookie")
    assert "expires=" in header.lower()
    session = new_session(options, cookie)
    assert 60 == session["_timeout"]
    assert session.fresh_within(60)


def test_changed_marks_the_session(options: Options, cookie: str) -> None:
    def append(request: Any) -> Page:
        request.session.setdefault("cart", [])
        request.session["cart"].append(1)
        request.session.changed()
        return Page(str(len(request.session["cart"])))

    site = Site(append, options)
    assert [b"1", b"2"] == [site(cookie).body, site(cookie).body]


@pytest.mark.parametrize("make", [lambda: Page("welcome"), lambda: HTTPFound("/")])
def test_a_shared_response_object_passes_no_cookie_to_the_next_visitor(
    options: Options, make: Callable[[], Page]
) -> None:
    shared = make()

    def welcome(request: Any) -> Page:
        if request.params:
            request.session["user"] = "Ada"
        return shared

    site = Site(welcome, options)
    visitor = send(site.app, QUERY_STRING="log-in")
    assert session_cookie(visitor)
    assert shared.status == visitor.status
    stranger = site()
    assert ([], []) == (stranger.all("Set-Cookie"), stranger.all("Vary"))

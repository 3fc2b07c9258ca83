"""Pyramid: exception views see a session that could not be saved."""

from __future__ import annotations

from typing import Any

import pytest
from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPForbidden, HTTPFound
from pyramid.response import Response as Page
from pyramid.tweens import EXCVIEW

from beaker_dynamodb import DynamoDBSession, ItemTooLarge, StoreUnavailable
from tests.beaker import own_caches
from tests.servers.recorder import CallRecorder
from tests.wsgi.outage import WRITES, Outage
from tests.wsgi.raw import Response, send

Options = dict[str, Any]


class Site:
    """A Pyramid application with one view, and exception views.

    :param view: of the page.
    :param settings: besides those of the session.
    :param error_page: does something with the session.
    """

    def __init__(
        self, view: Any, options: Options, error_page: Any = None, **settings: Any
    ) -> None:
        named = {f"session.{name}": value for name, value in options.items()}
        self.caught: list[Exception] = []
        self._error_page = error_page
        with own_caches(), Configurator(settings={**named, **settings}) as config:
            config.include("beaker_dynamodb.pyramid")
            config.add_route("page", "/")
            config.add_view(view, route_name="page")
            config.add_exception_view(self._error, context=StoreUnavailable)
            config.add_exception_view(self._error, context=ItemTooLarge)
            config.add_exception_view(self._error, context=ValueError)
            self.app = config.make_wsgi_app()

    def __call__(self, cookie: str = "") -> Response:
        """Make a request."""
        return send(self.app, cookie)

    def _error(self, error: Exception, request: Any) -> Page:
        self.caught.append(error)
        if self._error_page is not None:
            self._error_page(request.session)
        return Page("error page", status=503)


def visits(request: Any) -> Page:
    """Count a visit."""
    request.session["visits"] = visits = request.session.get("visits", 0) + 1
    page = Page(str(visits))
    page.set_cookie("page", "1")
    return page


def flash(session: Any) -> None:
    """Say something on the next page."""
    session.flash("sorry")


@pytest.fixture
def cookie(options: Options) -> str:
    """The cookie of a visitor."""
    return session_cookie(Site(visits, options)())


def session_cookie(response: Response) -> str:
    """Return what a browser sends back."""
    (header,) = [one for one in response.all("Set-Cookie") if one.startswith("beaker")]
    return header.split(";")[0]


@pytest.mark.parametrize("error_page", [None, flash], ids=["reads", "saves"])
def test_an_exception_view_sees_the_error(
    options: Options, cookie: str, outage: Outage, error_page: Any
) -> None:
    site = Site(visits, options, error_page)
    with outage.of(*WRITES):
        response = site(cookie)
    assert ("503 Service Unavailable", b"error page") == (response.status, response.body)
    assert [StoreUnavailable] == [type(error) for error in site.caught]
    assert ["PutItem"] == outage.refused
    assert [] == response.all("Set-Cookie")
    assert b"2" == site(cookie).body


def log_in(request: Any) -> Page:
    """Log in, and redirect."""
    request.session.regenerate_id()
    request.session["user"] = "Ada"
    raise HTTPFound("/")


def test_an_exception_view_sees_the_error_of_a_redirect_that_was_raised(
    options: Options, cookie: str, outage: Outage
) -> None:
    site = Site(log_in, options)
    with outage.of(*WRITES):
        response = site(cookie)
    assert ("503 Service Unavailable", b"error page") == (response.status, response.body)
    assert [] == response.all("Set-Cookie")
    response = site(cookie)
    assert "302 Found" == response.status
    assert cookie != session_cookie(response)


def log_out(request: Any) -> Page:
    """Log out."""
    request.session.delete()
    return Page("good-bye")


def test_an_exception_view_sees_a_log_out_that_failed(
    options: Options, cookie: str, outage: Outage
) -> None:
    site = Site(log_out, options)
    with outage.of(*WRITES):
        assert b"error page" == site(cookie).body
    assert ["PutItem"] == outage.refused
    assert b"2" == Site(visits, options)(cookie).body


def log_out_unseen(request: Any) -> Page:
    """Log out, and say so whatever happens."""
    with pytest.raises(StoreUnavailable):
        request.session.delete()
    return Page("good-bye")


def test_a_log_out_that_failed_never_passes_as_success(
    options: Options, cookie: str, outage: Outage
) -> None:
    with outage.of(*WRITES):
        assert b"error page" == Site(log_out_unseen, options)(cookie).body
        assert "503 Service Unavailable" == (
            Site(log_out_unseen, {**options, "on_save_error": "503"})(cookie).status
        )


def test_an_exception_view_sees_an_error_of_the_application(options: Options, cookie: str) -> None:
    def too_large(request: Any) -> Page:
        request.session["data"] = "x" * 5000
        return Page("page")

    site = Site(too_large, {**options, "max_value_size": 2000, "compression": "off"}, flash)
    assert b"error page" == site(cookie).body
    assert [ItemTooLarge] == [type(error) for error in site.caught]


def test_what_a_view_and_an_exception_view_have_saved_is_stored(options: Options) -> None:
    def fail(request: Any) -> Page:
        request.session["visits"] = 10
        raise ValueError("a bug")

    def forbid(request: Any) -> Page:
        request.session["visits"] = 20
        raise HTTPForbidden

    seen: list[Any] = []

    def look(request: Any) -> Page:
        seen.append((request.session["visits"], request.session.peek_flash()))
        return Page("page")

    for view in (fail, forbid):
        Site(look, options)(session_cookie(Site(view, options, flash)()))
    assert [(10, ["sorry"]), (20, [])] == seen


def test_without_cookie_on_exception_nothing_is_saved_after_an_error(options: Options) -> None:
    def forbid(request: Any) -> Page:
        request.session["visits"] = 20
        raise HTTPForbidden

    site = Site(forbid, {**options, "cookie_on_exception": "false"})
    assert [] == site().all("Set-Cookie")


@pytest.mark.parametrize("tweens", [None, EXCVIEW], ids=["ours", "without ours"])
def test_a_page_costs_what_it_cost_before(options: Options, cookie: str, tweens: Any) -> None:
    explicit = {} if tweens is None else {"pyramid.tweens": tweens}
    site = Site(visits, {**options, "touch_interval": 0}, **explicit)
    with CallRecorder(options["client"]) as sent:
        assert b"2" == site(cookie).body
        assert ["GetItem", "PutItem"] == sent.operations
        sent.clear()
        assert b"page" == Site(lambda request: Page("page"), options)(cookie).body
        assert [] == sent.operations


def test_on_save_error_of_the_settings(options: Options, cookie: str, outage: Outage) -> None:
    site = Site(visits, {**options, "on_save_error": "503"})
    with outage.of(*WRITES):
        response = site(cookie)
    assert "503 Service Unavailable" == response.status
    assert (["5"], []) == (response.all("Retry-After"), response.all("Set-Cookie"))
    assert [] == site.caught

    passing = Site(visits, {**options, "on_save_error": lambda environ, error: None})
    with outage.of(*WRITES):
        response = passing(cookie)
    assert ("200 OK", ["page=1; Path=/"]) == (response.status, response.all("Set-Cookie"))


def test_the_session_by_id_is_ours(options: Options, cookie: str) -> None:
    def revoke(request: Any) -> Page:
        other = request.session.get_by_id(cookie.partition("=")[2])
        assert type(other) is DynamoDBSession
        other.delete()
        assert 0 < len(request.session)
        return Page("revoked")

    assert b"revoked" == Site(revoke, {**options, "use_cookies": True})().body
    assert b"1" == Site(visits, options)(cookie).body


def test_the_response_varies_by_cookie(options: Options) -> None:
    def view(request: Any) -> Page:
        page = visits(request)
        page.vary = "Accept"
        return page

    response = Site(view, options)()
    assert ["Accept, Cookie"] == response.all("Vary")
    assert ["no-store"] == response.all("Cache-Control")


def test_changed_marks_the_session(options: Options, cookie: str) -> None:
    def append(request: Any) -> Page:
        request.session.setdefault("cart", [])
        request.session["cart"].append(1)
        request.session.changed()
        return Page(str(len(request.session["cart"])))

    site = Site(append, options)
    assert [b"1", b"2"] == [site(cookie).body, site(cookie).body]


def test_a_response_that_all_visitors_share_gives_no_cookie_away(options: Options) -> None:
    shared = Page("welcome")

    def welcome(request: Any) -> Page:
        if request.cookies.get("log-in"):
            request.session["user"] = "Ada"
        return shared

    site = Site(welcome, options)
    session_cookie(site("log-in=1"))
    stranger = site()
    assert ([], []) == (stranger.all("Set-Cookie"), stranger.all("Vary"))

"""HttpOnly, Secure, SameSite and the prefixes of the session cookie's name."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http.cookies import Morsel, SimpleCookie
from typing import Any

import pytest
from pyramid.config import Configurator

from beaker_dynamodb import ConfigurationError, DynamoDBSession
from beaker_dynamodb.middleware import SessionMiddleware
from beaker_dynamodb.wsgi import session_cookie
from tests.sessions.site import COOKIE, Site, store
from tests.wsgi.raw import Options, page, send, wrap

HTTP: dict[str, str] = {"wsgi.url_scheme": "http"}
HTTPS: dict[str, str] = {"wsgi.url_scheme": "https"}


def forwarded(value: str) -> dict[str, str]:
    return {**HTTP, "HTTP_X_FORWARDED_PROTO": value}


def issued(options: Options, request: Mapping[str, str], key: str = COOKIE) -> Morsel[str]:
    response = send(wrap(page(store(name="Ada")), options), **request)
    (header,) = response.all("Set-Cookie")
    return SimpleCookie(header)[key]


def flags(morsel: Morsel[str]) -> tuple[bool, bool, str]:
    return bool(morsel["httponly"]), bool(morsel["secure"]), morsel["samesite"]


@pytest.mark.owasp("3.3.1", "3.3.2", "3.3.4")
def test_the_cookie_is_secure_if_the_browser_uses_https(options: Options) -> None:
    both = {**HTTPS, "HTTP_X_FORWARDED_PROTO": "http"}
    for request in (HTTPS, forwarded("https"), forwarded("HTTPS , http"), both):
        assert (True, True, "Lax") == flags(issued(options, request))
    for request in (HTTP, forwarded("http"), forwarded("http, https"), forwarded("")):
        assert (True, False, "Lax") == flags(issued(options, request))


def test_a_request_over_https_does_not_make_later_cookies_secure(options: Options) -> None:
    app = wrap(page(store(name="Ada")), options)
    for request, secure in ((HTTPS, True), (HTTP, False)):
        (header,) = send(app, **request).all("Set-Cookie")
        assert secure is bool(SimpleCookie(header)[COOKIE]["secure"])


def test_sessions_of_other_types_have_a_safe_cookie() -> None:
    for kind in ("memory", "cookie"):
        others = {"type": kind, "validate_key": "key"}
        assert (True, True, "Lax") == flags(issued(others, HTTPS))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"secure": "true"}, (True, True, "Lax")),
        ({"secure": False}, (True, False, "Lax")),
        ({"secure": "false", "httponly": "false", "samesite": "Strict"}, (False, False, "Strict")),
        ({"samesite": "None"}, (True, True, "None")),
        ({"samesite": None, "secure": True}, (True, True, "")),
    ],
)
def test_beakers_options_take_precedence(
    options: Options, given: dict[str, Any], expected: tuple[bool, bool, str]
) -> None:
    for request in (HTTP, HTTPS):
        assert expected == flags(issued({**options, **given}, request))


def test_a_log_out_expires_the_cookie_with_the_same_flags(options: Options, cookie: str) -> None:
    app = wrap(page(lambda session: session.delete()), options, samesite="None")
    (header,) = send(app, cookie).all("Set-Cookie")
    morsel = SimpleCookie(header)[COOKIE]
    assert ("", True, "None") == (morsel.value, bool(morsel["secure"]), morsel["samesite"])


def test_pyramid_has_the_same_cookie(options: Options) -> None:
    settings = {f"session.{name}": value for name, value in options.items()}
    with Configurator(settings=settings) as config:
        config.include("beaker_dynamodb.pyramid")
        config.add_route("home", "/")
        config.add_view(log_in, route_name="home")
    app = config.make_wsgi_app()
    for request in (HTTP, HTTPS):
        (header,) = send(app, **request).all("Set-Cookie")
        assert (True, request is HTTPS, "Lax") == flags(SimpleCookie(header)[COOKIE])


def log_in(request: Any) -> Any:
    request.session["name"] = "Ada"
    return request.response


def test_in_beakers_middleware_the_session_class_has_a_http_only_cookie(options: Options) -> None:
    site = Site("beaker", {**options, "session_class": DynamoDBSession})
    (header,) = site(store(name="Ada")).set_cookies
    assert (True, False, "Lax") == flags(SimpleCookie(header)[COOKIE])


def test_a_request_does_not_check_the_options_again(
    options: Options, cookie: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = wrap(page(store(name="Ada")), options)
    monkeypatch.setattr(session_cookie, "set_safe_defaults", None)
    assert send(app, cookie).status == "200 OK"


def test_a_subclass_may_change_the_options_of_the_cookie(options: Options) -> None:
    class Insecure(DynamoDBSession):
        def __init__(self, request: dict[str, Any], **params: Any) -> None:
            super().__init__(request, **{**params, "httponly": "false", "key": "other"})

    chosen = {**options, "session_class": Insecure}
    assert (False, True, "Lax") == flags(issued(chosen, HTTPS, "other"))


# -- prefixes of the name -----------------------------------------------------------------------


@pytest.mark.owasp("3.3.1", "3.3.3")
@pytest.mark.parametrize("key", ["__Host-sid", "__Secure-sid", "__host-sid"])
def test_a_prefixed_cookie_is_always_secure(options: Options, key: str) -> None:
    for request in (HTTP, HTTPS):
        morsel = issued({**options, "key": key}, request, key)
        assert (True, True, "Lax") == flags(morsel)
        assert ("", "/") == (morsel["domain"], morsel["path"])


def test_a_wrong_flag_is_an_error_at_start() -> None:
    with pytest.raises(
        ConfigurationError, match=r"session\.secure 'perhaps': must be true or false"
    ):
        SessionMiddleware(object(), secure="perhaps")  # type: ignore[arg-type]


def test_a_secure_prefix_allows_domain_and_path() -> None:
    scope = {"cookie_domain": "example.org", "cookie_path": "/shop"}
    SessionMiddleware(object(), key="__Secure-sid", **scope)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "value"), [("path", "/shop"), ("domain", "example.org")])
def test_a_host_cookie_gets_no_other_scope(options: Options, name: str, value: str) -> None:
    app = wrap(page(lambda session: setattr(session, name, value)), options, key="__Host-sid")
    with pytest.raises(ConfigurationError, match="browsers drop a cookie with this prefix"):
        send(app)


@pytest.mark.owasp("11.2.3")
def test_short_secrets_are_a_warning_at_start(caplog: pytest.LogCaptureFixture) -> None:
    long, short = "sixteen bytes or", "fifteen bytes.."
    with caplog.at_level(logging.WARNING):
        for given in (
            {"secret": long},
            {"secret": short},
            {"secret": long, "previous_secrets": f"{long}, {short}"},
        ):
            SessionMiddleware(object(), **given)  # type: ignore[arg-type]
    assert 2 == sum("fewer than 16 bytes" in message for message in caplog.messages)
    assert not any(one in message for message in caplog.messages for one in (long, short))

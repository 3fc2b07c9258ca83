"""Headers of a response: the application's arrive as they are, and its objects stay its own."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beaker_dynamodb.middleware import SessionMiddleware
from tests.sessions.site import log_out, store, values
from tests.wsgi.raw import Headers, Response, send

Options = dict[str, Any]


def nothing(session: Any) -> None:
    """Leave the session alone."""


def page(action: Any, headers: Any, options: Options, **more: Any) -> SessionMiddleware:
    """Wrap an application that passes these very headers."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        action(environ["beaker.session"])
        start_response("200 OK", headers)
        return [b"page"]

    named = {f"session.{name}": value for name, value in {**options, **more}.items()}
    return SessionMiddleware(app, named)


def respond(action: Any, headers: Headers, options: Options, cookie: str = "") -> Response:
    """Make a request."""
    return send(page(action, headers, options), cookie)


@pytest.fixture
def cookie(options: Options) -> str:
    """The cookie of a visitor whose session is stored."""
    return respond(store(name="Ada"), [], options).cookie


def test_a_constant_list_carries_no_cookie_to_the_next_visitor(options: Options) -> None:
    constant = [("Content-Type", "text/html")]
    first = respond(store(name="Ada"), constant, options)
    assert 1 == len(first.all("Set-Cookie"))
    stranger = respond(nothing, constant, options)
    assert [] == stranger.all("Set-Cookie")
    assert [("Content-Type", "text/html")] == constant
    assert stranger.headers is not constant


VARY: dict[str, tuple[list[str], list[str]]] = {
    "none": ([], ["Cookie"]),
    "another": (["Accept-Encoding"], ["Accept-Encoding, Cookie"]),
    "several": (["Accept, Origin"], ["Accept, Origin, Cookie"]),
    "two lines": (["Accept", "Origin"], ["Accept", "Origin, Cookie"]),
    "the same": (["Accept, cookie"], ["Accept, cookie"]),
    "the same in the first line": (["COOKIE", "Accept"], ["COOKIE", "Accept"]),
    "everything": (["*"], ["*"]),
    "a name that only ends like it": (["X-Cookie"], ["X-Cookie, Cookie"]),
    "empty": ([""], ["Cookie"]),
}


@pytest.mark.parametrize(("sent", "expected"), VARY.values(), ids=VARY)
def test_vary_is_merged_where_the_session_was_read(
    options: Options, cookie: str, sent: list[str], expected: list[str]
) -> None:
    headers = [("vary", value) for value in sent]
    assert expected == respond(values, headers, options, cookie).all("Vary")
    assert sent == respond(nothing, headers, options, cookie).all("Vary")


def test_a_session_without_a_cookie_does_not_vary(options: Options) -> None:
    assert [] == send(page(store(name="Ada"), [], options, use_cookies=False)).all("Vary")


@pytest.mark.parametrize(
    "policy", ["private", "no-store", "no-cache", "public, max-age=60", "max-age=60"]
)
def test_the_application_s_own_cache_policy_is_kept(options: Options, policy: str) -> None:
    response = respond(store(name="Ada"), [("cache-control", policy)], options)
    assert [policy] == response.all("Cache-Control")


def test_a_page_that_sets_a_cookie_is_not_cached(options: Options, cookie: str) -> None:
    assert ["no-store"] == respond(store(name="Ada"), [], options).all("Cache-Control")
    assert ["no-store"] == respond(log_out, [], options, cookie).all("Cache-Control")


def test_a_page_that_sets_no_cookie_may_be_cached(options: Options, cookie: str) -> None:
    for action in (values, nothing):
        response = respond(action, [], options, cookie)
        assert ([], []) == (response.all("Cache-Control"), response.all("Set-Cookie"))


NAMES = st.sampled_from(
    ["Vary", "vary", "Cache-Control", "Set-Cookie", "Content-Type", "Location", "X-A"]
) | st.text(st.sampled_from("abcXYZ-"), min_size=1, max_size=10)
FIELDS = st.sampled_from(["Cookie", "cookie", "*", "Accept", "no-store", "private", "a=1", ""])
VALUES = st.lists(FIELDS, max_size=3).map(", ".join) | st.text(
    st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=20
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    headers=st.lists(st.tuples(NAMES, VALUES), max_size=6),
    action=st.sampled_from([nothing, values, store(name="Ada"), log_out]),
)
def test_every_header_arrives_and_none_is_changed(
    options: Options, headers: Headers, action: Any
) -> None:
    sent, objects = copy.deepcopy(headers), list(headers)

    response = respond(action, headers, options)

    assert sent == headers
    assert all(now is before for now, before in zip(headers, objects, strict=True))
    # In order, with nothing in between; only a field of Vary may have been added.
    arrived = response.headers[: len(sent)]
    for (name, value), (now, now_value) in zip(sent, arrived, strict=True):
        assert name == now
        vary = name.lower() == "vary"
        assert value == now_value or (
            vary and now_value in (f"{value}, Cookie", "Cookie" if not value.strip() else value)
        )
    added = {name for name, _ in response.headers[len(sent) :]}
    assert added <= {"Vary", "Set-Cookie", "Cache-Control"}
    fields = {field.strip().lower() for value in response.all("Vary") for field in value.split(",")}
    assert action is nothing or fields & {"cookie", "*"}

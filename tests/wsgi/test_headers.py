"""Response headers: the application's are unchanged, and the session's are added."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sessions.site import log_out, store, values
from tests.wsgi.raw import Headers, Options, Response, nothing, page, send, wrap


def respond(action: Any, headers: Headers, options: Options, cookie: str = "") -> Response:
    return send(wrap(page(action, headers=headers), options), cookie)


def test_a_reused_header_list_does_not_leak_a_cookie_to_the_next_visitor(options: Options) -> None:
    constant = [("Content-Type", "text/html")]
    assert 1 == len(respond(store(name="Ada"), constant, options).all("Set-Cookie"))
    assert [] == respond(nothing, constant, options).all("Set-Cookie")
    assert [("Content-Type", "text/html")] == constant


#: The header of the application, and of the response.
VARY: list[tuple[list[str], list[str]]] = [
    ([], ["Cookie"]),
    ([""], ["Cookie"]),
    (["Accept-Encoding"], ["Accept-Encoding, Cookie"]),
    (["Accept, Origin"], ["Accept, Origin, Cookie"]),
    (["Accept", "Origin"], ["Accept", "Origin, Cookie"]),
    (["COOKIE", "Accept"], ["COOKIE", "Accept"]),
    (["*"], ["*"]),
    (["X-Cookie"], ["X-Cookie, Cookie"]),
]


@pytest.mark.owasp("14.3.2")
def test_vary_is_merged_if_the_session_was_read(options: Options, cookie: str) -> None:
    for sent, expected in VARY:
        headers = [("vary", value) for value in sent]
        assert expected == respond(values, headers, options, cookie).all("Vary")
        assert sent == respond(nothing, headers, options, cookie).all("Vary")


def test_a_session_without_a_cookie_does_not_vary(options: Options) -> None:
    app = wrap(page(store(name="Ada")), options, use_cookies=False)
    assert [] == send(app).all("Vary")


def test_the_applications_cache_control_is_kept(options: Options) -> None:
    response = respond(store(name="Ada"), [("cache-control", "private")], options)
    assert ["private"] == response.all("Cache-Control")


@pytest.mark.owasp("14.3.2")
def test_only_a_page_that_sets_a_cookie_is_not_cached(options: Options, cookie: str) -> None:
    assert ["no-store"] == respond(store(name="Ada"), [], options).all("Cache-Control")
    assert ["no-store"] == respond(log_out, [], options, cookie).all("Cache-Control")
    for action in (values, nothing):
        assert [] == respond(action, [], options, cookie).all("Cache-Control")


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
    # In order, with nothing in between; only Vary may have changed.
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

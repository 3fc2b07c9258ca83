"""Two middlewares with different cookie names keep their sessions apart in one table."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sessions.site import Site, store, values


def renamed(cookie: str, name: str) -> str:
    return f"{name}={cookie.partition('=')[2]}"


@pytest.fixture
def public(options: dict[str, Any]) -> Site:
    return Site("ours", options)


@pytest.fixture
def admin(options: dict[str, Any]) -> Site:
    return Site("ours", {**options, "key": "admin.id"})


def test_an_id_of_one_does_not_open_in_the_other(public: Site, admin: Site) -> None:
    cookie = public(store(user="Ada")).cookie
    answer = admin(store(user="Eve"), renamed(cookie, "admin.id"))
    assert "admin.id" == answer.cookie.partition("=")[0].strip()
    assert cookie.partition("=")[2] != answer.cookie.partition("=")[2]
    assert {"user": "Ada"} == public(values, cookie).result
    assert {"user": "Eve"} == admin(values, answer.cookie).result
    assert {} == public(values, renamed(answer.cookie, "beaker.session.id")).result


def test_a_session_that_names_no_cookie_opens_in_both(
    options: dict[str, Any], public: Site, admin: Site
) -> None:
    """It was written by Beaker's own middleware, or copied by `migrate`."""
    cookie = Site("beaker", options)(store(user="Ada")).cookie
    assert {"user": "Ada"} == public(values, cookie).result
    assert {"user": "Ada"} == admin(values, renamed(cookie, "admin.id")).result


def test_beakers_middleware_opens_and_keeps_what_ours_wrote(
    options: dict[str, Any], public: Site, admin: Site
) -> None:
    cookie = public(store(user="Ada")).cookie
    beaker = Site("beaker", options)
    beaker(store(cart=["tea"]), cookie)
    assert {"user": "Ada", "cart": ["tea"]} == public(values, cookie).result
    assert {} == admin(values, renamed(cookie, "admin.id")).result

"""Two middlewares with different cookie names keep their sessions apart in one table."""

from __future__ import annotations

import pytest

from tests.sessions.site import Site, store, values
from tests.wsgi.raw import Options


def renamed(cookie: str, name: str) -> str:
    return f"{name}={cookie.partition('=')[2]}"


@pytest.fixture
def public(options: Options) -> Site:
    return Site("ours", options)


@pytest.fixture
def admin(options: Options) -> Site:
    return Site("ours", {**options, "key": "admin.id"})


@pytest.fixture
def beakers(options: Options) -> Site:
    return Site("beaker", options)


def test_an_id_of_one_does_not_open_in_the_other(public: Site, admin: Site, cookie: str) -> None:
    other = admin(store(name="Eve"), renamed(cookie, "admin.id")).cookie
    assert other.startswith("admin.id=")
    assert other != renamed(cookie, "admin.id")
    assert {"name": "Ada"} == public(values, cookie).result
    assert {"name": "Eve"} == admin(values, other).result
    assert {} == public(values, renamed(other, "beaker.session.id")).result


def test_a_session_of_beakers_middleware_opens_in_both(
    public: Site, admin: Site, beakers: Site
) -> None:
    cookie = beakers(store(user="Ada")).cookie
    assert {"user": "Ada"} == public(values, cookie).result
    assert {"user": "Ada"} == admin(values, renamed(cookie, "admin.id")).result


def test_beakers_middleware_opens_and_keeps_what_ours_wrote(
    public: Site, admin: Site, beakers: Site, cookie: str
) -> None:
    beakers(store(cart=["tea"]), cookie)
    assert {"name": "Ada", "cart": ["tea"]} == public(values, cookie).result
    assert {} == admin(values, renamed(cookie, "admin.id")).result

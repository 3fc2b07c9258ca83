"""Name, domain, path and expiry of the cookie, and how they change for users who are logged in."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from http.cookies import Morsel, SimpleCookie
from typing import Any

import pytest

from tests.servers.endpoint import DynamoDBClient
from tests.servers.recorder import CallRecorder
from tests.sessions.site import COOKIE, Action, Answer, Site, log_out, store, values
from tests.wsgi.raw import Options

SHOP: dict[str, object] = {"cookie_domain": ".example.org", "cookie_path": "/shop"}


@pytest.fixture
def moved(options: Options) -> Site:
    """The site after its configuration changed; `cookie` is from before."""
    return Site("ours", {**options, **SHOP})


def cookies(answer: Answer) -> list[tuple[str, str, str, bool]]:
    """Return the value, domain and path of each cookie set, and whether it expires."""
    morsels: list[Morsel[str]] = [SimpleCookie(one)[COOKIE] for one in answer.set_cookies]
    return [(one.value, one["domain"], one["path"], bool(one["expires"])) for one in morsels]


@pytest.mark.owasp("Considerations When Using Multiple Cookies")
@pytest.mark.parametrize(
    ("action", "touch_interval"),
    [(store(cart=["tea"]), None), (values, 0)],
    ids=["save", "access time"],
)
def test_the_next_write_moves_the_cookie_once(
    options: Options, cookie: str, action: Action, touch_interval: object
) -> None:
    site = Site("ours", {**options, **SHOP, "touch_interval": touch_interval})
    id = cookie.partition("=")[2]
    new, old = cookies(site(action, cookie))
    assert [(id, ".example.org", "/shop", False), ("", "", "/", True)] == [new, old]
    assert [] == site(store(cart=["milk"]), cookie).set_cookies


def test_a_request_that_writes_nothing_sets_no_cookie(moved: Site, cookie: str) -> None:
    """Otherwise a late read could restore an old id after a login."""
    assert [] == moved(values, cookie).set_cookies


@pytest.mark.owasp("Considerations When Using Multiple Cookies")
@pytest.mark.parametrize("end", ["delete", "invalidate"])
def test_a_session_that_ends_expires_both_cookies(moved: Site, cookie: str, end: str) -> None:
    answer = moved(lambda session: getattr(session, end)(), cookie)
    assert [("", ".example.org", "/shop", True), ("", "", "/", True)] == cookies(answer)


def test_a_login_expires_the_old_cookie(moved: Site, cookie: str) -> None:
    def log_in(session: Any) -> None:
        session.invalidate()
        store(user="Ada")(session)

    new, old = cookies(moved(log_in, cookie))
    assert (".example.org", "/shop", False) == new[1:]
    assert ("", "", "/", True) == old


def assign(**attributes: str) -> Action:
    def action(session: Any) -> None:
        for name, value in attributes.items():
            setattr(session, name, value)
        store(user="Ada")(session)

    return action


def test_an_assigned_path_overrides_the_configuration(options: Options, moved: Site) -> None:
    cookie = Site("ours", options)(assign(path="/mine")).cookie
    answer = moved(store(cart=["tea"]), cookie)
    id = cookie.partition("=")[2]
    assert [(id, ".example.org", "/mine", False), ("", "", "/mine", True)] == cookies(answer)
    scope = moved(lambda session: (session.path, session.domain), cookie).result
    assert ("/mine", ".example.org") == scope
    assert ("", ".example.org", "/mine", True) in cookies(moved(log_out, cookie))
    assert {} == moved(values, cookie).result


def test_a_path_that_was_deleted_again_costs_no_write(
    options: Options, client: DynamoDBClient
) -> None:
    site = Site("ours", options)
    cookie = site(assign(path="/mine")).cookie
    found = []
    for _ in range(3):
        with CallRecorder(client) as sent:
            site(lambda session: (session.pop("_path", None), session.save()), cookie)
        found.append(sent.operations)
    assert [["GetItem", "PutItem"], ["GetItem"], ["GetItem"]] == found


def test_a_path_assigned_later_expires_the_old_cookie(options: Options, cookie: str) -> None:
    answer = Site("ours", options)(assign(path="/mine"), cookie)
    assert [(cookie.partition("=")[2], "", "/mine", False), ("", "", "/", True)] == cookies(answer)


@pytest.mark.parametrize(
    "zone", [timezone.utc, timezone(timedelta(hours=2)), timezone(timedelta(hours=-8)), None]
)
def test_an_expiry_with_a_time_zone_is_sent_in_utc(options: Options, zone: timezone | None) -> None:
    utc = datetime(2035, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    expires = utc.replace(tzinfo=None) if zone is None else utc.astimezone(zone)
    (header,) = Site("ours", {**options, "cookie_expires": expires})(store(user="Ada")).set_cookies
    assert "expires=Tue, 02-Jan-2035 03:04:05 GMT" in header


# -- two middlewares with different names of the cookie, and one table ---------------------------


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


def test_beakers_middleware_opens_and_keeps_sessions_of_this_package(
    public: Site, admin: Site, beakers: Site, cookie: str
) -> None:
    beakers(store(cart=["tea"]), cookie)
    assert {"name": "Ada", "cart": ["tea"]} == public(values, cookie).result
    assert {} == admin(values, renamed(cookie, "admin.id")).result

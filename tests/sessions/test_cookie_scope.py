"""The cookie's domain, path and expiry: what the configuration says reaches who is logged in."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from http.cookies import Morsel, SimpleCookie
from typing import TYPE_CHECKING, Any

import pytest

from tests.clock import Clock
from tests.servers.recorder import CallRecorder
from tests.sessions.site import COOKIE, Site, log_out, store, values

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from tests.sessions.site import Action, Answer

SHOP: dict[str, object] = {"cookie_domain": ".example.org", "cookie_path": "/shop"}


@pytest.fixture
def here(moved: dict[str, object], client: DynamoDBClient) -> dict[str, object]:
    return {"table_name": moved["table_name"], "clock": moved["clock"], "client": client}


@pytest.fixture
def cookie(here: dict[str, object]) -> str:
    """The cookie of a visitor from before the configuration changed."""
    return Site("ours", here)(store(user="Ada")).cookie


def cookies(answer: Answer) -> list[tuple[str, str, str, bool]]:
    """Return value, domain, path and whether it expires of each cookie that was set."""
    morsels: list[Morsel[str]] = [SimpleCookie(one)[COOKIE] for one in answer.set_cookies]
    return [(one.value, one["domain"], one["path"], bool(one["expires"])) for one in morsels]


def moved_to_shop(cookie: str) -> list[tuple[str, str, str, bool]]:
    """Return the cookies that move a session to the domain and path of `SHOP`."""
    return [(cookie.partition("=")[2], ".example.org", "/shop", False), ("", "", "/", True)]


@pytest.mark.parametrize("due", ["save", "access time"])
def test_a_changed_configuration_reaches_a_visitor_with_the_next_write(
    here: dict[str, object], clock: Clock, cookie: str, due: str
) -> None:
    """The new cookie is set and the old one expired, once."""
    site = Site("ours", {**here, **SHOP})
    if due == "save":
        answer = site(store(cart=["tea"]), cookie)
    else:
        clock.advance(1000)
        answer = site(values, cookie)
    assert moved_to_shop(cookie) == cookies(answer)
    assert [] == site(store(cart=["milk"]), cookie).set_cookies


def test_a_request_that_writes_nothing_sets_no_cookie(
    here: dict[str, object], client: DynamoDBClient, cookie: str
) -> None:
    """A late read must not put an old id back after a log-in."""
    site = Site("ours", {**here, **SHOP})
    with CallRecorder(client) as calls:
        assert [] == site(values, cookie).set_cookies
    assert ["GetItem"] == calls.operations


@pytest.mark.parametrize("end", ["delete", "invalidate"])
def test_a_session_that_ends_expires_both_cookies(
    here: dict[str, object], cookie: str, end: str
) -> None:
    site = Site("ours", {**here, **SHOP})
    answer = site(lambda session: getattr(session, end)(), cookie)
    assert [("", ".example.org", "/shop", True), ("", "", "/", True)] == cookies(answer)


def test_a_log_in_under_a_changed_configuration_expires_the_old_cookie(
    here: dict[str, object], cookie: str
) -> None:
    def log_in(session: Any) -> None:
        session.invalidate()
        store(user="Ada")(session)

    new, old = cookies(Site("ours", {**here, **SHOP})(log_in, cookie))
    assert (".example.org", "/shop", False) == new[1:]
    assert ("", "", "/", True) == old


def chosen(**attributes: str) -> Action:
    def choose(session: Any) -> None:
        for name, value in attributes.items():
            setattr(session, name, value)
        store(user="Ada")(session)

    return choose


def test_what_the_application_chose_overrides_the_configuration(here: dict[str, object]) -> None:
    cookie = Site("ours", here)(chosen(path="/mine")).cookie
    site = Site("ours", {**here, **SHOP})
    answer = site(store(cart=["tea"]), cookie)
    id = cookie.partition("=")[2]
    assert [(id, ".example.org", "/mine", False), ("", "", "/mine", True)] == cookies(answer)
    assert ("/mine", ".example.org") == site(
        lambda session: (session.path, session.domain), cookie
    ).result


def test_a_path_that_the_application_chooses_later_expires_the_old_cookie(
    here: dict[str, object], cookie: str
) -> None:
    answer = Site("ours", here)(chosen(path="/mine"), cookie)
    assert [(cookie.partition("=")[2], "", "/mine", False), ("", "", "/", True)] == cookies(answer)


def test_a_session_with_a_chosen_path_can_be_deleted(here: dict[str, object]) -> None:
    site = Site("ours", here)
    cookie = site(chosen(path="/mine")).cookie
    assert ("", "", "/mine", True) in cookies(site(log_out, cookie))
    assert {} == site(values, cookie).result


@pytest.mark.parametrize(
    "zone", [timezone.utc, timezone(timedelta(hours=2)), timezone(timedelta(hours=-8)), None]
)
def test_an_expiry_with_a_time_zone_is_sent_in_utc(
    here: dict[str, object], zone: timezone | None
) -> None:
    utc = datetime(2035, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    expires = utc.replace(tzinfo=None) if zone is None else utc.astimezone(zone)
    (header,) = Site("ours", {**here, "cookie_expires": expires})(store(user="Ada")).set_cookies
    assert "expires=Tue, 02-Jan-2035 03:04:05 GMT" in header

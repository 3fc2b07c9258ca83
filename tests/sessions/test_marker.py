"""A session that ended leaves a marker, so a late request stores nothing and sets no cookie."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.beaker import items
from tests.servers.endpoint import DynamoDBClient
from tests.sessions.driven import stored_sessions
from tests.sessions.site import (
    COOKIE,
    UNKNOWN,
    Action,
    Answer,
    Site,
    change_id,
    log_out,
    store,
    values,
)

LATE = pytest.mark.parametrize("loaded", [True, False], ids=["loaded before", "loads after"])


@pytest.fixture
def site(moved: dict[str, object], client: DynamoDBClient) -> Site:
    return Site("ours", {**moved, "client": client})


@pytest.fixture
def cookie(site: Site) -> str:
    """The cookie of a visitor who has not logged in."""
    return site(store(cart=["tea"], theme="dark")).cookie


def log_in(ending: str, meet: Callable[[], object] = bool) -> Action:
    def action(session: Any) -> None:
        session.get("user")
        meet()
        getattr(session, ending)()
        store(user="Ada")(session)

    return action


def late_request(
    site: Site, cookie: str, action: Action, meanwhile: Callable[[], object], loaded: bool
) -> Answer:
    """Send a request that loads its session before or after something else happens."""

    def act(session: Any) -> Any:
        session.get("user")
        meanwhile()
        return action(session)

    if loaded:
        return site(act, cookie)
    meanwhile()
    return site(action, cookie)


@pytest.mark.both_servers
@pytest.mark.parametrize("ending", ["regenerate_id", "invalidate"])
def test_both_responses_to_a_double_click_on_log_in_are_logged_in(
    site: Site, cookie: str, ending: str
) -> None:
    with ThreadPoolExecutor(2) as threads:
        action = log_in(ending, meet=Barrier(2).wait)
        for click in [threads.submit(site, action, cookie) for _ in range(2)]:
            assert "Ada" == site(values, click.result().cookie).result["user"]
    assert {} == site(values, cookie).result


@pytest.mark.owasp("7.4.1")
@pytest.mark.both_servers
@pytest.mark.parametrize("ending", ["regenerate_id", "invalidate", "delete"])
@LATE
def test_a_late_save_stores_nothing_and_sets_no_cookie(
    site: Site, cookie: str, client: DynamoDBClient, table_name: str, ending: str, loaded: bool
) -> None:
    before: list[Any] = []

    def end() -> None:
        site(log_in(ending) if ending != "delete" else log_out, cookie)
        before.extend(items(client, table_name).items())

    answer = late_request(site, cookie, store(clicks=1), end, loaded)
    assert [] == answer.set_cookies
    assert dict(before) == items(client, table_name)


@LATE
def test_a_late_login_counts_and_keeps_only_what_it_set(
    site: Site, cookie: str, loaded: bool
) -> None:
    """A browser cancels the first request of a double click and never receives its cookie."""

    def action(session: Any) -> None:
        session["theme"] = "light"
        log_in("regenerate_id")(session)

    answer = late_request(
        site, cookie, action, lambda: site(log_in("regenerate_id"), cookie), loaded
    )
    assert {"user": "Ada", "theme": "light"} == site(values, answer.cookie).result


@LATE
def test_a_late_id_change_that_sets_nothing_stores_nothing(
    site: Site, cookie: str, client: DynamoDBClient, table_name: str, loaded: bool
) -> None:
    answer = late_request(site, cookie, change_id, lambda: site(log_out, cookie), loaded)
    assert [] == answer.set_cookies
    assert [] == stored_sessions(client, table_name)


def test_a_save_after_delete_uses_a_new_id(site: Site, cookie: str) -> None:
    def log_out_and_greet(session: Any) -> None:
        session.delete()
        store(message="Good-bye")(session)

    answer = site(log_out_and_greet, cookie)
    assert cookie != answer.cookie
    assert {"message": "Good-bye"} == site(values, answer.cookie).result


def invalidate(session: Any) -> None:
    session.invalidate()


def clear(session: Any) -> None:
    session.clear()
    session.save()


@pytest.mark.parametrize("end", [clear, log_out, invalidate])
def test_ending_a_session_expires_the_cookie(site: Site, cookie: str, end: Action) -> None:
    """Otherwise the next requests would find the marker and store nothing for ten seconds."""
    (header,) = site(end, cookie).set_cookies
    assert "expires=" in header


@pytest.mark.owasp("7.6.2")
@pytest.mark.parametrize(
    "action",
    [
        values,
        lambda session: setattr(session, "path", "/shop"),
        lambda session: setattr(session, "domain", ".example.org"),
        lambda session: session.regenerate_id(),
    ],
)
def test_an_unsaved_session_sets_no_cookie(site: Site, action: Action) -> None:
    assert [] == site(action).set_cookies


@pytest.mark.usefixtures("cookie")
def test_unknown_ids_leave_no_marker(site: Site, client: DynamoDBClient, table_name: str) -> None:
    before = items(client, table_name)
    for action in (log_out, invalidate):
        site(action, f"{COOKIE}={'0' * 32}")
    assert before == items(client, table_name)


def test_a_marker_is_not_a_session(site: Site, cookie: str) -> None:
    """Plain Beaker may store a new session under the same id, as it does without markers."""
    site(log_out, cookie)
    assert site(lambda session: session.get_by_id(cookie.partition("=")[2])).result is None
    beaker = Site("beaker", site.options)
    assert {} == beaker(values, cookie).result
    beaker(store(user="Eve"), cookie)
    assert {"user": "Eve"} == beaker(values, cookie).result


# -- whatever an application does, a cookie that is set opens a session or expires -------------


STEPS: dict[str, Any] = {
    "read": lambda session: session.get("user"),
    "set": lambda session: session.update(user="Ada"),
    "save": lambda session: session.save(),
    "persist": lambda session: session.persist(),
    "delete": lambda session: session.delete(),
    "invalidate": lambda session: session.invalidate(),
    "regenerate_id": lambda session: session.regenerate_id(),
    "clear": lambda session: session.clear(),
    "revert": lambda session: session.revert(),
    "path": lambda session: setattr(session, "path", "/shop"),
    "log out elsewhere": None,
}
COOKIES = [[], ["unknown"], ["known"], ["ended"], ["ended", "known"]]
SETTINGS: list[dict[str, object]] = [
    {},
    {"auto": True},
    {"save_accessed_time": False},
    {"consistent_read": "auto"},
]


def cookie_of(site: Site, kind: str) -> str:
    if kind == "unknown":
        return UNKNOWN
    cookie = site(store(user="Eve")).cookie
    if kind == "ended":
        site(log_out, cookie)
    return cookie


@pytest.mark.full
@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(
    setting=st.sampled_from(SETTINGS),
    kinds=st.sampled_from(COOKIES),
    steps=st.lists(st.sampled_from(list(STEPS)), max_size=6),
)
@example(setting={}, kinds=["known"], steps=["read", "log out elsewhere", "set", "save"])
@example(setting={}, kinds=["known"], steps=["read", "log out elsewhere", "regenerate_id", "save"])
@example(setting={}, kinds=["ended"], steps=["regenerate_id", "persist"])
@example(setting={}, kinds=[], steps=["path", "regenerate_id"])
@example(setting={}, kinds=["known"], steps=["invalidate"])
def test_a_cookie_opens_a_session_or_expires(
    here: DynamoDBClient, setting: dict[str, object], kinds: list[str], steps: list[str]
) -> None:
    site = Site("ours", {"client": here, "table_name": "set-cookies", **setting})
    cookie = "; ".join(cookie_of(site, kind) for kind in kinds)

    def act(session: Any) -> None:
        for step in steps:
            if step == "log out elsewhere":
                site(log_out, cookie)
            else:
                STEPS[step](session)

    for set_cookie in site(act, cookie).set_cookies:
        if "expires=" not in set_cookie:
            id = set_cookie.partition("=")[2].partition(";")[0].partition(".")[0]
            read = here.get_item(TableName="set-cookies", Key={"id": {"S": f"sess:{id}"}})
            assert {"S": "beaker-session"} == read["Item"]["type"]

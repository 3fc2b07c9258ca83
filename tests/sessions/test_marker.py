"""A session that ended leaves a marker, so a late request stores and announces nothing.

In each test a log-in has replaced the session of a cookie, or a log-out has ended it, while other
requests with the same cookie are in flight.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest

from beaker_dynamodb.session import DynamoDBSession
from tests.beaker import items
from tests.clock import Clock
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import stored_sessions
from tests.sessions.site import COOKIE, Site, log_out, store, values

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from tests.sessions.site import Action, Answer

pytestmark = pytest.mark.both_servers

DOUBLE_CLICKS = 50
#: Methods that end the session before a log-in.
ENDINGS = ["regenerate_id", "invalidate"]


@pytest.fixture
def site(moved: dict[str, object], client: DynamoDBClient) -> Site:
    options = {name: moved[name] for name in ("table_name", "clock")}
    return Site("ours", {**options, "client": client})


def stored(client: DynamoDBClient, site: Site) -> dict[str, dict[str, Any]]:
    return items(client, str(site.options["table_name"]))


def log_in(ending: str, user: str = "Ada", meet: Callable[[], object] = bool) -> Action:
    """Return an action that logs in.

    :param ending: the method that ends the session before.
    :param meet: called between loading the session and ending it.
    """

    def action(session: Any) -> None:
        session.get("user")
        meet()
        getattr(session, ending)()
        store(user=user)(session)

    return action


def in_flight(site: Site, cookie: str, late: Action, meanwhile: Callable[[], object]) -> Answer:
    """Make a request that has loaded its session before something else happens."""

    def action(session: Any) -> Any:
        session.get("user")
        meanwhile()
        return late(session)

    return site(action, cookie)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_double_click_on_log_in_stays_logged_in(site: Site, ending: str) -> None:
    """Whichever response comes last, its cookie is that of a session with the user."""
    with ThreadPoolExecutor(2) as threads:
        for _ in range(DOUBLE_CLICKS):
            cookie = site(store(cart=["tea"])).cookie
            both = Barrier(2)
            clicks = [
                threads.submit(site, log_in(ending, meet=both.wait), cookie) for _ in range(2)
            ]
            for click in clicks:
                assert {"user": "Ada"} == {
                    name: value
                    for name, value in site(values, click.result().cookie).result.items()
                    if name != "cart"
                }
            assert {} == site(values, cookie).result


@pytest.mark.parametrize("ending", [*ENDINGS, "delete"])
@pytest.mark.parametrize("loaded", [True, False], ids=["loaded before", "loads after"])
def test_a_late_save_stores_and_announces_nothing(
    site: Site, client: DynamoDBClient, ending: str, loaded: bool
) -> None:
    cookie = site(store(cart=["tea"])).cookie
    before: list[Any] = []

    def end() -> None:
        site(log_in(ending) if ending != "delete" else log_out, cookie)
        before.extend(stored(client, site).items())

    if loaded:
        answer = in_flight(site, cookie, store(clicks=1), end)
    else:
        end()
        answer = site(store(clicks=1), cookie)
    assert [] == answer.set_cookies
    assert dict(before) == stored(client, site)


@pytest.mark.parametrize("loaded", [True, False], ids=["loaded before", "loads after"])
def test_a_late_log_in_counts_and_takes_nothing_over(site: Site, loaded: bool) -> None:
    """A browser cancels the first request of a double click, and never sees its cookie."""
    cookie = site(store(cart=["tea"], theme="dark")).cookie

    def log_in_too(session: Any) -> None:
        session["theme"] = "light"
        log_in("regenerate_id")(session)

    if loaded:
        answer = in_flight(site, cookie, log_in_too, lambda: site(log_in("regenerate_id"), cookie))
    else:
        site(log_in("regenerate_id"), cookie)
        answer = site(log_in_too, cookie)
    assert {"user": "Ada", "theme": "light"} == site(values, answer.cookie).result


@pytest.mark.parametrize("loaded", [True, False], ids=["loaded before", "loads after"])
def test_a_late_change_of_id_that_sets_nothing_stores_nothing(
    site: Site, client: DynamoDBClient, loaded: bool
) -> None:
    cookie = site(store(user="Ada")).cookie

    def change_id(session: Any) -> None:
        session.regenerate_id()
        session.save()

    if loaded:
        answer = in_flight(site, cookie, change_id, lambda: site(log_out, cookie))
    else:
        site(log_out, cookie)
        answer = site(change_id, cookie)
    assert [] == answer.set_cookies
    assert [] == stored_sessions(client, site.options["table_name"])


def test_after_delete_a_request_saves_under_another_id(site: Site) -> None:
    cookie = site(store(user="Ada")).cookie

    def log_out_and_greet(session: Any) -> None:
        session.delete()
        session["message"] = "Good-bye"
        session.save()

    answer = site(log_out_and_greet, cookie)
    assert cookie != answer.cookie
    assert {"message": "Good-bye"} == site(values, answer.cookie).result


def expires(answer: Answer) -> bool:
    (header,) = answer.set_cookies
    return "expires=" in header


def test_clearing_a_session_expires_the_cookie(site: Site) -> None:
    """Otherwise the next request would meet the marker, and store nothing for ten seconds."""
    cookie = site(store(user="Ada")).cookie

    def clear(session: Any) -> None:
        session.clear()
        session.save()

    assert expires(site(clear, cookie))


@pytest.mark.parametrize("end", ["delete", "invalidate"])
def test_ending_without_a_save_expires_the_cookie(site: Site, end: str) -> None:
    cookie = site(store(user="Ada")).cookie
    assert expires(site(lambda session: getattr(session, end)(), cookie))


@pytest.mark.parametrize("name", ["path", "domain"])
def test_a_path_of_an_unsaved_session_announces_nothing(site: Site, name: str) -> None:
    assert [] == site(lambda session: setattr(session, name, "/shop")).set_cookies


def test_changing_the_id_of_an_unsaved_session_announces_nothing(site: Site) -> None:
    assert [] == site(lambda session: session.regenerate_id()).set_cookies


def test_a_marker_holds_nothing_and_expires(
    site: Site, client: DynamoDBClient, clock: Clock
) -> None:
    """It does not lead to the new session, and after ten seconds the old id is unknown again."""
    cookie = site(store(user="Ada")).cookie
    new = site(log_in("regenerate_id"), cookie).cookie
    (marker,) = [
        item for item in stored(client, site).values() if item["type"] == {"S": "beaker-marker"}
    ]
    assert {"id", "type", "writer", "deadline", "expires"} == marker.keys()
    assert new.partition("=")[2] not in str(marker)
    clock.advance(10)
    answer = site(store(user="Eve"), cookie)
    assert answer.cookie not in (cookie, new)


def test_invented_ids_leave_no_marker(site: Site, client: DynamoDBClient) -> None:
    site(store(user="Ada"))
    before = stored(client, site)
    for action in (log_out, lambda session: session.invalidate()):
        site(action, f"{COOKIE}={'0' * 32}")
    assert before == stored(client, site)


def test_a_marker_costs_no_call(site: Site, client: DynamoDBClient) -> None:
    cookies = [site(store(user="Ada")).cookie for _ in range(3)]
    for cookie, action, write in zip(
        cookies,
        (log_out, log_in("regenerate_id"), lambda session: session.invalidate()),
        ("PutItem", "TransactWriteItems", "PutItem"),
        strict=True,
    ):
        with CallRecorder(client) as calls:
            site(action, cookie)
        assert [write] == [name for name in calls.operations if name != "GetItem"]
        assert len(calls) <= 2


def test_a_session_without_a_cookie_can_begin_again_at_once(site: Site) -> None:
    """The program chose its id, and no browser has it."""

    def session() -> DynamoDBSession:
        return DynamoDBSession({}, id="device-1", use_cookies=False, **site.options)

    store(progress=1)(session())
    session().delete()
    assert {} == values(session())
    store(progress=2)(session())


def test_get_by_id_takes_a_marker_for_no_session(site: Site) -> None:
    cookie = site(store(user="Ada")).cookie
    site(log_out, cookie)
    assert site(lambda session: session.get_by_id(cookie.partition("=")[2])).result is None


def test_plain_beaker_takes_a_marker_for_no_session(site: Site) -> None:
    """It may store a new session under the same id, as without markers."""
    cookie = site(store(user="Ada")).cookie
    site(log_out, cookie)
    beaker = Site("beaker", site.options)
    assert {} == beaker(values, cookie).result
    beaker(store(user="Eve"), cookie)
    assert {"user": "Eve"} == beaker(values, cookie).result

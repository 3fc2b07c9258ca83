"""`touch_interval`: what a request that changed nothing costs, and that nobody is logged out early.

The clock is moved; calls are counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pyramid.testing import DummyRequest
from pyramid_beaker import session_factory_from_settings

from beaker_dynamodb import DynamoDBNamespaceManager
from tests.clock import Clock
from tests.servers.recorder import CallRecorder
from tests.sessions.site import Action, Site, log_out, store, values

LIFE = 1800
#: 5 % of the life.
INTERVAL = 90

pytestmark = pytest.mark.parametrize("middleware", ["beaker", "ours"])


@pytest.fixture
def moved(moved: dict[str, object]) -> dict[str, object]:
    """The life of a session is half an hour."""
    return {**moved, "timeout": LIFE}


@pytest.fixture
def sent(moved: dict[str, object]) -> Iterator[CallRecorder]:
    """The calls that the package makes."""
    with CallRecorder(DynamoDBNamespaceManager("any", **moved).client) as sent:
        yield sent


def reads(site: Site, cookie: str, sent: CallRecorder) -> list[str]:
    """Make a request that only reads, and give the calls that it cost."""
    sent.clear()
    assert {"name": "Ada"} == site(values, cookie).result
    return sent.operations


def test_within_the_interval(
    middleware: str, moved: dict[str, object], clock: Clock, sent: CallRecorder
) -> None:
    """A request that changed nothing costs one GetItem, and one conditional write when it is time.

    By default that is after 5 % of the life.
    """
    site = Site(middleware, moved)
    cookie = site(store(name="Ada")).cookie
    clock.advance(INTERVAL - 0.001)
    assert ["GetItem"] == reads(site, cookie, sent)
    clock.advance(0.001)
    assert ["GetItem", "PutItem"] == reads(site, cookie, sent)
    assert "ConditionExpression" in sent[1].params
    assert ["GetItem"] == reads(site, cookie, sent)


@pytest.mark.parametrize(
    ("timeout", "touch_interval", "interval"),
    [
        pytest.param(None, None, 300, id="5 % of a day, at most 300 s"),
        pytest.param(100_000, None, 300, id="5 % of a long life, at most 300 s"),
        pytest.param(LIFE, 60, 60, id="as configured"),
        pytest.param(LIFE, "60", 60, id="as configured in an INI file"),
        pytest.param(LIFE, 10_000, 180, id="at most 10 % of the life"),
        pytest.param(LIFE, 0, 0, id="every time"),
    ],
)
def test_the_interval(
    middleware: str,
    moved: dict[str, object],
    clock: Clock,
    sent: CallRecorder,
    timeout: int | None,
    touch_interval: object,
    interval: int,
) -> None:
    """The interval is the configured one, or 5 % of the life or 300 s; never over 10 % of it."""
    moved |= {"timeout": timeout, "touch_interval": touch_interval}
    site = Site(middleware, moved)
    cookie = site(store(name="Ada")).cookie
    if interval:
        clock.advance(interval - 1)
        assert ["GetItem"] == reads(site, cookie, sent)
        clock.advance(1)
    assert ["GetItem", "PutItem"] == reads(site, cookie, sent)


def test_auto(middleware: str, moved: dict[str, object], clock: Clock, sent: CallRecorder) -> None:
    """With `session.auto`, which saves after every request, an unchanged session is not written."""
    site = Site(middleware, {**moved, "auto": True})
    cookie = site(store(name="Ada")).cookie
    assert ["GetItem"] == reads(site, cookie, sent)
    clock.advance(INTERVAL)
    assert ["GetItem", "PutItem"] == reads(site, cookie, sent)


def test_pop_flash(
    middleware: str, moved: dict[str, object], clock: Clock, sent: CallRecorder
) -> None:
    """pyramid_beaker saves whenever flash messages are read; without any, nothing is written."""
    cookie = Site(middleware, moved)(store(name="Ada")).cookie
    settings = {f"session.{name}": value for name, value in moved.items()}
    settings["session.type"] = "ext:dynamodb"
    factory = session_factory_from_settings(settings)

    def pop_flash() -> list[str]:
        sent.clear()
        session = factory(DummyRequest(environ={"HTTP_COOKIE": cookie}))
        assert [] == session.pop_flash()
        session.persist()
        return sent.operations

    # The empty queue was never there; removing it is no change.
    assert ["GetItem"] == pop_flash()
    clock.advance(INTERVAL)
    assert ["GetItem", "PutItem"] == pop_flash()


def test_an_active_user_stays(middleware: str, moved: dict[str, object], clock: Clock) -> None:
    """Pauses of up to the life less the interval never end a session, for ten lives."""
    site = Site(middleware, moved)
    cookie = site(store(name="Ada")).cookie
    for pause in (INTERVAL - 1, LIFE - INTERVAL) * 10:
        clock.advance(pause)
        assert {"name": "Ada"} == site(values, cookie).result


def test_an_idle_user_goes(middleware: str, moved: dict[str, object], clock: Clock) -> None:
    """Beyond its life a session is not found, although its item is kept two minutes longer."""
    site = Site(middleware, moved)
    cookie = site(store(name="Ada")).cookie
    clock.advance(LIFE + 1)
    assert {} == site(values, cookie).result


def test_a_touch_gives_way_to_a_write(
    middleware: str, moved: dict[str, object], clock: Clock, sent: CallRecorder
) -> None:
    """A touch that comes after another request's write changes nothing and is no error."""
    site = Site(middleware, moved)
    cookie = site(store(name="Ada")).cookie
    clock.advance(INTERVAL)

    def slow(session: Any) -> None:
        assert "Ada" == session["name"]
        site(store(name="Grace"), cookie)
        sent.clear()

    site(slow, cookie)

    assert ["ConditionalCheckFailedException"] == [call.error_code for call in sent]
    assert {"name": "Grace"} == site(values, cookie).result


def test_a_touch_gives_way_to_a_log_out(
    middleware: str, moved: dict[str, object], clock: Clock, sent: CallRecorder
) -> None:
    """A touch that comes after the session was deleted leaves no item and is no error."""
    site = Site(middleware, moved)
    cookie = site(store(name="Ada")).cookie
    clock.advance(INTERVAL)

    def slow(session: Any) -> None:
        assert "Ada" == session["name"]
        site(log_out, cookie)
        sent.clear()

    site(slow, cookie)

    assert ["ConditionalCheckFailedException"] == [call.error_code for call in sent]
    assert {} == site(values, cookie).result


def test_a_touch_loses_no_write_that_has_not_seen_it(
    middleware: str, moved: dict[str, object], clock: Clock, sent: CallRecorder
) -> None:
    """A write that loaded before another request's touch does not conflict with it."""
    site = Site(middleware, moved)
    cookie = site(store(name="Ada")).cookie
    clock.advance(INTERVAL)

    def slow(session: Any) -> None:
        assert "Ada" == session["name"]
        site(values, cookie)
        sent.clear()
        store(name="Grace")(session)

    site(slow, cookie)

    assert [("PutItem", None)] == [(call.operation, call.error_code) for call in sent]
    assert {"name": "Grace"} == site(values, cookie).result


@pytest.mark.parametrize("save", [values, store(name="Grace")], ids=["reads", "saves"])
def test_a_long_request_does_not_age_the_session(
    middleware: str, moved: dict[str, object], clock: Clock, save: Action
) -> None:
    """One that ends after others have used the session leaves the time of their use."""
    site = Site(middleware, {**moved, "timeout": LIFE})
    cookie = site(store(name="Ada")).cookie

    def slow(session: Any) -> None:
        assert "Ada" == session["name"]
        clock.advance(LIFE - 10)
        assert "Ada" == site(values, cookie).result["name"]
        clock.advance(5)
        save(session)

    site(slow, cookie)
    clock.advance(LIFE - 10)
    assert "name" in site(values, cookie).result


def test_a_touch_is_no_conflict_for_a_long_request(
    middleware: str, moved: dict[str, object], clock: Clock
) -> None:
    """With `concurrency = reject` too: nobody has changed anything."""
    site = Site(middleware, {**moved, "timeout": LIFE, "concurrency": "reject"})
    cookie = site(store(name="Ada")).cookie

    def slow(session: Any) -> None:
        assert "Ada" == session["name"]
        clock.advance(LIFE - 10)
        site(values, cookie)
        store(name="Grace")(session)

    site(slow, cookie)
    assert {"name": "Grace"} == site(values, cookie).result

"""A cookie with a relative lifetime slides: requests that write the session send it again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from webtest import TestApp

from tests.clock import Clock
from tests.servers.recorder import CallRecorder
from tests.sessions.site import log_out, store
from tests.wsgi.outage import WRITES, Outage
from tests.wsgi.raw import Options, page, send, wrap
from tests.wsgi.test_streams import generator

#: Seconds. The access time is refreshed after 10 % of it.
COOKIE_LIFE, INTERVAL = 300, 30

Action = Callable[[Any], object]


@pytest.fixture
def options(options: Options, clock: Clock) -> Options:
    return {**options, "clock": clock, "timeout": 3600}


@pytest.fixture
def browser(options: Options, clock: Clock) -> Browser:
    return Browser(options, clock, cookie_expires=COOKIE_LIFE)


class Browser:
    """Keeps one cookie until it expires by the test's clock."""

    def __init__(self, options: Options, clock: Clock, **extra: object) -> None:
        self.options, self._clock = {**options, **extra}, clock
        self.cookie = ""
        #: When the cookie expires, in epoch seconds, or None if it ends with the browser.
        self.end: float | None = None

    def send(self, action: Action) -> list[str]:
        """Make a request, without taking its cookie; return its ``Set-Cookie`` headers."""
        app = TestApp(wrap(page(action), self.options))
        headers = {"Cookie": self.cookie} if self.cookie else {}
        found: list[str] = app.get("/", headers=headers).headers.getall("Set-Cookie")
        return found

    def take(self, set_cookies: list[str]) -> bool:
        for header in set_cookies:
            self.cookie, *attributes = header.split("; ")
            named = dict(one.lower().split("=", 1) for one in attributes if "=" in one)
            expires = named.get("expires")
            self.end = parsedate_to_datetime(expires).timestamp() if expires else None
        return bool(set_cookies)

    def visit(self, action: Action) -> bool:
        assert self.end is None or self._clock.now < self.end, "the browser has no cookie"
        return self.take(self.send(action))


def read(session: Any) -> object:
    return session["name"]


def log_in(session: Any) -> None:
    session.logged_in()
    session.regenerate_id()


def test_each_write_and_each_refresh_sends_the_cookie_and_a_read_does_not(
    browser: Browser, clock: Clock, calls: CallRecorder
) -> None:
    for seconds, action, writes in [
        (0, store(name="Ada"), True),
        (1, read, False),
        (1, store(name="Eve"), True),
        (INTERVAL - 1, read, False),
        (1, read, True),
        (1, lambda session: session.save(), False),  # nothing has changed
    ]:
        clock.advance(seconds)
        calls.clear()
        before = browser.end
        assert writes is browser.visit(action)
        assert writes is ("PutItem" in calls.operations)
        assert (clock.now + COOKIE_LIFE if writes else before) == browser.end


@pytest.mark.parametrize("expires", [True, False, datetime(2030, 1, 1)])
def test_a_cookie_without_a_relative_lifetime_is_set_once(
    options: Options, clock: Clock, expires: object
) -> None:
    browser = Browser(options, clock, cookie_expires=expires)
    assert [True, False] == [browser.visit(store(name=name)) for name in ("Ada", "Eve")]
    clock.advance(1000)
    assert not browser.send(read)


def test_a_new_id_and_a_version_in_the_cookie_slide_too(options: Options, clock: Clock) -> None:
    browser = Browser(
        options, clock, cookie_expires=timedelta(seconds=COOKIE_LIFE), consistent_read="auto"
    )
    for action in (store(name="Ada"), store(name="Eve"), log_in, read):
        clock.advance(INTERVAL)
        assert browser.visit(action)
        assert clock.now + COOKIE_LIFE == browser.end


# -- a timeout of the session's own -----------------------------------------------------------


def set_timeout(seconds: float | None) -> Action:
    return lambda session: session.set_timeout(seconds)


@pytest.mark.owasp("Expire and Max-Age Attributes")
@pytest.mark.parametrize("expires", [True, False, COOKIE_LIFE])
def test_the_cookie_lives_as_long_as_the_sessions_own_timeout(
    options: Options, clock: Clock, expires: object
) -> None:
    browser = Browser(options, clock, cookie_expires=expires)
    browser.visit(store(name="Ada"))
    configured = browser.end
    clock.advance(10)
    for action in (set_timeout(50_000), read):
        assert browser.visit(action)
        assert clock.now + 50_000 == browser.end
        clock.advance(20_000)
    assert browser.visit(set_timeout(None))
    assert browser.end == (clock.now + COOKIE_LIFE if expires == COOKIE_LIFE else configured)


def test_the_absolute_timeout_limits_the_cookie(options: Options, clock: Clock) -> None:
    browser = Browser(options, clock, absolute_timeout=1000)
    end = clock.now + 1000
    browser.visit(set_timeout(5000))
    assert end == browser.end
    clock.advance(400)
    browser.visit(log_in)
    assert end + 400 == browser.end


# -- what must not send it --------------------------------------------------------------------


def test_a_failed_refresh_sends_no_cookie(browser: Browser, clock: Clock, outage: Outage) -> None:
    browser.visit(store(name="Ada"))
    clock.advance(INTERVAL)
    with outage.of(*WRITES):
        assert not browser.visit(read)
    assert ["PutItem"] == outage.refused


@pytest.mark.parametrize("consistent_read", [True, "auto"])
@pytest.mark.parametrize("other", [log_out, log_in, store(name="Eve")])
@pytest.mark.parametrize("action", [read, lambda session: session.save()])
def test_a_refresh_that_another_request_overtook_sends_no_cookie(
    options: Options, clock: Clock, consistent_read: object, other: Action, action: Action
) -> None:
    extra = {"cookie_expires": COOKIE_LIFE, "consistent_read": consistent_read}
    browser = Browser(options, clock, **extra)
    browser.visit(store(name="Ada"))
    clock.advance(INTERVAL)
    assert [] == browser.send(
        lambda session: [read(session), browser.visit(other), action(session)]
    )


@pytest.mark.parametrize("other", [log_out, log_in])
def test_a_save_of_a_session_that_has_ended_sends_no_cookie(
    browser: Browser, other: Action
) -> None:
    browser.visit(store(name="Ada"))
    assert [] == browser.send(
        lambda session: [read(session), browser.send(other), store(name="Eve")(session)]
    )


# -- too late ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "warns"),
    [(store(name="Eve"), False), (set_timeout(60), True), (log_in, True)],
    ids=["a write", "set_timeout", "a new id"],
)
@pytest.mark.parametrize("due", [True, False])
def test_only_a_cookie_with_other_content_is_too_late_after_the_start(
    browser: Browser,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    action: Action,
    warns: bool,
    due: bool,
) -> None:
    browser.visit(store(name="Ada"))
    clock.advance(INTERVAL if due else 1)
    response = send(wrap(generator(action, before=read), browser.options), browser.cookie)
    assert due is bool(response.all("Set-Cookie"))
    assert warns is ("too late to set its cookie" in caplog.text)


def test_a_new_session_that_is_written_again_during_the_body_is_not_too_late(
    browser: Browser, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    def change(session: Any) -> None:
        clock.advance(10)
        store(name="Eve")(session)

    assert send(wrap(generator(change, before=store(name="Ada")), browser.options)).cookie
    assert "too late" not in caplog.text

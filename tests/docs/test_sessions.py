"""The pages about sessions: their programs do what the text says."""

from __future__ import annotations

from http.cookiejar import CookieJar
from typing import Any

from webtest import TestApp

from beaker_dynamodb import DynamoDBSession, SessionStore
from beaker_dynamodb.middleware import SessionMiddleware
from tests.beaker import used_client
from tests.docs import run_blocks, settings, visits
from tests.docs.pages import page
from tests.servers.endpoint import Endpoint
from tests.servers.recorder import CallRecorder
from tests.wsgi.outage import Outage

TABLE = {"table_name": "myapp-sessions", "region_name": "eu-west-1"}


def test_a_session_that_cannot_be_saved(aws: Endpoint) -> None:
    names = run_blocks(page("docs/howto/handle-store-errors.md"), "Flask and Bottle")
    browser = TestApp(names["app"])
    assert "1 in the cart" == browser.post("/cart", {"item": "book"}).text
    with Outage(used_client(TABLE)).of("PutItem"):
        response = browser.post("/cart", {"item": "pen"}, status=503)
    said = response.headers["Retry-After"], response.text
    assert ("5", "Please try again in a few seconds.") == said
    assert "2 in the cart" == browser.post("/cart", {"item": "pen"}).text


def test_a_request_that_does_not_count_as_use_writes_nothing(aws: Endpoint) -> None:
    heading = "Requests that do not count as use"
    poll = run_blocks(page("docs/explanation/expiry.md"), heading)["poll"]
    config = {f"session.{name}": value for name, value in TABLE.items()}
    config["session.touch_interval"] = "0"
    cookies = CookieJar()

    def log_in(environ: Any, start_response: Any) -> list[bytes]:
        environ["beaker.session"]["user"] = "Ada"
        return visits(environ, start_response)

    TestApp(SessionMiddleware(log_in, config), cookiejar=cookies).get("/")
    with CallRecorder(used_client({**TABLE, "touch_interval": 0})) as calls:
        polling = TestApp(SessionMiddleware(poll, config), cookiejar=cookies)
        assert "Ada" == polling.get("/").text
    assert ["GetItem"] == calls.operations


def test_sessions_of_a_user(aws: Endpoint) -> None:
    (ini,) = page("docs/howto/special-keys.md").blocks("ini")
    revoke = run_blocks(page("docs/howto/log-out-everywhere.md"))["password_changed"]
    devices = run_blocks(page("docs/howto/device-list.md"))["where_logged_in"]
    given = {name.removeprefix("session."): value for name, value in settings(ini.code).items()}
    del given["type"]
    here, there, other = (DynamoDBSession({}, use_cookies=False, **given) for _ in range(3))
    for session, user in ((here, 42), (there, 42), (other, 43)):
        session["userId"] = user
        session.save()
    assert [False, True] == sorted(device["here"] for device in devices(here))
    assert 1 == revoke(here)
    assert 1 == len(devices(here)) == len(devices(other))
    found = SessionStore.from_settings(settings(ini.code)).sessions(userId=42)
    assert [here.id] == [session.id for session in found]

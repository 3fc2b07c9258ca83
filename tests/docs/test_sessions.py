"""The pages about sessions and their secrets: their programs do what the text says."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from http.cookiejar import CookieJar
from time import time
from typing import Any

import pytest
from beaker.cache import CacheManager
from beaker.exceptions import BeakerWarning
from beaker.util import parse_cache_config_options
from webtest import TestApp

from beaker_dynamodb import ConfigurationError, DynamoDBSession, PayloadError, SessionStore
from beaker_dynamodb.middleware import SessionMiddleware
from tests.beaker import aws_is, items, used_client
from tests.clock import Clock
from tests.docs import count_visits, run_blocks, settings, visits
from tests.docs.pages import page
from tests.servers.endpoint import Endpoint, create_table
from tests.servers.recorder import CallRecorder
from tests.wsgi.outage import Outage
from tests.wsgi.raw import page as page_of
from tests.wsgi.raw import send

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


def test_remembered_users_and_fresh_log_ins(aws: Endpoint) -> None:
    howto = page("docs/howto/session-lifetime.md")
    (ini,), names, clock = howto.blocks("ini"), run_blocks(howto), Clock()
    config = {**settings(ini.code), "session.clock": clock}

    def visit(action: Callable[[Any], object], cookie: str = "") -> tuple[list[object], str]:
        seen: list[object] = []
        app = page_of(lambda session: seen.append(action(session)))
        response = send(SessionMiddleware(app, config), cookie)
        return seen, response.cookie if response.all("Set-Cookie") else cookie

    for remember in (True, False):
        _, cookie = visit(partial(names["log_in"], user_id=42, remember=remember))
        assert [True] == visit(names["may_pay"], cookie)[0]
        clock.advance(601)
        assert [False] == visit(names["may_pay"], cookie)[0]
        _, cookie = visit(names["password_entered"], cookie)
        assert [True] == visit(names["may_pay"], cookie)[0]
        clock.advance(2000)
        assert [remember] == visit(lambda session: "userId" in session, cookie)[0]
        clock.advance(43_200 - 2000)
        assert [False] == visit(lambda session: "userId" in session, cookie)[0]


@pytest.mark.owasp("7.5.2")
@pytest.mark.parametrize("hash_ids", [False, True])
def test_one_device_is_logged_out(aws: Endpoint, hash_ids: bool) -> None:
    names = run_blocks(page("docs/howto/device-list.md"))
    special = "userId:N:index, browser:S"
    options: dict[str, Any] = {
        **TABLE,
        "special_keys": special,
        "skip_throw_missing_special_keys": True,
    }
    names["store"] = store = SessionStore(**options, hash_ids=hash_ids)
    now = time()
    options.update(use_cookies=False, hash_ids=hash_ids)
    # One second apart, since a session is named by its time.
    sessions = [DynamoDBSession({}, clock=lambda n=n: now - n, **options) for n in range(3)]
    for session, user in zip(sessions, (42, 42, 43), strict=True):
        session["userId"] = user
        session.save()
    listed = names["where_logged_in"](sessions[0])
    (other,) = store.sessions(userId=43)
    # The time of another user's session ends nothing.
    for since in (listed[-1]["since"], other.created):
        names["log_out"](sessions[0], since.isoformat())
    (left,) = store.sessions(userId=42)
    here = store.get(sessions[0].id)
    assert here is not None
    assert here.id == left.id
    assert 1 == store.count(userId=43)


def test_each_host_uses_the_region_of_its_environment(
    aws: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ini,) = page("docs/howto/two-regions.md").blocks("ini")
    given = settings(ini.code)
    create_table(aws.client, "myapp-sessions")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert ["1", "2"] == count_visits(SessionMiddleware(visits, given))
    CacheManager(**parse_cache_config_options(given)).get_cache("news").put("key", "value")
    stored = items(aws.client, "myapp-sessions")
    assert ["cache", "sess"] == sorted(key.partition(":")[0] for key in stored)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with aws_is(aws), pytest.raises(ConfigurationError, match="create_table is false"):
        count_visits(SessionMiddleware(visits, given))


SETTINGS = {
    "session.table_name": "myapp-sessions",
    "session.region_name": "eu-west-1",
    "session.crypto_type": "cryptography",  # Beaker 1.13 would not encrypt without it
}


def test_a_new_secret_logs_users_out(aws: Endpoint) -> None:
    browser = TestApp(application({"secret": "old secret"}))
    assert ["1", "2"] == [browser.get("/").text for _ in range(2)]
    changed = TestApp(application({"secret": "new secret"}), cookiejar=browser.cookiejar)
    assert "1" == changed.get("/").text


def test_a_new_encrypt_key_starts_new_sessions_unless_that_is_an_error(aws: Endpoint) -> None:
    browser = TestApp(application({"encrypt_key": "old key", "validate_key": "same"}))
    assert ["1", "2"] == [browser.get("/").text for _ in range(2)]
    new = {"encrypt_key": "new key", "validate_key": "same"}
    strict = TestApp(application(new, invalidate_corrupt=False), cookiejar=browser.cookiejar)
    with pytest.raises(PayloadError):
        strict.get("/")
    changed = TestApp(application(new), cookiejar=browser.cookiejar)
    with pytest.warns(BeakerWarning, match="Invalidating corrupt session"):
        assert "1" == changed.get("/").text


def application(options: dict[str, str], **extra: Any) -> Any:
    given = {f"session.{name}": value for name, value in options.items()}
    return SessionMiddleware(visits, {**SETTINGS, **given}, **extra)

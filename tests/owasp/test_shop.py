"""Requirements of OWASP, through a whole application and WebTest."""

from __future__ import annotations

import re
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any

import pytest
from webtest import TestApp

from beaker_dynamodb.middleware import SessionMiddleware
from beaker_dynamodb.wsgi.cookie_header import COOKIE_VALUE
from tests.chaos.watch import secret
from tests.clock import Clock
from tests.format.tables import beaker_at
from tests.sessions.site import PLANTED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from types_boto3_dynamodb import DynamoDBClient

#: The largest cookie that browsers keep: name and value, in bytes (RFC 6265bis, section 5.6).
MAX_COOKIE_BYTES = 4096
KEY = "__Host-sid"


class Shop:
    """An application with a log-in, as it should be written.

    :param options: session options, without ``session.``.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        config = {f"session.{name}": value for name, value in {"key": KEY, **options}.items()}
        #: `Shop` behind the middleware.
        self.wsgi: WSGIApplication = SessionMiddleware(self, config)

    def browser(self) -> TestApp:
        """Return a new browser, which uses HTTPS."""
        # WebTest's cookie jar knows the host by this name.
        place = {"wsgi.url_scheme": "https", "HTTP_HOST": "shop.example.org"}
        return TestApp(self.wsgi, extra_environ=place)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        session: Any = environ["beaker.session"]
        headers = [("Content-Type", "text/plain")]
        match environ["REQUEST_METHOD"], environ["PATH_INFO"]:
            case "POST", "/log-in":
                session.regenerate_id()
                session.logged_in()
                session.update(userId=42, secret=PLANTED)
                session.save()
                text = "logged in"
            case "POST", "/log-out":
                session.delete()
                text = "good-bye"
            case _:
                headers.append(("Cache-Control", "no-store"))
                text = str(session.get("userId"))
        start_response("200 OK", headers)
        return [text.encode()]


def user(browser: TestApp, **more: Any) -> str:
    """Return the user of a private page, or "None"."""
    return str(browser.get("/account", **more).text)


def log_in(browser: TestApp) -> str:
    """Log in, and return the cookie's value."""
    browser.post("/log-in")
    return str(browser.cookies[KEY])


@pytest.fixture(autouse=True)
def clock() -> Iterator[Clock]:
    """The clock of Beaker and the package."""
    clock = Clock(4_000_000_000.0)
    with beaker_at(clock):
        yield clock


SIGNED = {"secret": secret("shop")}
plain_and_signed = pytest.mark.parametrize(
    "given", [{}, SIGNED], ids=["plain", "signed"], indirect=True
)


@pytest.fixture
def given(request: pytest.FixtureRequest, options: dict[str, Any], clock: Clock) -> dict[str, Any]:
    return {**options, **getattr(request, "param", SIGNED), "clock": clock}


@pytest.fixture
def shop(given: dict[str, Any]) -> Shop:
    return Shop(given)


@pytest.mark.owasp("3.3.4")
def test_the_id_is_in_no_other_part_of_the_response(shop: Shop) -> None:
    response = shop.browser().post("/log-in")
    value = SimpleCookie(response.headers["Set-Cookie"])[KEY].value
    others = [text for name, text in response.headers.items() if name != "Set-Cookie"]
    id = value.rpartition(".")[2]
    assert not any(id in text for text in (*others, response.text))


@pytest.mark.owasp("3.3.5", "14.3.3", "Session ID Content (or Value)")
@plain_and_signed
def test_the_cookie_has_an_id_and_none_of_the_data(given: dict[str, Any]) -> None:
    browser = Shop({**given, "consistent_read": "auto"}).browser()
    log_in(browser)
    value = str(browser.cookies[KEY])
    signed = r"sha256\.[0-9a-f]{64}\." if "secret" in given else ""
    assert value.isascii()
    assert COOKIE_VALUE.fullmatch(value.removeprefix("sha256.")[65 if signed else 0 :])
    assert len(KEY) + len(value) <= MAX_COOKIE_BYTES


@pytest.mark.owasp("14.2.1", "Used vs. Accepted Session ID Exchange Mechanisms")
def test_an_id_is_accepted_from_the_cookie_only(shop: Shop) -> None:
    value = log_in(shop.browser())
    other = shop.browser()
    assert "None" == user(other, params={KEY: value, "id": value})
    assert "None" == user(other, headers={"X-Session": value, KEY: value})
    assert "None" == other.post("/account", {KEY: value}).text
    assert "42" == user(other, headers={"Cookie": f"{KEY}={value}"})


@pytest.mark.owasp("14.2.4")
@plain_and_signed
def test_with_hashed_ids_the_table_opens_no_session(
    given: dict[str, Any], client: DynamoDBClient, table_name: str
) -> None:
    shop = Shop({**given, "hash_ids": True})
    id = log_in(shop.browser()).rpartition(".")[2]
    items = client.scan(TableName=table_name)["Items"]
    assert id not in str(items)
    digests = {digest for item in items for digest in re.findall("[0-9a-f]{64}", str(item["id"]))}
    assert digests
    for digest in digests:
        assert "None" == user(shop.browser(), headers={"Cookie": f"{KEY}={digest}"})


@pytest.mark.owasp("7.2.4", "7.2.2", "Renewal Timeout")
def test_a_log_in_changes_the_id_and_the_old_one_is_dead(shop: Shop, clock: Clock) -> None:
    browser = shop.browser()
    first, second = log_in(browser), log_in(browser)
    assert first != second
    for _ in range(2):
        assert "None" == user(shop.browser(), headers={"Cookie": f"{KEY}={first}"})
        assert "42" == user(browser)
        clock.advance(60)  # the marker under the old id has expired


@pytest.mark.owasp("7.4.1")
def test_a_log_out_ends_the_session_on_the_server_and_in_the_browser(shop: Shop) -> None:
    browser = shop.browser()
    value = log_in(browser)
    browser.post("/log-out")
    assert KEY not in browser.cookies
    assert "None" == user(browser)
    assert "None" == user(shop.browser(), headers={"Cookie": f"{KEY}={value}"})

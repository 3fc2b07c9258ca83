"""A double click on "Log in", or a request answered after the login, does not log the user out."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, Event
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from beaker_dynamodb.middleware import SessionMiddleware
from tests.servers.web import StartResponse, WSGIEnvironment
from tests.sessions.site import store

pytestmark = [pytest.mark.full, pytest.mark.parametrize("ending", ["regenerate_id", "invalidate"])]
TIMEOUT = 60

PAGE = """<!doctype html>
<title>{user}</title>
<form method="post" action="/log-in"><button>Log in</button></form>
<script>
  async function twice() {{
    const button = document.querySelector("button");
    button.click();
    await fetch("/arrived");
    button.click();
  }}
  async function both() {{
    const slow = fetch("/slow"), login = fetch("/log-in", {{method: "POST"}});
    await login;
    await fetch("/release");
    await slow;
    location.href = "/";
  }}
</script>
"""


class Shop:
    """An application with a cart and a login.

    :param ending: the session method that the login calls.
    """

    def __init__(self, ending: str) -> None:
        self._ending = ending
        #: Called by the login after it has loaded its session.
        self.meet: Callable[[], object] = bool
        self.arrived, self.loaded, self.release = Event(), Event(), Event()
        self.log_ins = 0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        session: Any = environ["beaker.session"]
        user = session.get("user")
        headers = [("Content-Type", "text/html"), ("Cache-Control", "no-store")]
        match environ["PATH_INFO"]:
            case "/log-in":
                self.arrived.set()
                self.meet()
                getattr(session, self._ending)()
                store(user="Ada")(session)
                self.log_ins += 1
                start_response("303 See Other", [*headers, ("Location", "/")])
                return [b""]
            case "/slow":
                self.loaded.set()
                self.release.wait(TIMEOUT)
                store(clicks=1)(session)
            case "/arrived":
                self.arrived.wait(TIMEOUT)
            case "/release":
                self.release.set()
            case "/":
                if user is None:
                    store(cart=["tea"])(session)
        start_response("200 OK", headers)
        return [PAGE.format(user=user).encode()]


@pytest.fixture
def shop(ending: str) -> Shop:
    return Shop(ending)


@pytest.fixture
def url(shop: Shop, options: dict[str, Any], serve: Callable[[Any], str], browser: Chrome) -> str:
    """The shop's URL; the browser shows its first page."""
    config = {f"session.{name}": value for name, value in options.items()}
    url = serve(SessionMiddleware(shop, config))
    show(browser, url, "None")
    return url


def show(browser: Chrome, url: str, title: str) -> None:
    """Load a page, and wait until it has this title."""
    browser.get("about:blank")
    browser.get(url)
    wait_until(browser, lambda: browser.title == title)


def wait_until(browser: Chrome, condition: Callable[[], object]) -> None:
    WebDriverWait(browser, TIMEOUT).until(lambda _: condition())


def test_a_double_click_logs_in(url: str, shop: Shop, browser: Chrome) -> None:
    """The browser cancels the first request and ignores its cookie."""
    shop.meet = Barrier(2, timeout=TIMEOUT).wait
    browser.execute_script("twice()")
    wait_until(browser, lambda: shop.log_ins == 2)
    show(browser, url, "Ada")


def test_a_request_answered_after_the_login_does_not_log_the_user_out(
    url: str, shop: Shop, browser: Chrome
) -> None:
    """The request loads the session before the login and saves it afterwards."""
    shop.meet = lambda: shop.loaded.wait(TIMEOUT)
    browser.execute_script("both()")
    wait_until(browser, lambda: browser.title == "Ada")
    show(browser, url, "Ada")


@pytest.mark.owasp("7.2.4")
def test_a_request_with_the_old_cookie_does_not_log_the_user_out(
    url: str, shop: Shop, browser: Chrome
) -> None:
    """The request loads its session after the login."""
    cookies = {one["name"]: one["value"] for one in browser.get_cookies()}
    browser.find_element(By.TAG_NAME, "button").click()
    wait_until(browser, lambda: browser.title == "Ada")
    shop.release.set()
    (new,) = browser.get_cookies()
    browser.add_cookie({"name": new["name"], "value": cookies[new["name"]]})
    browser.execute_script("return fetch('/slow')")
    assert [cookies[new["name"]]] == [one["value"] for one in browser.get_cookies()]

"""Which of the middleware's cookies a browser keeps and sends, by domain, path and flags."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.support.wait import WebDriverWait

from beaker_dynamodb.middleware import SessionMiddleware
from tests.beaker import items
from tests.browser.chromium import DOMAIN
from tests.servers.endpoint import DynamoDBClient
from tests.servers.web import StartResponse, WSGIApplication, WSGIEnvironment
from tests.sessions.site import COOKIE, store

pytestmark = [pytest.mark.full]
PAGE_TIMEOUT = 60


def page(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """Log in at ``…/log-in``, and show the user's name in the title."""
    session: Any = environ["beaker.session"]
    if environ["PATH_INFO"].endswith("log-in"):
        store(user="Ada")(session)
    elif environ["PATH_INFO"].endswith("visit"):
        store(visits=session.get("visits", 0) + 1)(session)
    start_response("200 OK", [("Content-Type", "text/html"), ("Cache-Control", "no-store")])
    return [f"<title>user: {session.get('user')}</title>".encode()]


class Window:
    """A browser window on an application whose configuration can change.

    :param options: session options that do not change.
    """

    def __init__(
        self, browser: Chrome, options: dict[str, Any], serve: Callable[[WSGIApplication], str]
    ) -> None:
        self._browser = browser
        self._options = options
        self.configure()
        self._url = serve(lambda *request: self._app(*request))

    def configure(self, **options: object) -> None:
        """Replace the application with one that also has these options."""
        config = {f"session.{name}": value for name, value in {**self._options, **options}.items()}
        self._app = SessionMiddleware(page, config)

    def move_to(self, host: str) -> None:
        """Request the pages that follow from this host, still over plain HTTP."""
        self._url = f"http://{host}:{self._url.rpartition(':')[2]}"

    def user(self, path: str) -> str:
        """Load a page, and return the name of its user."""
        self._browser.get("about:blank")
        self._browser.get(self._url + path)
        wait = WebDriverWait(self._browser, PAGE_TIMEOUT)
        wait.until(lambda _: self._browser.title.startswith("user: "))
        return self._browser.title.removeprefix("user: ")

    @property
    def flags(self) -> list[tuple[str, bool, bool, str]]:
        """Name, HttpOnly, Secure and SameSite of each cookie that scripts cannot see."""
        assert not self._browser.execute_script("return document.cookie")
        names = ("name", "httpOnly", "secure", "sameSite")
        return [tuple(one[name] for name in names) for one in self._browser.get_cookies()]

    @property
    def cookies(self) -> list[tuple[str, str]]:
        """Domain and path of each session cookie that the browser sends to this page."""
        found = [one for one in self._browser.get_cookies() if one["name"] == COOKIE]
        return [(one["domain"], one["path"]) for one in found]


@pytest.fixture
def window(
    browser: Chrome, options: dict[str, Any], serve: Callable[[WSGIApplication], str]
) -> Window:
    return Window(browser, options, serve)


@pytest.mark.parametrize(
    "stale",
    [{"cookie_path": "/shop"}, {"cookie_domain": f".{DOMAIN}", "cookie_path": "/shop"}],
    ids=["path", "domain and path"],
)
def test_a_stale_cookie_that_is_sent_first_does_not_hide_the_valid_one(
    window: Window, client: DynamoDBClient, table_name: str, stale: dict[str, object]
) -> None:
    """The browser sends the cookie with the longer path first."""
    window.configure(**stale)
    window.user("/shop/log-in")
    (id,) = items(client, table_name)
    client.delete_item(TableName=table_name, Key={"id": {"S": id}})
    assert "None" == window.user("/shop/")
    window.configure()
    window.user("/log-in")
    assert "Ada" == window.user("/shop/")
    assert 2 == len(window.cookies)


@pytest.mark.parametrize(
    ("changed", "kept"),
    [
        ({"cookie_path": "/shop"}, (f"www.{DOMAIN}", "/shop")),
        ({"cookie_domain": f".{DOMAIN}"}, (f".{DOMAIN}", "/")),
        ({"cookie_domain": f".{DOMAIN}", "cookie_path": "/shop"}, (f".{DOMAIN}", "/shop")),
    ],
    ids=["path", "domain", "both"],
)
def test_a_changed_domain_or_path_leaves_one_cookie(
    window: Window, changed: dict[str, object], kept: tuple[str, str]
) -> None:
    window.user("/shop/log-in")
    window.configure(**changed)
    assert "Ada" == window.user("/shop/visit")
    assert [kept] == window.cookies
    assert "Ada" == window.user("/shop/")
    assert "None" == window.user("/") or changed.get("cookie_path") is None


def test_same_site_none_without_secure_is_dropped(window: Window) -> None:
    """The middleware warns about this combination."""
    window.configure(samesite="None", secure="false")
    window.user("/log-in")
    assert [] == window.cookies
    assert "None" == window.user("/")


@pytest.mark.owasp("3.3.4")
def test_the_default_cookie_is_hidden_from_scripts(window: Window) -> None:
    window.user("/log-in")
    assert [(COOKIE, True, False, "Lax")] == window.flags
    assert "Ada" == window.user("/")


@pytest.mark.owasp("3.3.1", "3.3.3")
def test_a_host_cookie_is_kept_on_a_secure_origin_only(window: Window) -> None:
    """Browsers treat localhost as secure, even over plain HTTP."""
    window.configure(key="__Host-sid", secret="a secret of the site")
    window.user("/log-in")
    assert "None" == window.user("/")
    window.move_to("localhost")
    window.user("/log-in")
    assert [("__Host-sid", True, True, "Lax")] == window.flags
    assert "Ada" == window.user("/")

"""Sessions in tabs, after the back button, from other sites, and while their id changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Event
from typing import Any
from urllib.parse import parse_qs
from urllib.request import Request, urlopen

import pytest
from selenium.webdriver import Chrome

from beaker_dynamodb.middleware import SessionMiddleware
from tests.browser.chromium import DOMAIN
from tests.browser.test_log_in import TIMEOUT, show, wait_until
from tests.servers.web import StartResponse, WSGIApplication, WSGIEnvironment
from tests.sessions.site import COOKIE, store

pytestmark = pytest.mark.full
Serve = Callable[["WSGIApplication"], str]

PAGE = """<!doctype html>
<title>{title}</title>
<form method="post" action="{action}"><button>Send</button></form>
<script>
  const hit = name => fetch("/hit?name=" + name);
  async function hits(prefix, count) {{
    await Promise.all(Array.from({{length: count}}, (_, number) => hit(prefix + number)));
    document.title = "done";
  }}
  async function burst() {{
    const answers = [];
    for (let number = 0; number < 50; number++) {{
      answers.push(hit("n" + number));
      if (number === 10) answers.push(fetch("/renew", {{method: "POST"}}));
    }}
    await Promise.all(answers);
    document.title = "done";
  }}
</script>
"""


class Site:
    """An application with a log-in, a private page and a log-out.

    :param cache_control: the header of the private page.
    """

    def __init__(self, cache_control: str = "no-store") -> None:
        self._cache_control = cache_control
        self.renewed = Event()
        #: Names of hits that wait until the id has changed.
        self.late: set[str] = set()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        session: Any = environ["beaker.session"]
        user, page = session.get("user"), environ["PATH_INFO"]
        headers = [("Content-Type", "text/html"), ("Cache-Control", self._cache_control)]
        action = "/log-out" if user else "/log-in"
        match page:
            case "/log-in":
                session.regenerate_id()
                store(user="Ada")(session)
                return self._redirect(start_response, "/account")
            case "/log-out":
                session.delete()
                return self._redirect(start_response, "/")
            case "/hit":
                (name,) = parse_qs(environ["QUERY_STRING"])["name"]
                if name in self.late:
                    self.renewed.wait(TIMEOUT)
                store(**{name: 1})(session)
            case "/renew":
                session.regenerate_id()
                session.save()
                self.renewed.set()
        hits = len([name for name in session if name[-1].isdigit()])
        title = "welcome" if page == "/" else f"{user}, {hits} hits" if hits else str(user)
        start_response("200 OK", headers)
        return [PAGE.format(title=title, action=action).encode()]

    def _redirect(self, start_response: StartResponse, path: str) -> list[bytes]:
        start_response("303 See Other", [("Location", path)])
        return [b""]


def behind(app: Any, options: dict[str, Any], **extra: object) -> SessionMiddleware:
    settings = {f"session.{name}": value for name, value in {**options, **extra}.items()}
    return SessionMiddleware(app, settings)


def send_form(browser: Chrome, title: str) -> None:
    """Send the page's form, and wait for a page with this title."""
    browser.execute_script("document.forms[0].submit()")
    wait_until(browser, lambda: browser.title == title)


def log_in(browser: Chrome, url: str) -> None:
    show(browser, f"{url}/account", "None")
    send_form(browser, "Ada")


@pytest.fixture
def tabs(browser: Chrome) -> Iterator[list[str]]:
    """Two tabs; the first one is open."""
    first = browser.current_window_handle
    browser.switch_to.new_window("tab")
    second = browser.current_window_handle
    browser.switch_to.window(first)
    yield [first, second]
    browser.switch_to.window(second)
    browser.close()
    browser.switch_to.window(first)


@pytest.mark.owasp("7.4.1")
def test_two_tabs_share_a_session_and_its_log_out(
    browser: Chrome, tabs: list[str], serve: Serve, options: dict[str, Any]
) -> None:
    """Both tabs write at the same time, and no write is lost."""
    url = serve(behind(Site(), options))
    log_in(browser, url)
    for tab in reversed(tabs):
        browser.switch_to.window(tab)
        show(browser, f"{url}/account", "Ada")
    for tab, name in zip(tabs, "ab", strict=True):
        browser.switch_to.window(tab)
        browser.execute_script(f"hits('{name}', 10)")
    for tab in tabs:
        browser.switch_to.window(tab)
        wait_until(browser, lambda: browser.title == "done")
    show(browser, f"{url}/account", "Ada, 20 hits")
    send_form(browser, "welcome")
    browser.switch_to.window(tabs[0])
    show(browser, f"{url}/account", "None")


@pytest.mark.owasp("14.3.2", "7.4.1")
@pytest.mark.parametrize(
    ("cache_control", "shown"), [("no-store", "None"), ("private, max-age=600", "Ada")]
)
def test_the_back_button_shows_no_private_page_with_no_store(
    browser: Chrome, serve: Serve, options: dict[str, Any], cache_control: str, shown: str
) -> None:
    """A page that may be cached is shown again: the header is the application's job."""
    url = serve(behind(Site(cache_control), options))
    log_in(browser, url)
    send_form(browser, "welcome")
    browser.back()
    wait_until(browser, lambda: browser.title != "welcome")
    assert shown == browser.title


@pytest.mark.owasp("7.2.4", "Renewal Timeout")
def test_an_id_change_during_fifty_requests_logs_no_user_out(
    browser: Chrome, serve: Serve, options: dict[str, Any]
) -> None:
    """Three requests load the session before the change, and save it afterwards."""
    site = Site()
    site.late = {"n0", "n1", "n2"}
    url = serve(behind(site, options))
    log_in(browser, url)
    (old,) = browser.get_cookies()
    browser.execute_script("burst()")
    wait_until(browser, lambda: browser.title == "done")
    (new,) = browser.get_cookies()
    assert old["value"] != new["value"]
    browser.get(f"{url}/account")
    wait_until(browser, lambda: browser.title.startswith("Ada"))
    assert "<title>None" in page(f"{url}/account", old["value"])
    assert "<title>Ada" in page(f"{url}/account", new["value"])


def page(url: str, cookie: str) -> str:
    """Return a page as a program without a browser reads it."""
    # Only Chromium resolves the host.
    local = url.replace(f"www.{DOMAIN}", "127.0.0.1")
    with urlopen(Request(local, headers={"Cookie": f"{COOKIE}={cookie}"})) as answer:
        return str(answer.read().decode())


@pytest.mark.owasp("3.3.2")
def test_a_form_of_another_site_is_sent_without_the_cookie_and_a_link_with_it(
    browser: Chrome, serve: Serve, options: dict[str, Any]
) -> None:
    url = serve(behind(Site(), options))
    target = f"{url}/account"

    def other(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/html")])
        form = f'<form method="post" action="{target}"></form><a href="{target}">Shop</a>'
        return [f"<title>other</title>{form}".encode()]

    log_in(browser, url)
    # An IP address is a separate site.
    other_url = serve(other).replace(f"www.{DOMAIN}", "127.0.0.1")
    for script, user in (("forms[0].submit()", "None"), ("links[0].click()", "Ada")):
        show(browser, other_url, "other")
        browser.execute_script(f"document.{script}")
        wait_until(browser, lambda: browser.title != "other")
        assert user == browser.title


@pytest.mark.owasp("3.3.1", "3.3.3", "3.3.4")
def test_over_https_a_host_cookie_is_kept_and_no_other_host_can_replace_it(
    browser: Chrome, serve_https: Serve, options: dict[str, Any]
) -> None:
    url = serve_https(behind(Site(), options, key="__Host-sid"))

    def sibling(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        forged = [
            ("Set-Cookie", f"{name}={'0' * 64}; Domain={DOMAIN}; Path=/; Secure")
            for name in ("__Host-sid", "sid")
        ]
        start_response("200 OK", [("Content-Type", "text/html"), *forged])
        return [b"<title>sibling</title>"]

    log_in(browser, url)
    show(browser, serve_https(sibling).replace("www.", "evil."), "sibling")
    show(browser, f"{url}/account", "Ada")
    cookies = {cookie["name"]: cookie for cookie in browser.get_cookies()}
    assert {"__Host-sid", "sid"} == set(cookies)  # the other name was accepted
    own = cookies["__Host-sid"]
    flags = own["httpOnly"], own["secure"], own["sameSite"], own["path"], own["domain"]
    assert (True, True, "Lax", "/", f"www.{DOMAIN}") == flags


@pytest.mark.owasp("3.3.1")
def test_a_cookie_set_over_https_is_not_sent_over_plain_http(
    browser: Chrome, serve: Serve, serve_https: Serve, options: dict[str, Any]
) -> None:
    app = behind(Site(), options)
    log_in(browser, serve_https(app))
    show(browser, f"{serve(app)}/account", "None")

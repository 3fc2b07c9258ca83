"""Fixtures: a browser, and a server for it."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import trustme
from selenium import webdriver

from tests.browser.chromium import DOMAIN, Missing, start
from tests.servers.web import WSGIApplication, serving, serving_tls


@pytest.fixture(scope="session")
def chromium() -> Iterator[webdriver.Chrome]:
    """One browser for all tests.

    Without a browser, skip, or fail if ``BEAKER_DYNAMODB_BROWSER`` is ``require``.
    """
    try:
        browser = start()
    except Missing as error:
        if os.environ.get("BEAKER_DYNAMODB_BROWSER") == "require":
            raise pytest.fail.Exception(str(error), pytrace=False) from None
        raise pytest.skip.Exception(str(error)) from None
    yield browser
    browser.quit()


@pytest.fixture
def browser(chromium: webdriver.Chrome) -> webdriver.Chrome:
    """The browser, without cookies."""
    chromium.get("about:blank")
    chromium.execute_cdp_cmd("Network.clearBrowserCookies", {})
    return chromium


@pytest.fixture
def serve() -> Iterator[Callable[[WSGIApplication], str]]:
    """A function that serves an application until the test ends, and returns its URL."""
    with ExitStack() as stack:

        def start(app: WSGIApplication) -> str:
            return f"http://www.{DOMAIN}:{stack.enter_context(serving(app))}"

        yield start


@pytest.fixture
def serve_https() -> Iterator[Callable[[WSGIApplication], str]]:
    """A function that serves an application over HTTPS until the test ends."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert(f"*.{DOMAIN}").configure_cert(context)
    with ExitStack() as stack:

        def start(app: WSGIApplication) -> str:
            port = stack.enter_context(serving_tls(app, context))
            return f"https://www.{DOMAIN}:{port}"

        yield start

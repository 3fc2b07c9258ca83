"""Fixtures: a browser, and a server for it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from tests.servers.web import serving

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

#: The browser resolves every host in this domain to 127.0.0.1.
DOMAIN = "example.test"
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    f"--host-resolver-rules=MAP *.{DOMAIN} 127.0.0.1",
]


@pytest.fixture(scope="session")
def chromium() -> Iterator[webdriver.Chrome]:
    """One browser for all tests.

    Without a browser, skip, or fail if ``BEAKER_DYNAMODB_BROWSER`` is ``require``.
    """
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        reason = "cannot find chromium and chromedriver; install both and add them to the PATH"
        if os.environ.get("BEAKER_DYNAMODB_BROWSER") == "require":
            raise pytest.fail.Exception(reason, pytrace=False)
        raise pytest.skip.Exception(reason)
    options = Options()
    options.binary_location = program
    # A test clicks again before the first click is answered.
    options.page_load_strategy = "none"
    for flag in FLAGS:
        options.add_argument(flag)
    browser = webdriver.Chrome(options=options, service=Service(driver))
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

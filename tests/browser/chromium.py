"""Start a headless Chromium."""

from __future__ import annotations

import shutil

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

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


class Missing(Exception):
    """Chromium or its driver is missing."""


def start() -> webdriver.Chrome:
    """Start a browser; the caller quits it.

    :raises Missing: it is not installed.
    """
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        raise Missing(
            "cannot find chromium and chromedriver; install both and add them to the PATH"
        )
    options = Options()
    options.binary_location = program
    # A test clicks again before the first click is answered.
    options.page_load_strategy = "none"
    # The tests' servers make their own certificates.
    options.accept_insecure_certs = True
    for flag in FLAGS:
        options.add_argument(flag)
    return webdriver.Chrome(options=options, service=Service(driver))

"""The demo and two examples, used as a visitor uses them."""

from __future__ import annotations

import pytest
from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from tests.examples.command import Visitor, running

pytestmark = pytest.mark.full
TIMEOUT = 60


def wait_for(browser: Chrome, element: str, text: str) -> None:
    """Wait until an element that matches the CSS selector has this text."""

    def has_text(_: Chrome) -> bool:
        return text in [one.text for one in browser.find_elements(By.CSS_SELECTOR, element)]

    # An element cannot be asked while another page replaces it.
    WebDriverWait(browser, TIMEOUT, ignored_exceptions=[WebDriverException]).until(has_text)


def shown(browser: Chrome, element: str) -> str:
    return browser.find_elements(By.CSS_SELECTOR, element)[0].text


def press(browser: Chrome, label: str) -> None:
    (button,) = browser.find_elements(By.XPATH, f"//button[normalize-space()='{label}']")
    button.click()


def fill_in(browser: Chrome, name: str, text: str) -> None:
    browser.find_elements(By.CSS_SELECTOR, f"input[name={name}]:not([type=hidden])")[0].send_keys(
        text
    )


def test_the_demo(browser: Chrome) -> None:
    with running("example_wsgi.py", "--port", "0") as url:
        browser.get(url)
        wait_for(browser, "#visits", "1")
        fill_in(browser, "name", "color")
        fill_in(browser, "value", "deep blue")
        press(browser, "Set value")
        wait_for(browser, "td", "deep blue")
        wait_for(browser, "#visits", "2")
        press(browser, "Log out")
        wait_for(browser, "#visits", "1")
        key = shown(browser, "#key")
        press(browser, "Slow save")
        wait_for(browser, "#late .note", "You are logged out; the slow request stored nothing.")
        assert key != shown(browser, "#key")
        assert shown(browser, "#key") == shown(browser, "#item td:last-child code")
        press(browser, "Outage")
        wait_for(browser, "h2", "DynamoDB does not answer")
        press(browser, "End outage")
        wait_for(browser, "#visits", "2")
        browser.get("about:blank")


def test_flask(browser: Chrome) -> None:
    with running("examples/flask_app.py") as url:
        browser.get(url)
        wait_for(browser, "li", "Nothing yet")
        for number, item in enumerate(["tea", "milk"], start=2):
            fill_in(browser, "item", item)
            press(browser, "Add")
            wait_for(browser, "#visits", str(number))
        wait_for(browser, "li", "tea")
        wait_for(browser, "li", "milk")
        press(browser, "Log out")
        wait_for(browser, "li", "Nothing yet")
        browser.get("about:blank")


def test_pyramid(browser: Chrome) -> None:
    with running("examples/pyramid_app.py") as url:
        phone = Visitor(url, "Phone")
        phone.post("/log-in", user="Ada")
        browser.get(url)
        wait_for(browser, "h1", "Log in")
        fill_in(browser, "user", "Ada")
        press(browser, "Log in")
        wait_for(browser, "h1", "Welcome, Ada")
        wait_for(browser, "td", "Phone")
        press(browser, "Log out everywhere else")
        wait_for(browser, "#visits", "2")
        assert "Phone" not in browser.page_source
        assert "Log in" in phone.get()
        press(browser, "Log out")
        wait_for(browser, "h1", "Log in")
        browser.get("about:blank")

"""Write docs/screenshots/: the demo and two examples in a headless Chromium; needs Pillow.

python -m tests.examples.screenshots              # all three
python -m tests.examples.screenshots flask
"""

from __future__ import annotations

import base64
import sys
from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image
from selenium.webdriver.support.wait import WebDriverWait

from tests.browser.chromium import start
from tests.examples.command import ROOT, Visitor, running

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

FOLDER = ROOT / "docs" / "screenshots"
WIDTH, MAX_HEIGHT = 1200, 1000  # pixels
COLORS = 64  # a third of the size, and looks the same
TIMEOUT = 60


def demo(browser: Chrome) -> None:
    """Show the demo with values in the session."""
    with running("example_wsgi.py", "--port", "0") as url:
        visitor = Visitor(url)
        visitor.get()
        for name, value in {"color": "deep blue", "tea": "Assam"}.items():
            visitor.post("/", action="set", name=name, value=value)
        take(browser, url, visitor, "demo")


def pyramid(browser: Chrome) -> None:
    """Show a user who is logged in on three devices."""
    with running("examples/pyramid_app.py") as url:
        for agent in ("Firefox on Windows", "Safari on an iPhone", "Chrome on Linux"):
            visitor = Visitor(url, agent)
            visitor.post("/log-in", user="Ada")
        take(browser, url, visitor, "pyramid")


def flask(browser: Chrome) -> None:
    """Show a shopping list."""
    with running("examples/flask_app.py") as url:
        visitor = Visitor(url)
        for item in ("Tea", "Milk", "A jar of honey"):
            visitor.post("/add", item=item)
        take(browser, url, visitor, "flask")


def take(browser: Chrome, url: str, visitor: Visitor, name: str) -> None:
    """Write a picture of the page that the visitor would see next."""
    browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
    for cookie in visitor.cookies:
        sent = {"url": url, "name": cookie.name, "value": cookie.value}
        browser.execute_cdp_cmd("Network.setCookie", sent)
    size = {"width": WIDTH, "height": 400, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(url)
    loaded = "return location.href != 'about:blank' && document.readyState == 'complete'"
    WebDriverWait(browser, TIMEOUT).until(lambda _: browser.execute_script(loaded))
    height = browser.execute_script("return document.documentElement.scrollHeight")
    clip = {"x": 0, "y": 0, "width": WIDTH, "height": min(height, MAX_HEIGHT), "scale": 1}
    picture = browser.execute_cdp_cmd(
        "Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True}
    )
    image = Image.open(BytesIO(base64.b64decode(picture["data"]))).convert("RGB")
    image.quantize(COLORS).save(FOLDER / f"{name}.png", optimize=True)
    browser.get("about:blank")


def main() -> None:
    """Take all screenshots, or those named on the command line."""
    FOLDER.mkdir(exist_ok=True)
    pictures = {one.__name__: one for one in (demo, pyramid, flask)}
    browser = start()
    try:
        for name in sys.argv[1:] or pictures:
            pictures[name](browser)
    finally:
        browser.quit()


if __name__ == "__main__":
    main()

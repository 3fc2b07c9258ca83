"""The demo as a process, and a visitor of it who speaks HTTP."""

from __future__ import annotations

import html
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from email.message import Message
from http.client import HTTPConnection
from http.cookiejar import CookieJar
from pathlib import Path
from threading import Barrier
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPCookieProcessor, ProxyHandler, build_opener

import pytest

ROOT = Path(__file__).parent.parent.parent
# Where nobody may look who has a DynamoDB of his own.
HOSTILE = {
    "AWS_PROFILE": "no-such-profile",
    "AWS_CONFIG_FILE": "no-such-folder/config",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:9",
    "AWS_DEFAULT_REGION": "no such region",
    "HTTP_PROXY": "http://127.0.0.1:9",
}
# The demo, but merging takes as long as it takes: how fast this machine is decides nothing.
PATIENT = """
import runpy
from beaker_dynamodb.sessions import conflict_retry
conflict_retry.CONFLICT_SECONDS = 120.0
runpy.run_path("example_wsgi.py", run_name="__main__")
"""
#: After so many seconds a thread that does not come is taken for dead.
HANGS = 120.0
Demo = subprocess.Popen[str]


def start(*arguments: str, patient: bool = False, **environment: str) -> Demo:
    """Start the demo on a free port."""
    program = ["-c", PATIENT] if patient else ["example_wsgi.py"]
    return subprocess.Popen(
        [sys.executable, *program, "--port", "0", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def announced(demo: Demo) -> tuple[str, str]:
    """Read the two lines that it begins with: where the data is, and the URL."""
    assert demo.stdout is not None
    where, how_to_open = demo.stdout.readline(), demo.stdout.readline()
    found = re.search(r"http://127\.0\.0\.1:\d+/", how_to_open)
    assert found, demo.communicate()
    return where, found[0]


@contextmanager
def demos() -> Iterator[Callable[..., Demo]]:
    """Give `start`; whatever it has started ends with the block."""
    started = []

    def start_one(*arguments: str, **environment: str) -> Demo:
        started.append(start(*arguments, patient=False, **environment))
        return started[-1]

    try:
        yield start_one
    finally:
        for demo in started:
            demo.kill()
            demo.communicate()


def stop(demo: Demo, number: int = signal.SIGTERM) -> tuple[int, str]:
    """Stop it; its exit code, and what it said on standard error."""
    demo.send_signal(number)
    errors = demo.communicate()[1]
    return demo.returncode, errors


class Visitor:
    """A browser with its own cookies."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.jar = CookieJar()
        self._opener = build_opener(ProxyHandler({}), HTTPCookieProcessor(self.jar))
        self.page, self.headers = "", Message()

    def get(self) -> str:
        """Open the page."""
        return self._open(None)

    def press(self, action: str, **fields: str) -> str:
        """Press a button and follow the redirect; the page."""
        return self._open(urlencode({"action": action, **fields}).encode())

    def shown(self, element: str) -> str:
        """The text of the element with this id."""
        found = re.search(rf'id="{element}"[^>]*>([^<]*)<', self.page)
        assert found, self.page
        return html.unescape(found[1])

    def values(self) -> dict[str, str]:
        """What is in the session, as the page shows it."""
        rows = re.findall(
            r'<tr><td class="any"><code>(.*?)</code><td class="any">(.*?)<td>', self.page, re.DOTALL
        )
        return {html.unescape(name): html.unescape(value) for name, value in rows}

    def refused(self, form: dict[str, str] | None = None) -> int:
        """Open the page or send a form, and be refused; the answer's code."""
        with pytest.raises(HTTPError) as refused:
            self._open(None if form is None else urlencode(form).encode())
        refused.value.close()
        return refused.value.code

    def row(self, label: str) -> list[str]:
        """The cells that follow the first one with this label, in a table."""
        found = re.search(
            rf"<tr[^>]*><t[hd][^>]*>(?:<code>)?{label}\b.*?(?=<tr|</table)", self.page, re.DOTALL
        )
        assert found, self.page
        cells = re.sub(r"<div.*?</div>", "", found[0], flags=re.DOTALL).split("<td")[-3:]
        return [re.sub(r"<[^>]*>", "", f"<td{cell}").strip() for cell in cells]

    @property
    def session_id(self) -> str:
        """The session's id in the cookie."""
        (cookie,) = self.jar
        assert cookie.value is not None
        return cookie.value

    def race(self, values: dict[str, str]) -> list[int]:
        """Set each value in a request of its own, all at the same moment; the answers' codes."""
        barrier = Barrier(len(values), timeout=HANGS)
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": f"beaker.session.id={self.session_id}",
        }

        def post(name: str) -> int:
            form = urlencode({"action": "set", "name": name, "value": values[name]})
            with closing(HTTPConnection(urlsplit(self.url).netloc)) as connection:
                connection.connect()
                barrier.wait()
                connection.request("POST", "/", form, headers)
                return connection.getresponse().status

        with ThreadPoolExecutor(len(values)) as threads:
            return list(threads.map(post, values))

    def _open(self, form: bytes | None) -> str:
        with self._opener.open(self.url, form) as response:
            assert self.url == response.url
            self.headers, self.page = response.headers, response.read().decode()
        return self.page

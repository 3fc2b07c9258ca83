"""An example that runs in its own process, as a reader would start it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, ProxyHandler, Request, build_opener

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ["bottle", "cherrypy", "flask", "pyramid", "turbogears"]
_URL = re.compile(r"(?:Serving on|Open) (http://127\.0\.0\.1:\d+)")

#: Python ignores Ctrl-C if its parent does, as in a background job of a shell.
_HEED_CTRL_C = (
    "import runpy, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "del sys.argv[0]; runpy.run_path(sys.argv[0], run_name='__main__')"
)


@contextmanager
def started(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run Python with these arguments until the block ends; read its output from ``stdout``."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "PORT": "0", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@contextmanager
def running(script: str, *arguments: str) -> Iterator[str]:
    """Run a script of the repository, and yield the URL that it prints.

    At the end, press Ctrl-C, and check that it ends by itself and without a traceback.
    """
    with started("-c", _HEED_CTRL_C, script, *arguments) as process:
        assert process.stdout is not None
        printed = []
        for line in process.stdout:
            printed.append(line)
            if found := _URL.search(line):
                break
        else:
            raise AssertionError("".join(printed))
        yield found[1]
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert 0 == process.wait(), rest
        assert "Traceback" not in rest


class Visitor:
    """A browser with its own cookies.

    :param agent: its ``User-Agent``.
    """

    def __init__(self, url: str, agent: str = "test") -> None:
        self.cookies = CookieJar()
        self._url = url
        self._agent = agent
        self._opener = build_opener(ProxyHandler({}), HTTPCookieProcessor(self.cookies))

    def get(self, path: str = "/") -> str:
        return self._open(path, None)

    def post(self, path: str, **fields: str) -> str:
        """Send a form, and return the text of the page that the response redirects to."""
        return self._open(path, urlencode(fields).encode())

    def _open(self, path: str, data: bytes | None) -> str:
        request = Request(self._url + path, data, {"User-Agent": self._agent})
        with self._opener.open(request) as response:
            text: str = response.read().decode()
        return text


def visits(page: str) -> int:
    """Return the number of visits that a page shows, or 0."""
    found = re.search(r'id="visits">(\d+)<', page)
    return int(found[1]) if found else 0

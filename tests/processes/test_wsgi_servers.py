"""gunicorn and uWSGI, with workers that are forked before and after the application is loaded."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.request import HTTPCookieProcessor, ProxyHandler, build_opener

import pytest

ROOT = Path(__file__).parent.parent.parent
APPLICATION = "tests.processes.site:application"
GUNICORN = [sys.executable, "-m", "gunicorn", APPLICATION, "-b", "127.0.0.1:0", "-w", "2"]
UWSGI = [
    *(str(Path(sys.executable).parent / "uwsgi"), "--http-socket", "127.0.0.1:0", "--master"),
    *("--processes", "2", "--enable-threads", "--die-on-term", "--no-orphans"),
    *("--home", sys.prefix, "--module", APPLICATION),
]
#: Each with whether its workers are forked from a process that has loaded the application.
SERVERS = {
    "gunicorn": (GUNICORN, False),
    "gunicorn --preload": ([*GUNICORN, "--preload"], True),
    "gunicorn --threads 8": ([*GUNICORN, "--threads", "8"], False),
    "gunicorn -k gevent": ([*GUNICORN, "-k", "gevent"], False),
    "uwsgi": (UWSGI, True),
    "uwsgi --lazy-apps": ([*UWSGI, "--lazy-apps"], False),
}
pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(
        shutil.which("uwsgi", path=str(Path(sys.executable).parent)) is None,
        reason="no gunicorn, gevent and uWSGI: pip install 'beaker-dynamodb[servers]'",
    ),
]


@contextmanager
def running(command: list[str], options: dict[str, Any]) -> Iterator[str]:
    """Run a server for the block, and yield its URL."""
    server = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "SITE_OPTIONS": json.dumps(options)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stderr is not None
        said = []
        for line in server.stderr:
            said.append(line)
            found = re.search(r"(?:Listening at: http://|bound to TCP address )(127[.0-9:]+)", line)
            if found:
                break
        else:
            pytest.fail("".join(said))
        with ThreadPoolExecutor(1) as reader:  # or the pipe would fill up
            reader.submit(server.stderr.read)
            try:
                yield f"http://{found[1]}/"
            finally:
                server.terminate()
        assert 0 == server.wait()
    finally:
        server.kill()
        server.communicate()


def visit(url: str, times: int) -> list[dict[str, Any]]:
    """Visit a page again and again with the cookies of one browser."""
    browser = build_opener(HTTPCookieProcessor(CookieJar()), ProxyHandler({}))
    said = []
    for _ in range(times):
        with browser.open(url) as answer:
            said.append(json.loads(answer.read()))
    return said


# DynamoDB Local keeps connections open, so that a worker could reuse its parent's. The embedded
# server closes each one after its response.
@pytest.mark.parametrize("engine", ["local"], scope="session")
@pytest.mark.parametrize("name", SERVERS)
def test_server(name: str, options: dict[str, Any]) -> None:
    """All visits of every visitor count, in each worker, which has its own client."""
    command, preloaded = SERVERS[name]
    with running(command, options) as url, ThreadPoolExecutor(8) as visitors:
        answers = list(visitors.map(lambda _: visit(url, 10), range(16)))
    for said in answers:
        assert list(range(1, 11)) == [answer["visits"] for answer in said]
        assert all(answer["cached"] for answer in said)
    every = [answer for said in answers for answer in said]
    assert {not preloaded} == {answer["imported here"] for answer in every}
    assert {not preloaded} == {answer["client of the parent"] for answer in every}

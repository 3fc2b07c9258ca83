"""Print how a site fares while its store fails: ``python -m tests.chaos.site``.

A web server with eight threads serves sixteen visitors whose pages use the session and four whose
pages do not. The store is healthy, then fails for a while, and is healthy again.

    python -m tests.chaos.site                       # waitress, every failure
    python -m tests.chaos.site --server gunicorn silence
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from beaker_dynamodb.exceptions import StoreUnavailable
from beaker_dynamodb.middleware import SessionMiddleware
from beaker_dynamodb.testing.local import EmbeddedDynamoDB
from tests.chaos.faults import refusal, reset_before, silence
from tests.chaos.proxy import Exchange, FaultProxy, Plan, pass_on
from tests.conftest import pytest_configure
from tests.servers.endpoint import Endpoint
from tests.servers.web import StartResponse, WSGIApplication, WSGIEnvironment

THREADS = 8
#: Visitors by path, and the seconds that each waits between two pages.
VISITORS = {"/session": 16, "/plain": 4}
THINK_SECONDS = 0.1
ENDPOINT = "BEAKER_DYNAMODB_SITE_ENDPOINT"


async def slow(exchange: Exchange) -> None:
    """Answer after 3 s, which is longer than the default `read_timeout`."""
    await asyncio.sleep(3)
    await pass_on(exchange)


#: By name: what the proxy does, and to which operations.
FAILURES: dict[str, Callable[[], Plan]] = {
    "silence": lambda: Plan(silence),
    "connections reset": lambda: Plan(reset_before),
    "every answer an error 500": lambda: Plan(refusal(500, "InternalServerError")),
    "every answer 3 s late": lambda: Plan(slow),
    "throttled writes": lambda: Plan(refusal(400, "ThrottlingException"), operations={"PutItem"}),
}


def application(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """Serve one page that uses the session and one that does not."""
    status, text = "200 OK", "page"
    if environ["PATH_INFO"] == "/session":
        session: Any = environ["beaker.session"]
        try:
            session["pages"] = session.get("pages", 0) + 1
            session.save()
            session.persist()
            text = str(session["pages"])
        except StoreUnavailable:
            status = "503 Service Unavailable"
    start_response(status, [("Content-Type", "text/plain")])
    return [text.encode()]


def site() -> WSGIApplication:
    """Return the site, whose store is at the address in the environment. For gunicorn too."""
    options = {**Endpoint("moto", os.environ[ENDPOINT]).options, "table_name": "site"}
    settings = {f"session.{name}": value for name, value in options.items()}
    return SessionMiddleware(application, settings)


@dataclass
class Pages:
    """What the visitors of one kind saw in one phase."""

    answered: list[float] = field(default_factory=list)  # seconds of each
    refused: list[float] = field(default_factory=list)

    def times(self) -> str:
        times = self.answered + self.refused
        if not times:
            return "none"
        return f"{statistics.median(times) * 1000:,.0f} ms, {max(times):.1f} s"


class Load:
    """The visitors. Each asks for a page, waits and asks again, until the context ends."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.pages = {path: Pages() for path in VISITORS}
        self.restarts = 0  # sessions that were lost
        self._threads = [
            threading.Thread(target=self._visit, args=(path,))
            for path, count in VISITORS.items()
            for _ in range(count)
        ]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def next_phase(self) -> dict[str, Pages]:
        """Return the counts since the last call, and start to count again."""
        with self._lock:
            pages, self.pages = self.pages, {path: Pages() for path in VISITORS}
        return pages

    def _visit(self, path: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port)
        cookie, latest = "", 0
        while not self._stop.wait(THINK_SECONDS):
            pages, began = self.pages[path], time.monotonic()
            connection.request("GET", path, headers={"Cookie": cookie} if cookie else {})
            response = connection.getresponse()
            text = response.read()
            if path == "/session" and response.status == 200:
                self.restarts += int(text) <= latest
                latest = int(text)
            cookie = (response.headers["Set-Cookie"] or cookie).partition(";")[0]
            seen = pages.answered if response.status == 200 else pages.refused
            with self._lock:
                seen.append(time.monotonic() - began)
        connection.close()


@contextmanager
def visited(server: str) -> Iterator[tuple[FaultProxy, Load]]:
    """Run the site and its visitors, and yield them and the proxy in front of the store."""
    with (
        EmbeddedDynamoDB() as store,
        FaultProxy(store.endpoint_url) as proxy,
        _serving(server, proxy.url) as port,
        Load(port) as load,
    ):
        yield proxy, load


@contextmanager
def _serving(server: str, endpoint: str) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = {
        "waitress": ["waitress", f"--listen=127.0.0.1:{port}", f"--threads={THREADS}", "--call"],
        "gunicorn": ["gunicorn", f"--bind=127.0.0.1:{port}", f"--threads={THREADS}"],
    }[server]
    place = "tests.chaos.site:site" + ("()" if server == "gunicorn" else "")
    process = subprocess.Popen(
        [sys.executable, "-m", *command, place],
        env={**os.environ, ENDPOINT: endpoint},
        stderr=subprocess.DEVNULL,
    )
    try:
        while process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("failures", nargs="*", choices=[[], *FAILURES], metavar="failure")
    parser.add_argument("--server", choices=["waitress", "gunicorn"], default="waitress")
    parser.add_argument("--seconds", type=float, default=20.0)
    given = parser.parse_args()
    pytest_configure()  # isolate from the developer's AWS account, as tests do
    for name in given.failures or FAILURES:
        report(name, given.server, given.seconds)


def report(name: str, server: str, seconds: float) -> None:
    print(f"\n{name}, {server} with {THREADS} threads, {seconds:g} s\n")
    print("| | without a session | | with a session | | | calls sent |")
    print("|---|---|---|---|---|---|---|")
    print("| | pages per s | median, longest | answered | refused | median, longest | |")
    with visited(server) as (proxy, load):
        for phase, plan, length in (
            ("warm-up", None, 3.0),
            ("before", None, seconds / 2),
            ("during", FAILURES[name], seconds),
            ("after", None, seconds / 2),
        ):
            sent = proxy.inject(plan() if plan else Plan(silence, 0))
            time.sleep(length)
            pages = load.next_phase()
            if phase != "warm-up":
                _print_row(phase, pages, length, sent.requests)
    print(f"\nsessions lost: {load.restarts}")


def _print_row(phase: str, pages: dict[str, Pages], seconds: float, sent: int) -> None:
    plain, session = pages["/plain"], pages["/session"]
    rate = len(plain.answered) / seconds
    print(
        f"| {phase} | {rate:.1f} | {plain.times()} | {len(session.answered)} | "
        f"{len(session.refused)} | {session.times()} | {sent} |",
        flush=True,
    )


if __name__ == "__main__":
    main()

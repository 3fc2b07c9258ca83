"""Browsers with cookies, and the applications they visit, in this process or over HTTP."""

from __future__ import annotations

import io
import sys
import threading
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

#: The cookies of one browser.
Cookies = dict[str, str]


class Target(Protocol):
    """An application under load."""

    def open(self, path: str, cookies: Cookies) -> str:
        """Send a request, store the cookies of the response, and return its body."""

    def processor_seconds(self) -> float:
        """Return the process's user and system time in seconds, over all threads."""

    def peak_memory_kb(self) -> int:
        """Return the peak resident memory of the application's process."""


class InProcess:
    """A WSGI application, called in this process without an HTTP server."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def open(self, path: str, cookies: Cookies) -> str:
        """See `Target`."""
        head: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], *_: object) -> Any:
            head[:] = status, headers

        environ: dict[str, Any] = {
            "REQUEST_METHOD": "GET",
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": "localhost",
            "HTTP_COOKIE": "; ".join(f"{name}={value}" for name, value in cookies.items()),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        answer = self._app(environ, start_response)
        body = b"".join(answer)
        if hasattr(answer, "close"):
            answer.close()
        status, headers = head
        _keep([value for name, value in headers if name.lower() == "set-cookie"], cookies)
        if not status.startswith("200"):
            raise RuntimeError(f"{path}: {status}")
        return body.decode()

    def processor_seconds(self) -> float:
        """See `Target`."""
        return time.process_time()

    def peak_memory_kb(self) -> int:
        """See `Target`."""
        return peak_memory_kb("self")


class OverHTTP:
    """A server in another process, over HTTP on loopback.

    :param address: host and port.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._per_thread = threading.local()

    def open(self, path: str, cookies: Cookies) -> str:
        """See `Target`; one keep-alive connection per thread."""
        if not hasattr(self._per_thread, "connection"):
            self._per_thread.connection = HTTPConnection(self.address)
        connection: HTTPConnection = self._per_thread.connection
        sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
        self.send(connection, path, sent)
        response = connection.getresponse()
        page = response.read().decode()
        _keep(response.headers.get_all("Set-Cookie", []), cookies)
        if response.status != 200:
            raise RuntimeError(f"{path}: {response.status} {page[:200]}")
        return page

    def send(self, connection: HTTPConnection, path: str, headers: dict[str, str]) -> None:
        """Send one request."""
        connection.request("GET", path, headers=headers)

    def processor_seconds(self) -> float:
        """Return the time of this process, not of the server."""
        return time.process_time()

    def peak_memory_kb(self) -> int:
        """Return the memory of this process, not of the server."""
        return peak_memory_kb("self")


def peak_memory_kb(process: int | str) -> int:
    """Return the peak resident memory of a process, or 0 without a Linux /proc."""
    # getrusage's value includes the memory of the parent process.
    status = Path(f"/proc/{process}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def _keep(set_cookies: list[str], cookies: Cookies) -> None:
    for line in set_cookies:
        name, _, value = line.partition(";")[0].partition("=")
        cookies[name] = value

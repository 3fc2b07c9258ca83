"""A server that keeps the requests it gets, headers and all, and answers as a test has planned."""

from __future__ import annotations

import json
import socketserver
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any


@dataclass(frozen=True)
class Request:
    """A request as it came; the names of headers are in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class LeanServer(socketserver.ThreadingTCPServer):
    """Listens on loopback until closed.

    :param answer: what is answered where nothing else is planned.
    :param context: for TLS.
    """

    daemon_threads = True
    request_queue_size = 100

    def __init__(self, answer: dict[str, Any], context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = answer
        #: What happens to the next requests: status, body (None: no answer), crc.
        self.faults: list[dict[str, Any]] = []
        #: The same for any request, where nothing is in `faults`.
        self.plan: Callable[[Request], dict[str, Any]] = lambda request: {}
        #: The header ``Date``, in epoch seconds; None for the present time.
        self.date: float | None = None
        self.connections = 0
        self.requests: list[Request] = []
        scheme, host = ("http", "127.0.0.1") if context is None else ("https", "localhost")
        self.url = f"{scheme}://{host}:{self.server_address[1]}"
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self._thread = threading.Thread(target=self.serve_forever, args=[0.01])

    def __enter__(self) -> LeanServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that does not trust the certificate leaves."""


class Handler(BaseHTTPRequestHandler):
    """Answers one connection's requests."""

    protocol_version = "HTTP/1.1"
    server: LeanServer

    def setup(self) -> None:
        """Count a connection."""
        super().setup()
        self.server.connections += 1

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return the header ``Date``."""
        return super().date_time_string(self.server.date)

    def do_POST(self) -> None:
        """Answer one call."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.path, headers, body)
        self.server.requests.append(request)
        plan = self.server.faults.pop(0) if self.server.faults else self.server.plan(request)
        answer = plan.get("body", json.dumps(self.server.answer).encode())
        if answer is None:
            self.close_connection = True
            return
        self.send_response(plan.get("status", 200))
        self.send_header("Content-Length", str(len(answer)))
        if "crc" in plan:
            self.send_header("x-amz-crc32", plan["crc"])
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""

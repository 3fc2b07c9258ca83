"""Connections: enough of them, used again, and replaced when the far end has closed them."""

from __future__ import annotations

import json
import logging
import socketserver
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager
from tests.unit.test_client import OFFLINE

if TYPE_CHECKING:
    from socket import socket


class Server(socketserver.ThreadingTCPServer):
    """Knows no item; counts connections and requests."""

    daemon_threads = True
    request_queue_size = 100

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.connections: list[socket] = []
        self.requests = 0
        #: Requests are answered once so many are there.
        self.together = threading.Barrier(1)

    def options(self) -> dict[str, Any]:
        """Give the options that lead here."""
        return {**OFFLINE, "endpoint_url": f"http://127.0.0.1:{self.server_address[1]}"}


class Handler(BaseHTTPRequestHandler):
    """Answers everything with an empty object."""

    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        """Begin a connection."""
        super().setup()
        self.server.connections.append(self.request)

    def do_POST(self) -> None:
        """Answer one call."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests += 1
        self.server.together.wait()
        body = json.dumps({}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    """A server for the test."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        yield server
        server.shutdown()
        thread.join()
        for connection in server.connections:
            connection.close()


def read(server: Server, number: int = 0) -> bool:
    """Read a cache entry; whether it is there."""
    return b"k" in DynamoDBNamespaceManager(f"n{number}", **server.options())


def test_one_connection_serves_many_requests(server: Server) -> None:
    """A connection is kept and used again."""
    assert [False] * 10 == [read(server) for _ in range(10)]
    assert (10, 1) == (server.requests, len(server.connections))


def test_fifty_threads_have_fifty_connections(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """Fifty requests at once keep their connections: urllib3 finds no pool full."""
    server.together = threading.Barrier(50)
    with caplog.at_level(logging.WARNING), ThreadPoolExecutor(50) as threads:
        for _ in range(2):
            assert [False] * 50 == list(threads.map(lambda n: read(server, n), range(50)))
    assert [] == caplog.messages
    assert (100, 50) == (server.requests, len(server.connections))


def test_a_connection_that_was_closed_meanwhile_fails_no_request(server: Server) -> None:
    """The far end closes what is idle; the next request notices, and takes a new one."""
    assert not read(server)
    (connection,) = server.connections
    connection.shutdown(2)
    assert not read(server)
    assert (2, 2) == (server.requests, len(server.connections))

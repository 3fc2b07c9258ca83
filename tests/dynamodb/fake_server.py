"""A server that records requests and returns chosen responses, and caches that use it fast."""

from __future__ import annotations

import json
import socketserver
import ssl
import threading
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from socket import SHUT_RDWR, socket
from typing import Any

import boto3
import trustme

from beaker_dynamodb import DynamoDBNamespaceManager

#: Options of a client that cannot connect.
OFFLINE = {
    "region_name": "eu-west-1",
    "endpoint_url": "http://127.0.0.1:1",
    "aws_access_key_id": "testkey",
    "aws_secret_access_key": "testsecret",
}
KEY = {"id": {"S": "x"}}
#: The cache value "value", as JSON.
ITEM = {
    "id": {"S": "cache:n|k"},
    "type": {"S": "beaker-cache"},
    "codec": {"S": "pickle"},
    "created": {"N": "1.5"},
    "data": {"B": b64encode(b"\x80\x05\x8c\x05value\x94.").decode()},
}


def plain_client(url: str, **extra: Any) -> Any:
    """Return a boto3 client that this package has not configured."""
    options: Any = {**OFFLINE, "endpoint_url": url, **extra}
    return boto3.session.Session().client("dynamodb", **options)


def tls(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    """Return a server's context with a certificate for these names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


def refusal(code: str, message: str = "no", status: int = 400, **members: Any) -> dict[str, Any]:
    """Return a plan for an error response from DynamoDB."""
    error = {"__type": f"com.amazonaws.dynamodb#{code}", "message": message, **members}
    return {"status": status, "body": json.dumps(error).encode()}


@dataclass(frozen=True)
class Request:
    """A request; the names of its headers are in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def operation(self) -> str:
        return self.headers["x-amz-target"].partition(".")[2]

    @property
    def access_key(self) -> str:
        return self.headers["authorization"].partition("Credential=")[2].partition("/")[0]


class FakeServer(socketserver.ThreadingTCPServer):
    """Listens on the loopback interface.

    :param tls: serves https with a certificate for ``localhost``.
    :param address: the address and the port; by default a free one.
    """

    daemon_threads = True
    request_queue_size = 100

    def __init__(
        self, tls: ssl.SSLContext | None = None, address: tuple[str, int] = ("127.0.0.1", 0)
    ) -> None:
        super().__init__(address, _Handler)
        self.port: int = self.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
            self.url = f"https://localhost:{self.port}"
        self.connections: list[socket] = []
        self.reset()
        self._thread = threading.Thread(target=self.serve_forever, args=[0.01])

    def reset(self) -> None:
        """Close all connections, and respond to each request with `ITEM`."""
        self.close_idle()
        self.connections.clear()
        self.requests: list[Request] = []
        #: The body of responses without a plan.
        self.response: dict[str, Any] = {"Item": ITEM}
        #: Plans for the next requests: status, body (None closes the connection),
        #: crc, chunked.
        self.faults: list[dict[str, Any]] = []
        #: Returns the plan for a request without one in ``faults``.
        self.plan: Callable[[Request], dict[str, Any]] = lambda request: {}
        #: The ``Date`` header in epoch seconds; None means now.
        self.date: float | None = None
        #: Serves clients that use this server as a proxy, which are in ``tunnels``.
        self.tunnel_tls: ssl.SSLContext | None = None
        self.tunnels: list[str] = []

    def close_idle(self) -> None:
        for connection in self.connections:
            with suppress(OSError):  # it is closed
                connection.shutdown(SHUT_RDWR)

    def __enter__(self) -> FakeServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeServer

    def setup(self) -> None:
        super().setup()
        self.server.connections.append(self.request)

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string(self.server.date)

    def do_CONNECT(self) -> None:
        assert self.server.tunnel_tls is not None
        self.server.tunnels.append(self.path)
        self.send_response(200)
        self.end_headers()
        self.request = self.server.tunnel_tls.wrap_socket(self.request, server_side=True)
        self.setup()
        self.close_connection = False  # http.client connects with HTTP/1.0

    def finish(self) -> None:
        super().finish()
        self.request.close()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.path, headers, body)
        self.server.requests.append(request)
        plan = self.server.faults.pop(0) if self.server.faults else self.server.plan(request)
        response = plan.get("body", json.dumps(self.server.response).encode())
        if response is None:
            self.close_connection = True
            return
        self.send_response(plan.get("status", 200))
        if plan.get("chunked"):
            self.send_header("Transfer-Encoding", "chunked")
            response = b"%x\r\n%b\r\n0\r\n\r\n" % (len(response), response)
        else:
            self.send_header("Content-Length", str(len(response)))
        if "crc" in plan:
            self.send_header("x-amz-crc32", plan["crc"])
        self.end_headers()
        self.wfile.write(response)

    def log_message(self, format: str, *arguments: object) -> None:
        """Log nothing."""


def manager(server: FakeServer, **options: Any) -> DynamoDBNamespaceManager:
    given = {**OFFLINE, "endpoint_url": server.url, "max_attempts": 2, **options}
    return DynamoDBNamespaceManager("n", **given)


def warm(server: FakeServer, **options: Any) -> DynamoDBNamespaceManager:
    """Return a manager with an idle connection."""
    found = manager(server, **options)
    assert "value" == found[b"k"]
    server.requests.clear()
    return found


def fast(server: FakeServer) -> list[bool]:
    """Return for each request whether botocore did not send it."""
    return ["amz-sdk-request" not in request.headers for request in server.requests]

"""Requests to the embedded DynamoDB without a network, which takes most of their time."""

from __future__ import annotations

import sys
from email.utils import formatdate
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.httpsession import URLLib3Session

from beaker_dynamodb.dynamodb import observers
from beaker_dynamodb.dynamodb.kept_connections import KeptConnections
from beaker_dynamodb.testing._moto import Application
from tests.untraced import untraced


class _Body(BytesIO):
    """A response's body, as botocore reads it."""

    def stream(self, **_: Any) -> Any:
        yield self.read()


class _Connection:
    """A connection of fast calls, and its socket."""

    def __init__(self, url: str, application: Application) -> None:
        self.sock = self
        self._url = url
        self._application = application
        self._response = b""

    def sendall(self, request: bytes) -> None:
        head, _, body = request.partition(b"\r\n\r\n")
        headers = dict(line.split(":", 1) for line in head.decode().split("\r\n")[1:])
        sent = AWSPreparedRequest("POST", self._url, HTTPHeaders.from_dict(headers), body, False)
        status, answer_headers, answer = _answer(self._application, sent)
        lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in answer_headers)]
        self._response = "\r\n".join([*lines, "\r\n"]).encode() + answer

    def recv(self, count: int) -> bytes:
        received, self._response = self._response[:count], self._response[count:]
        return received

    def close(self) -> None:
        """Do nothing."""


def answer_directly(url: str) -> None:
    """Make moto answer the requests to this address in the calling thread.

    Other clients, such as other processes, use the server at the address, and the same tables.
    """
    real_send: Any = URLLib3Session.send
    real_take: Any = KeptConnections.take
    application = Application()

    def send(session: URLLib3Session, request: Any) -> AWSResponse:
        if not request.url.startswith(url):
            response: AWSResponse = real_send(session, request)
            return response
        status, headers, body = _answer(application, request)
        return AWSResponse(
            request.url, int(status[:3]), HTTPHeaders.from_pairs(headers), _Body(body)
        )

    def take(connections: KeptConnections) -> Any:
        pool: Any = connections._pool
        host, port = getattr(pool, "host", None), getattr(pool, "port", None)
        if url != f"http://{host}:{port}":
            return real_take(connections)
        return _Connection(url, application)

    setattr(URLLib3Session, "send", untraced(send))  # noqa: B010
    setattr(KeptConnections, "take", take)  # noqa: B010
    # Otherwise calls are not fast, because this replaces a function of botocore.
    observers.ORIGINAL.append(untraced.__module__)


def _answer(
    application: Application, request: AWSPreparedRequest
) -> tuple[str, list[tuple[str, str]], bytes]:
    started: list[Any] = []
    body = b"".join(application(_environ(request), lambda *args: started.extend(args)))  # type: ignore[arg-type]
    status, headers = started[:2]
    return status, [*headers, ("Date", formatdate(usegmt=True))], body


def _environ(request: Any) -> dict[str, Any]:
    address = urlsplit(request.url)
    body = request.body or b""
    data = body.encode() if isinstance(body, str) else bytes(body)
    headers = {
        f"HTTP_{name.upper().replace('-', '_')}": value.decode()
        if isinstance(value, bytes)
        else value
        for name, value in request.headers.items()
    }
    return {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "SERVER_NAME": address.hostname,
        "SERVER_PORT": str(address.port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": address.netloc,
        **headers,
        "CONTENT_TYPE": headers.get("HTTP_CONTENT_TYPE", ""),
        "CONTENT_LENGTH": str(len(data)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(data),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }

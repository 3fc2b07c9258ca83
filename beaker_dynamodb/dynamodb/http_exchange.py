"""One HTTP/1.1 request and its response over an open connection.

Only the plain case: a response with ``Content-Length``. For everything else there is botocore.
"""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING, NamedTuple

from urllib3.util.wait import wait_for_read

if TYPE_CHECKING:
    from socket import socket

#: Bytes to receive at once.
RECEIVE_BYTES = 8_192
MAX_HEAD_BYTES = 65_536
#: HTTP's version, the status, and the lines of the headers. A name is visible ASCII.
_HEAD = re.compile(
    r"HTTP/([0-9]\.[0-9]) ([1-5][0-9]{2})(?: [^\r\n]*)?((?:\r\n[!-9;-~]+:[^\r\n]*)*)"
)
_HEADER = re.compile(r"\r\n([^:]+):[ \t]*([^\r\n]*?)[ \t]*(?=\r|\Z)")


class MalformedResponse(OSError):
    """The response is cut, or not what HTTP allows."""


class UnsupportedResponse(Exception):
    """The response may be correct, but is not the plain case."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Response(NamedTuple):
    """A complete response."""

    status: int
    #: Names in lower case.
    headers: dict[str, str]
    body: bytes
    #: Whether the server keeps the connection open.
    reusable: bool


def is_usable(connection: socket) -> bool:
    """Return whether an idle connection is open, and has received no data."""
    if not wait_for_read(connection, 0):
        return True
    if not isinstance(connection, ssl.SSLSocket):
        return False
    # With TLS 1.3 it may be a session ticket, which is not data (RFC 8446, section 4.6.1).
    timeout = connection.gettimeout()
    connection.settimeout(0)
    try:
        connection.recv(1)
    except ssl.SSLWantReadError:
        return True
    except OSError:
        return False
    finally:
        connection.settimeout(timeout)
    return False


def exchange(connection: socket, request: bytes) -> Response:
    """Send a request and return the response.

    If anything is raised, the connection must be closed.

    :raises OSError: there is no complete response: a timeout, a closed connection, or
        `MalformedResponse`.
    :raises UnsupportedResponse: botocore must make the call.
    """
    connection.sendall(request)
    received = _receive(connection)
    while (end := received.find(b"\r\n\r\n")) < 0:
        if len(received) > MAX_HEAD_BYTES:
            raise MalformedResponse("the head of the response is too long")
        received += _receive(connection)
    status, headers = _parse_head(received[:end])
    length = _body_length(status, headers)
    body = received[end + 4 :]
    if len(body) < length:
        parts, missing = [body], length - len(body)
        while missing > 0:
            parts.append(_receive(connection))
            missing -= len(parts[-1])
        body = b"".join(parts)
    if len(body) > length:
        # The next response, or a wrong length: the response may belong to another request.
        raise MalformedResponse("the response is longer than its Content-Length")
    return Response(status, headers, body, "close" not in headers.get("connection", "").lower())


def _receive(connection: socket) -> bytes:
    received = connection.recv(RECEIVE_BYTES)
    if not received:
        raise MalformedResponse("the connection was closed before the end of the response")
    return received


def _parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    matched = _HEAD.fullmatch(head.decode("latin-1"))
    if matched is None:
        raise MalformedResponse("the head of the response is malformed")
    version, code, lines = matched.groups()
    pairs = _HEADER.findall(lines)
    headers = {name.lower(): value for name, value in pairs}
    if len(headers) != len(pairs):
        # Repeated headers are one list (RFC 9110, section 5.3).
        headers = {
            name: ", ".join([value for other, value in pairs if other.lower() == name])
            for name in headers
        }
    if version != "1.1":
        raise UnsupportedResponse(int(code))
    return int(code), headers


def _body_length(status: int, headers: dict[str, str]) -> int:
    """Return the length of the body in bytes.

    Responses with some statuses have no body, whatever their headers say (RFC 9112, section 6.3).
    """
    length = headers.get("content-length", "")
    plain = length.isascii() and length.isdigit() and not status < 200 and status not in (204, 304)
    if not plain or "transfer-encoding" in headers or "content-encoding" in headers:
        raise UnsupportedResponse(status)
    return int(length)

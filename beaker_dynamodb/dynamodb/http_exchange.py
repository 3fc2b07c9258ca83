"""One HTTP/1.1 request and its response over an open connection.

Plain responses, which have a ``Content-Length`` and no encoding, are parsed here. All others are
parsed by the standard library, which is slower.
"""

from __future__ import annotations

import io
import re
import ssl
from contextlib import suppress
from http.client import HTTPException, HTTPResponse
from socket import socket
from typing import Any, NamedTuple

from urllib3.util.wait import wait_for_read

#: Maximum number of bytes to receive at once.
RECEIVE_BYTES = 8_192
MAX_HEAD_BYTES = 65_536
#: The status line and the header lines. Header names are visible ASCII.
_HEAD = re.compile(r"HTTP/1\.1 ([1-5][0-9]{2})(?: [^\r\n]*)?((?:\r\n[!-9;-~]+:[^\r\n]*)*)")
_LENGTH = re.compile(r"[0-9]{1,9}")
#: Headers that a plain response does not have.
_ENCODINGS = frozenset({"transfer-encoding", "content-encoding"})


class MalformedResponse(OSError):
    """The response is truncated, longer than its Content-Length, or not HTTP."""


class Response(NamedTuple):
    """A complete response."""

    status: int
    #: Names in lower case.
    headers: dict[str, str]
    body: bytes
    #: Whether the server keeps the connection open.
    reusable: bool
    #: Whether this module parsed it.
    plain: bool = True


def is_usable(connection: socket) -> bool:
    """Return whether an idle connection is open, and has received no data."""
    if not wait_for_read(connection, 0):
        return True
    if not isinstance(connection, ssl.SSLSocket):
        return False
    # It may have received a TLS 1.3 session ticket, which is not data (RFC 8446, section 4.6.1).
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

    After any exception, the caller must close the connection.

    :raises OSError: no complete response was received: a timeout, a closed connection, or
        `MalformedResponse`.
    """
    with suppress(BrokenPipeError):  # the server may have answered before it closed the connection
        connection.sendall(request)
    received = _receive(connection)
    while (end := received.find(b"\r\n\r\n")) < 0:
        if b"\n\n" in received or len(received) > MAX_HEAD_BYTES:
            return _read_other(connection, received)
        received += _receive(connection)
    head = _parse_head(received[:end])
    if head is None:
        return _read_other(connection, received)
    status, headers = head
    length = int(headers["content-length"])
    body = received[end + 4 :]
    if len(body) < length:
        parts, missing = [body], length - len(body)
        while missing > 0:
            parts.append(_receive(connection))
            missing -= len(parts[-1])
        body = b"".join(parts)
    if len(body) > length:
        # Either another response follows, or the length is wrong. In both cases this response may
        # belong to another request.
        raise MalformedResponse("the response is longer than its Content-Length")
    return Response(status, headers, body, "close" not in headers.get("connection", "").lower())


def _receive(connection: socket) -> bytes:
    received = connection.recv(RECEIVE_BYTES)
    if not received:
        raise MalformedResponse("the connection was closed before the end of the response")
    return received


def _parse_head(head: bytes) -> tuple[int, dict[str, str]] | None:
    """Return status and headers of a plain response, or None if it is not plain."""
    match = _HEAD.fullmatch(head.decode("latin-1"))
    if match is None:
        return None
    lines = [line.partition(":") for line in match[2].split("\r\n")[1:]]
    pairs = [(name.lower(), value.strip(" \t")) for name, _, value in lines]
    headers = dict(pairs)
    status, length = int(match[1]), headers.get("content-length", "")
    # Some responses have no body, whatever their headers say (RFC 9112, section 6.3).
    has_body = status >= 200 and status not in (204, 304)
    if not has_body or not _LENGTH.fullmatch(length) or not headers.keys().isdisjoint(_ENCODINGS):
        return None
    if len(headers) != len(pairs):
        # Repeated headers form one list (RFC 9110, section 5.3).
        for name in headers:
            headers[name] = ", ".join([value for other, value in pairs if other == name])
        if not _LENGTH.fullmatch(headers["content-length"]):
            return None
    return status, headers


class _Received(io.RawIOBase):
    """A stream of the bytes received so far, followed by the rest from the connection."""

    def __init__(self, connection: socket, received: bytes) -> None:
        self._connection = connection
        self._received = received

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._received[: len(buffer)]
        self._received = self._received[len(data) :]
        data = data or self._connection.recv(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _read_other(connection: socket, received: bytes) -> Response:
    """Read a response that is not plain, for instance chunked, or after ``100 Continue``."""
    source: Any = _Received(connection, received)
    response = HTTPResponse(source, method="POST")
    try:
        response.begin()
        body = response.read()
    except (HTTPException, ValueError) as error:
        raise MalformedResponse(f"the response is malformed: {type(error).__name__}") from None
    finally:
        response.close()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Response(response.status, headers, body, reusable=False, plain=False)

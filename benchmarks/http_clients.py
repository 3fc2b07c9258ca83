"""HTTP clients that send one request at a time over a connection that stays open."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from http.client import HTTPConnection, HTTPSConnection
from typing import Protocol
from urllib.parse import urlsplit

from benchmarks.store import Store

RECEIVE_BYTES = 65536


class Exchange(Protocol):
    """A connection."""

    def __call__(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """Send a request, and return status and body of the response."""

    def close(self) -> None:
        """Close the connection."""


class HTTPClient:
    """The standard library's client, as in candidates/signed.py."""

    def __init__(self, store: Store) -> None:
        host = urlsplit(store.url).netloc
        tls = tls_context(store)
        self._connection = (
            HTTPConnection(host) if tls is None else HTTPSConnection(host, context=tls)
        )

    def __call__(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """See `Exchange`."""
        self._connection.request("POST", "/", body, headers)
        response = self._connection.getresponse()
        return response.status, response.read()

    def close(self) -> None:
        """See `Exchange`."""
        self._connection.close()


class OnSocket:
    """A connection without a client library."""

    def __init__(self, store: Store) -> None:
        self._socket = connect(store)

    def close(self) -> None:
        """See `Exchange`."""
        self._socket.close()

    def receive(self) -> bytes:
        """Return the bytes that arrive next."""
        received = self._socket.recv(RECEIVE_BYTES)
        if not received:
            raise ConnectionResetError("the server closed the connection")
        return received

    def send(self, headers: dict[str, str], body: bytes) -> None:
        """Send a request in one piece."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"POST / HTTP/1.1\r\n{lines}content-length: {len(body)}\r\n\r\n"
        self._socket.sendall(head.encode() + body)


class OwnParser(OnSocket):
    """A socket and a minimal parser: status, length, body."""

    def __call__(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """See `Exchange`."""
        self.send(headers, body)
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self.receive()
        status_line, *lines = received[:end].split(b"\r\n")
        version, status, _ = status_line.split(b" ", 2)
        lengths = [
            int(value)
            for name, _, value in (line.partition(b":") for line in lines)
            if name.lower() == b"content-length"
        ]
        # Without a length, the body would be chunked or end with the connection.
        if version != b"HTTP/1.1" or len(lengths) != 1:
            raise ValueError("not a response with a Content-Length")
        content = received[end + 4 :]
        while len(content) < lengths[0]:
            content += self.receive()
        if len(content) > lengths[0]:
            raise ValueError("more than one response")
        return int(status), content


class Httptools(OnSocket):
    """A socket, and the parser of the package httptools."""

    def __init__(self, store: Store) -> None:
        import httptools

        super().__init__(store)
        self._parser = httptools.HttpResponseParser(self)
        self._content = b""
        self._complete = False

    def __call__(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """See `Exchange`."""
        self._content, self._complete = b"", False
        self.send(headers, body)
        while not self._complete:
            self._parser.feed_data(self.receive())
        return self._parser.get_status_code(), self._content

    def on_body(self, body: bytes) -> None:
        """Append a part of the body; called by the parser."""
        self._content += body

    def on_message_complete(self) -> None:
        """Note the end of the response; called by the parser."""
        self._complete = True


class Curl:
    """A reused handle of the package pycurl."""

    def __init__(self, store: Store) -> None:
        import pycurl

        self._curl, self._options = pycurl.Curl(), pycurl
        self._curl.setopt(pycurl.URL, store.url)
        self._curl.setopt(pycurl.POST, 1)
        self._curl.setopt(pycurl.PROXY, "")
        if store.ca_bundle:
            self._curl.setopt(pycurl.CAINFO, store.ca_bundle)

    def __call__(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """See `Exchange`."""
        curl, options = self._curl, self._options
        curl.setopt(options.HTTPHEADER, [f"{name}: {value}" for name, value in headers.items()])
        curl.setopt(options.POSTFIELDS, body)
        content: bytes = curl.perform_rb()
        return curl.getinfo(options.RESPONSE_CODE), content

    def close(self) -> None:
        """See `Exchange`."""
        self._curl.close()


#: The clients by name. The last two need optional packages.
CLIENTS: dict[str, Callable[[Store], Exchange]] = {
    "http.client": HTTPClient,
    "socket, own parser": OwnParser,
    "socket, httptools": Httptools,
    "pycurl": Curl,
}


def tls_context(store: Store) -> ssl.SSLContext | None:
    """Return the context for the store's certificate, or None for plain HTTP."""
    return ssl.create_default_context(cafile=store.ca_bundle) if store.ca_bundle else None


def connect(store: Store) -> socket.socket:
    """Return a connection that stays open."""
    parts, tls = urlsplit(store.url), tls_context(store)
    assert parts.hostname is not None
    connection = socket.create_connection((parts.hostname, parts.port or 80))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if tls is None:
        return connection
    return tls.wrap_socket(connection, server_hostname=parts.hostname)

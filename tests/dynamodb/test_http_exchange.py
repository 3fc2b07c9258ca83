"""One request and its response over an open connection, byte by byte."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from beaker_dynamodb.dynamodb.http_exchange import (
    MAX_HEAD_BYTES,
    RECEIVE_BYTES,
    MalformedResponse,
    Response,
    exchange,
    is_usable,
)
from tests.dynamodb.fake_server import tls as tls_context

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nX-Amz-Crc32:  77 \r\n"
COMPLETE = HEAD + b'Content-Length: 12\r\n\r\n{"Item": {}}'


def plain(status: str = "200 OK", *headers: str, body: str = "{}") -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", body]
    return "\r\n".join(lines).encode()


class Scripted(socket.socket):
    """Receives the given pieces one after another, then the end of the connection."""

    def __init__(self, *pieces: bytes) -> None:
        super().__init__()
        self.pieces = list(pieces)
        self.sent = b""

    def sendall(self, data: bytes, flags: int = 0) -> None:  # type: ignore[override]
        self.sent += data

    def recv(self, size: int, flags: int = 0) -> bytes:
        if not self.pieces:
            return b""
        piece = self.pieces.pop(0)
        assert len(piece) <= size
        return piece


def receive(*pieces: bytes) -> Response:
    with Scripted(*pieces) as connection:
        response = exchange(connection, b"request")
        assert b"request" == connection.sent
        return response


@given(cuts=st.lists(st.integers(1, len(COMPLETE) - 1), unique=True, max_size=5))
def test_a_response_may_arrive_in_any_pieces(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(COMPLETE)]
    pieces = [COMPLETE[a:b] for a, b in pairwise(places)]
    assert receive(*pieces) == Response(
        200,
        {"content-type": "application/x-amz-json-1.0", "x-amz-crc32": "77", "content-length": "12"},
        b'{"Item": {}}',
        reusable=True,
    )


@given(end=st.integers(0, len(COMPLETE) - 1))
def test_a_cut_response_is_never_a_response(end: int) -> None:
    with pytest.raises(MalformedResponse):
        receive(COMPLETE[:end]) if end else receive()


@given(place=st.integers(0, len(COMPLETE) - 1), byte=st.integers(0, 255))
def test_with_a_changed_byte_it_is_the_same_body_or_no_response(place: int, byte: int) -> None:
    """Except in the body itself, which has a checksum."""
    changed = COMPLETE[:place] + bytes([byte]) + COMPLETE[place + 1 :]
    try:
        response = receive(changed)
    except MalformedResponse:
        return
    if not response.plain:
        return  # what the standard library accepts, botocore does, too
    body = changed.partition(b"\r\n\r\n")[2]
    assert body == response.body
    assert 12 == len(body)


@pytest.mark.parametrize(
    ("response", "status", "reusable"),
    [
        (plain(), 200, True),
        (plain("200"), 200, True),
        (plain("400 Bad Request"), 400, True),
        (plain("200 OK", "Connection: keep-alive"), 200, True),
        (plain("200 OK", "Connection: Close"), 200, False),
        (plain("200 OK", "Connection: keep-alive", "connection: close"), 200, False),
        (plain("200 OK", "Server: one", "server: two"), 200, True),
        (plain("503 \u00fcber"), 503, True),
    ],
)
def test_plain_responses(response: bytes, status: int, reusable: bool) -> None:
    received = receive(response)
    assert (status, b"{}", reusable) == (received.status, received.body, received.reusable)


@pytest.mark.parametrize(
    "response",
    [
        plain() + b"x",
        plain() + plain(),
        b"\r\n" + plain(),
        b"SSH-2.0-OpenSSH\r\n\r\n",
        plain("2000 OK"),
        plain("20 OK"),
        plain("200OK"),
        b"HTTP/1.1 200 OK\r\nLong: " + b"x" * (2 * MAX_HEAD_BYTES),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
    ],
)
def test_malformed_responses_are_refused(response: bytes) -> None:
    size = RECEIVE_BYTES
    with pytest.raises(MalformedResponse):
        receive(*[response[at : at + size] for at in range(0, len(response), size)])


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        plain("200 OK", "Content-Encoding: identity"),
        plain("200 OK", " Folded: header"),
        b"HTTP/1.1 200 OK\r\nServer: any\r\n\r\n{}",
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 100 Continue\r\n\r\n" + plain(),
    ],
    ids=["chunked", "encoding", "folded", "no length", "line feeds", "HTTP/1.0", "100"],
)
def test_other_responses_are_read_and_the_connection_is_not_used_again(response: bytes) -> None:
    received = receive(response)
    assert (200, b"{}") == (received.status, received.body)
    assert not received.reusable
    assert not received.plain


def test_a_server_may_answer_before_it_has_read_the_request() -> None:
    class Closed(Scripted):
        def sendall(self, data: bytes, flags: int = 0) -> None:  # type: ignore[override]
            raise BrokenPipeError

    with Closed(plain("400 Bad Request", "Connection: close")) as connection:
        assert 400 == exchange(connection, b"request").status


Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    one, other = socket.socketpair()
    with one, other:
        yield one, other


@pytest.mark.parametrize(
    "use",
    [lambda server: server.shutdown(socket.SHUT_WR), lambda server: server.sendall(plain())],
    ids=["half-closes it", "sends data"],
)
def test_a_connection_is_usable_until_the_server(pair: Pair, use: Callable[..., None]) -> None:
    assert is_usable(pair[0])
    use(pair[1])
    assert not is_usable(pair[0])


class TLS:
    """Both ends of a TLS 1.3 connection, over which the server has sent session tickets."""

    def __init__(self, pair: Pair) -> None:
        authority = trustme.CA()
        server = tls_context(authority, "localhost")
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        authority.configure_trust(client)
        server.num_tickets = 2
        handshake = threading.Thread(target=self._accept, args=(server, pair[1]))
        handshake.start()
        self.client = client.wrap_socket(pair[0], server_hostname="localhost")
        handshake.join()
        assert "TLSv1.3" == self.client.version()

    def _accept(self, context: ssl.SSLContext, connection: socket.socket) -> None:
        self.server = context.wrap_socket(connection, server_side=True)


@pytest.fixture
def tls(pair: Pair) -> Iterator[TLS]:
    tls = TLS(pair)
    with tls.client, tls.server:
        yield tls


def test_a_session_ticket_leaves_a_connection_usable(tls: TLS) -> None:
    tls.client.settimeout(7)
    assert is_usable(tls.client)
    assert 7 == tls.client.gettimeout()
    tls.server.sendall(COMPLETE)
    assert exchange(tls.client, b"request").status == 200
    assert b"request" == tls.server.recv(99)
    assert is_usable(tls.client)


def test_data_on_an_idle_tls_connection_makes_it_unusable(tls: TLS) -> None:
    tls.server.sendall(b"any")
    assert not is_usable(tls.client)


@pytest.mark.parametrize("notified", [True, False], ids=["close_notify", "without"])
def test_a_closed_tls_connection_is_not_usable(tls: TLS, notified: bool) -> None:
    if notified:
        tls.server.settimeout(0)
        with pytest.raises(ssl.SSLWantReadError):
            tls.server.unwrap()
    else:
        tls.server.close()
    assert not is_usable(tls.client)


def test_a_damaged_record_makes_a_tls_connection_unusable(tls: TLS) -> None:
    with socket.socket(fileno=tls.server.detach()) as raw:
        raw.sendall(b"\x17\x03\x03\x00\x20" + b"x" * 32)
        assert not is_usable(tls.client)

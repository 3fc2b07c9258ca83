"""HTTP clients that the benchmark compares, over plain HTTP and TLS."""

from __future__ import annotations

import json
import ssl
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from benchmarks import transports
from benchmarks.http_clients import CLIENTS, OwnParser, connect
from benchmarks.servers import stores
from benchmarks.store import Store
from tests.docs.pages import table

#: Clients that need no package besides those of the tests.
ALWAYS = ["boto3, default client", "http.client", "socket, own parser"]


@pytest.mark.full
def test_every_client_reads_the_same_item() -> None:
    expected = {**transports.KEY, "data": {"B": bytes(transports.DATA_BYTES)}}
    with stores.canned((0,)) as (plain,), stores.canned_tls() as tls:
        for store in (plain, tls):
            with transports.clients(store) as clients:
                read = {name: part() for name, part in clients.items()}
            assert ALWAYS == [name for name in read if name not in transports.PACKAGES]
            assert dict.fromkeys(read, expected) == read


def test_the_canned_server_speaks_tls_1_3_with_its_own_certificate(tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    with stores.canned_tls() as store:
        connection = connect(store)
        assert isinstance(connection, ssl.SSLSocket)
        assert "TLSv1.3" == connection.version()
        connection.close()
        with pytest.raises(ssl.SSLCertVerificationError):
            connect(replace(store, ca_bundle=str(tmp_path / "other.pem")))


class Pieces:
    """A socket that receives these pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = list(pieces)

    def sendall(self, data: bytes) -> None:
        pass

    def recv(self, size: int) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""


@pytest.fixture
def receive(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, bytes]]:
    def receive(*pieces: bytes) -> tuple[int, bytes]:
        monkeypatch.setattr("benchmarks.http_clients.connect", lambda _: Pieces(*pieces))
        return OwnParser(Store("", "", ""))({}, b"")

    return receive


RESPONSE = b"HTTP/1.1 400 Bad Request\r\nDate: now\r\ncontent-LENGTH: 2\r\n\r\n{}"


@pytest.mark.parametrize("size", [1, 7, len(RESPONSE)])
def test_the_parser_reads_a_response_in_pieces(
    receive: Callable[..., tuple[int, bytes]], size: int
) -> None:
    pieces = [RESPONSE[start : start + size] for start in range(0, len(RESPONSE), size)]
    assert (400, b"{}") == receive(*pieces)


@pytest.mark.parametrize(
    ("received", "error"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ValueError),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", ValueError),
        (RESPONSE + b"more", ValueError),
        (RESPONSE[:-1], ConnectionResetError),
        (b"", ConnectionResetError),
    ],
)
def test_the_parser_refuses_other_responses(
    receive: Callable[..., tuple[int, bytes]], received: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error):
        receive(received)


@pytest.mark.full
def test_a_missing_package_is_named_in_its_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in transports.PACKAGES.values():
        monkeypatch.setitem(sys.modules, name, None)
    transports.main(["--rounds", "2", "--out", str(tmp_path)])
    result = json.loads((tmp_path / "transports.json").read_text())
    assert ALWAYS * 2 == [row["client"] for row in result["rows"]]
    assert 2 == result["about"]["rounds"]
    text = (tmp_path / "transports.md").read_text()
    for name in CLIENTS:
        (row,) = (line for line in text.splitlines() if line.startswith(f"| {name} |"))
        assert (name in transports.PACKAGES) == ("is not installed" in row)
    assert len(CLIENTS) == len(ALWAYS) - 1 + len(transports.PACKAGES)


def test_the_page_shows_the_stored_result() -> None:
    assert table("transports").strip() in (transports.RESULTS / "transports.md").read_text()

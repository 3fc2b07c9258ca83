"""While DNS fails, connections are made to the addresses that worked last."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme
import urllib3

from beaker_dynamodb import DynamoDBNamespaceManager, StoreUnavailable
from beaker_dynamodb.dynamodb import addresses

HOST = "dynamodb.example"
EMPTY: list[str] = []


class Server:
    """Answers each request with ``{}`` and closes the connection.

    :param authority: signs the certificate; None for plain HTTP.
    :param says_so: whether the answer announces that the connection is closed.
    """

    def __init__(
        self, address: str, port: int, authority: trustme.CA | None, says_so: bool = True
    ) -> None:
        self.connections = 0
        self.names: list[str] = []  # requested through SNI
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                server.connections += 1
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                self.send_header("Content-Length", "2")
                if says_so:
                    self.send_header("Connection", "close")
                self.close_connection = True
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: Any) -> None:
                """Do not log."""

        self._http = ThreadingHTTPServer((address, port), Handler)
        self.port = self._http.server_address[1]
        if authority is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            authority.issue_cert(HOST).configure_cert(context)
            context.sni_callback = lambda _socket, name, _context: self.names.append(name)
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()

    def stop(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


class DNS:
    """Stands in for the resolver. ``found`` has the addresses, or is None if the lookup fails."""

    def __init__(self) -> None:
        self.found: list[str] | None = ["127.0.0.1"]
        self._real = socket.getaddrinfo

    def __call__(self, host: Any, port: Any, *args: Any, **more: Any) -> list[Any]:
        if host != HOST:
            return self._real(host, port, *args, **more)
        if self.found is None:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        stream = socket.SOCK_STREAM
        return [(socket.AF_INET, stream, 6, "", (address, port)) for address in self.found]


@pytest.fixture
def dns(monkeypatch: pytest.MonkeyPatch) -> DNS:
    monkeypatch.setattr(addresses, "_addresses", {})
    dns = DNS()
    monkeypatch.setattr(socket, "getaddrinfo", dns)
    return dns


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    return authority


@pytest.fixture
def server(authority: trustme.CA) -> Iterator[Server]:
    server = Server("127.0.0.1", 0, authority)
    yield server
    server.stop()


def reads(port: int, scheme: str = "https", attempts: int = 1) -> DynamoDBNamespaceManager:
    """Return a manager that has not read anything yet."""
    return DynamoDBNamespaceManager(
        "id",
        endpoint_url=f"{scheme}://{HOST}:{port}",
        region_name="eu-west-1",
        aws_access_key_id="testkey",
        aws_secret_access_key="testsecret",
        max_attempts=attempts,
    )


def read(manager: DynamoDBNamespaceManager) -> None:
    assert "session" not in manager


@pytest.mark.parametrize("failure", [None, EMPTY], ids=["an error", "an empty answer"])
def test_calls_succeed_while_dns_fails(server: Server, dns: DNS, failure: list[str] | None) -> None:
    manager = reads(server.port)
    read(manager)
    dns.found = failure
    for _ in range(5):
        read(manager)
    assert 6 == server.connections
    assert [HOST] * 6 == server.names


def test_a_process_that_has_never_connected_fails(server: Server, dns: DNS) -> None:
    dns.found = None
    with pytest.raises(StoreUnavailable, match="cannot connect"):
        read(reads(server.port))


def test_a_successful_answer_takes_precedence(
    server: Server, authority: trustme.CA, dns: DNS
) -> None:
    manager = reads(server.port)
    read(manager)
    other = Server("127.0.0.2", server.port, authority)
    try:
        dns.found = ["127.0.0.2"]
        read(manager)
        assert 1 == other.connections
        dns.found = None
        read(manager)  # the address that worked last
        assert 2 == other.connections
    finally:
        other.stop()
    read(manager)  # the one before
    assert 2 == server.connections


def test_another_host_s_certificate_is_refused(server: Server, dns: DNS) -> None:
    manager = reads(server.port)
    read(manager)
    port = server.port
    server.stop()
    impostor = Server("127.0.0.1", port, trustme.CA())
    try:
        dns.found = None
        with pytest.raises(StoreUnavailable, match="TLS failed"):
            read(manager)
        assert 0 == impostor.connections
    finally:
        impostor.stop()


def test_an_address_that_another_host_has_now_is_tried_last(server: Server, dns: DNS) -> None:
    impostor = Server("127.0.0.2", server.port, trustme.CA())
    try:
        manager = reads(server.port)
        addresses._addresses[HOST, server.port] = ["127.0.0.2", "127.0.0.1"]
        dns.found = None
        with pytest.raises(StoreUnavailable, match="TLS failed"):
            read(manager)
        read(manager)
    finally:
        impostor.stop()


def test_an_attempt_waits_for_one_silent_address(
    server: Server, dns: DNS, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = ["127.0.0.2", "127.0.0.3"]
    waited = []

    def create_connection(address: tuple[str, int], *args: Any, **more: Any) -> socket.socket:
        if address[0] in silent:
            waited.append(address[0])
            raise TimeoutError
        return real(address, *args, **more)

    real = urllib3.util.connection.create_connection
    monkeypatch.setattr(urllib3.util.connection, "create_connection", create_connection)
    manager = reads(server.port)
    addresses._addresses[HOST, server.port] = [*silent, "127.0.0.1"]
    dns.found = None
    for address in silent:
        with pytest.raises(StoreUnavailable, match="timed out"):
            read(manager)
        assert waited == [address]
        waited.clear()
    read(manager)
    assert waited == []


def test_no_address_is_kept_over_plain_http(dns: DNS) -> None:
    server = Server("127.0.0.1", 0, None)
    try:
        manager = reads(server.port, "http")
        read(manager)
        dns.found = None
        with pytest.raises(StoreUnavailable, match="its name cannot be resolved"):
            read(manager)
    finally:
        server.stop()


def test_a_dead_pooled_connection_costs_a_reconnect(dns: DNS) -> None:
    server = Server("127.0.0.1", 0, None, says_so=False)
    try:
        manager = reads(server.port, "http", attempts=3)
        for _ in range(10):
            read(manager)
        assert server.connections >= 10
    finally:
        server.stop()

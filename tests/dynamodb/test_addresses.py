"""While DNS fails, connections are made to the addresses that worked last."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from typing import Any

import pytest
import trustme
import urllib3

from beaker_dynamodb import DynamoDBNamespaceManager, StoreUnavailable
from beaker_dynamodb.dynamodb import addresses
from tests.dynamodb.fake_server import OFFLINE, FakeServer, tls

HOST = "dynamodb.example"
EMPTY: list[str] = []


class DNS:
    """A stand-in for the resolver. ``found`` has the addresses, or is None if the lookup fails."""

    def __init__(self) -> None:
        self.found: list[str] | None = ["127.0.0.1"]
        self._real = socket.getaddrinfo

    def __call__(self, host: Any, port: Any, *args: Any, **extra: Any) -> list[Any]:
        if host != HOST:
            return self._real(host, port, *args, **extra)
        if self.found is None:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        stream = socket.SOCK_STREAM
        return [(socket.AF_INET, stream, 6, "", (address, port)) for address in self.found]


@pytest.fixture(autouse=True)
def dns(monkeypatch: pytest.MonkeyPatch) -> DNS:
    monkeypatch.setattr(addresses, "_addresses", {})
    dns = DNS()
    monkeypatch.setattr(socket, "getaddrinfo", dns)
    return dns


@pytest.fixture
def context(authority: trustme.CA) -> ssl.SSLContext:
    return tls(authority, HOST)


@pytest.fixture
def tls_server(context: ssl.SSLContext) -> Iterator[FakeServer]:
    with FakeServer(context) as server:
        yield server


@pytest.fixture
def manager(tls_server: FakeServer) -> DynamoDBNamespaceManager:
    """A manager that has not read anything yet."""
    return connected_to(f"https://{HOST}:{tls_server.port}")


def connected_to(url: str) -> DynamoDBNamespaceManager:
    return DynamoDBNamespaceManager("n", **{**OFFLINE, "endpoint_url": url, "max_attempts": 1})


def read(manager: DynamoDBNamespaceManager, *servers: FakeServer) -> None:
    """Read an item over a new connection to one of these servers."""
    for server in servers:
        server.close_idle()
    assert "value" == manager[b"k"]


@pytest.mark.parametrize("failure", [None, EMPTY], ids=["an error", "an empty answer"])
def test_calls_succeed_while_dns_fails(
    tls_server: FakeServer,
    context: ssl.SSLContext,
    manager: DynamoDBNamespaceManager,
    dns: DNS,
    failure: list[str] | None,
) -> None:
    requested = []  # through SNI
    context.sni_callback = lambda _socket, name, _context: requested.append(name)
    read(manager)
    dns.found = failure
    for _ in range(5):
        read(manager, tls_server)
    assert 6 == len(tls_server.connections)
    assert [HOST] * 6 == requested


def test_a_process_that_never_connected_fails(manager: DynamoDBNamespaceManager, dns: DNS) -> None:
    dns.found = None
    with pytest.raises(StoreUnavailable, match="cannot connect"):
        read(manager)


def test_a_successful_answer_takes_precedence(
    tls_server: FakeServer, context: ssl.SSLContext, manager: DynamoDBNamespaceManager, dns: DNS
) -> None:
    read(manager)
    with FakeServer(context, ("127.0.0.2", tls_server.port)) as other:
        dns.found = ["127.0.0.2"]
        read(manager, tls_server)
        assert 1 == len(other.connections)
        dns.found = None
        read(manager, other)  # the address that worked last
        assert 2 == len(other.connections)
    read(manager, other)  # the one before
    assert 2 == len(tls_server.connections)


def test_another_hosts_certificate_is_refused(
    tls_server: FakeServer, context: ssl.SSLContext, manager: DynamoDBNamespaceManager, dns: DNS
) -> None:
    read(manager)
    trustme.CA().issue_cert(HOST).configure_cert(context)
    dns.found = None
    with pytest.raises(StoreUnavailable, match="TLS failed"):
        read(manager, tls_server)
    assert 1 == len(tls_server.requests)


def test_an_address_now_used_by_another_host_is_tried_last(
    tls_server: FakeServer, manager: DynamoDBNamespaceManager, dns: DNS
) -> None:
    addresses._addresses[HOST, tls_server.port] = ["127.0.0.2", "127.0.0.1"]
    dns.found = None
    with FakeServer(tls(trustme.CA(), HOST), ("127.0.0.2", tls_server.port)):
        with pytest.raises(StoreUnavailable, match="TLS failed"):
            read(manager)
        read(manager)


def test_an_attempt_waits_for_one_silent_address(
    tls_server: FakeServer,
    manager: DynamoDBNamespaceManager,
    dns: DNS,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    silent = ["127.0.0.2", "127.0.0.3"]
    waited = []

    def create_connection(address: tuple[str, int], *args: Any, **extra: Any) -> socket.socket:
        if address[0] in silent:
            waited.append(address[0])
            raise TimeoutError
        return real(address, *args, **extra)

    real = urllib3.util.connection.create_connection
    monkeypatch.setattr(urllib3.util.connection, "create_connection", create_connection)
    addresses._addresses[HOST, tls_server.port] = [*silent, "127.0.0.1"]
    dns.found = None
    for address in silent:
        with pytest.raises(StoreUnavailable, match="timed out"):
            read(manager)
        assert waited == [address]
        waited.clear()
    read(manager)
    assert waited == []


def test_no_address_is_kept_over_plain_http(server: FakeServer, dns: DNS) -> None:
    manager = connected_to(f"http://{HOST}:{server.port}")
    read(manager)
    dns.found = None
    with pytest.raises(StoreUnavailable, match="or DNS fails"):
        read(manager, server)

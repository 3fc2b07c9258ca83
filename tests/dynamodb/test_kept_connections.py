"""Fast calls use connections that botocore opened, each for one call at a time."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
import trustme
from botocore.config import Config

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.dynamodb.kept_connections import KeptConnections
from tests.dynamodb.fake_server import OFFLINE, FakeServer, Request, fast, manager, tls

THREADS, READS = 16, 10


class Pool:
    """A stand-in for urllib3's pool."""

    def __init__(self, *connections: Any) -> None:
        self.pool: queue.LifoQueue[Any] = queue.LifoQueue(7)
        for connection in (None, *connections):  # as in urllib3, with room for others
            self.pool.put(connection)


class Connection:
    def __init__(self) -> None:
        self.sock, self.server = socket.socketpair()

    def close(self) -> None:
        self.sock.close()
        self.server.close()

    @property
    def closed(self) -> bool:
        return self.sock.fileno() < 0


@pytest.fixture
def connections() -> Iterator[list[Connection]]:
    made = [Connection() for _ in range(3)]
    yield made
    for connection in made:
        connection.close()


def test_the_connection_used_last_is_used_first(connections: list[Connection]) -> None:
    kept = KeptConnections(Pool(*connections), maximum=2, read_timeout=7)
    taken = [kept.take() for _ in range(3)]
    assert taken == connections[::-1]
    assert {connection.sock.gettimeout() for connection in taken} == {7}
    for connection in taken:
        kept.give_back(connection)
    assert [False, False, True] == [connection.closed for connection in taken]
    assert [kept.take(), kept.take(), kept.take()] == [taken[1], taken[0], None]


def test_closed_connections_are_skipped(connections: list[Connection]) -> None:
    kept = KeptConnections(Pool(), maximum=3, read_timeout=7)
    for connection in connections:
        kept.give_back(connection)
    connections[1].server.close()
    connections[2].server.close()
    assert kept.take() is connections[0]
    assert [False, True, True] == [connection.closed for connection in connections]


def test_an_unknown_kind_of_socket_stays_in_the_pool() -> None:
    pool = Pool(SimpleNamespace(sock=object()))
    assert KeptConnections(pool, maximum=3, read_timeout=7).take() is None
    assert 2 == pool.pool.qsize()


def test_connections_closed_in_the_pool_are_dropped(connections: list[Connection]) -> None:
    pool = Pool(connections[0], SimpleNamespace(sock=None))
    assert KeptConnections(pool, maximum=3, read_timeout=7).take() is connections[0]


def test_no_connection_is_taken_from_an_unknown_version_of_urllib3() -> None:
    assert KeptConnections(SimpleNamespace(pool=None), maximum=3, read_timeout=7).take() is None


def test_idle_connections_are_closed_at_the_end(connections: list[Connection]) -> None:
    kept = KeptConnections(Pool(), maximum=3, read_timeout=7)
    for connection in connections:
        kept.give_back(connection)
    del kept
    assert all(connection.closed for connection in connections)


def test_threads_reuse_connections_and_get_the_responses_to_their_own_requests(
    server: FakeServer,
) -> None:
    # Echo a member that boto3 knows: the first calls go through boto3.
    server.plan = lambda request: {"body": request.body.replace(b"Item", b"Attributes")}
    transport = manager(server, read_timeout=60).backend.items.client.transport()

    def echo(number: int) -> bool:
        item = {"id": {"N": str(number)}}
        response = transport.call("put_item", {"TableName": "table", "Item": item})
        return bool(response["Attributes"] == item)

    with ThreadPoolExecutor(THREADS) as threads:
        assert all(threads.map(echo, range(THREADS * READS)))
    # A thread may open a connection just before another thread returns one.
    assert len(server.connections) <= 2 * THREADS
    assert fast(server).count(True) > THREADS * READS / 2


def test_after_a_broken_connection_all_idle_ones_are_closed(server: FakeServer) -> None:
    """Otherwise each of them would cost a call its first attempt."""
    cache = manager(server, read_timeout=60)
    barrier = threading.Barrier(THREADS)

    def together(request: Request) -> dict[str, Any]:
        if not barrier.broken:
            barrier.wait()  # so that each thread uses its own connection
        return {}

    server.plan = together
    with ThreadPoolExecutor(THREADS) as threads:
        for _ in range(2):
            list(threads.map(lambda _: cache[b"k"], range(THREADS)))
    barrier.abort()
    server.requests.clear()
    server.faults.append({"body": None})
    assert ["value"] * 3 == [cache[b"k"] for _ in range(3)]
    assert [True, False, True, True] == fast(server)
    transport: Any = cache.backend.items.client.transport()
    (kept,) = transport._connections.values()
    assert 1 == len(kept._idle)


def test_calls_through_a_proxy_tunnel(
    server: FakeServer, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.delenv("no_proxy")
    server.tunnel_tls = tls(authority, "dynamodb.example")
    config = Config(proxies={"https": server.url})
    cache = manager(server, endpoint_url="https://dynamodb.example", config=config)
    assert ["value"] * 3 == [cache[b"k"] for _ in range(3)]
    assert [False, True, True] == fast(server)
    assert ["dynamodb.example:443"] == server.tunnels


@pytest.fixture
def aws(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    """A server that all AWS host names resolve to."""
    names = "*.eu-west-1.amazonaws.com", "*.eu-west-1.api.aws", "*.ddb.eu-west-1.amazonaws.com"
    context = tls(authority, *names)
    real = socket.getaddrinfo
    with FakeServer(context) as server:

        def resolve(host: Any, port: Any, *args: Any, **extra: Any) -> Any:
            if "aws" in str(host):
                host, port = "127.0.0.1", server.port
            return real(host, port, *args, **extra)

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        yield server


@pytest.mark.parametrize(
    ("variables", "host"),
    [
        ({}, "dynamodb.eu-west-1.amazonaws.com"),
        ({"AWS_USE_DUALSTACK_ENDPOINT": "true"}, "dynamodb.eu-west-1.api.aws"),
        ({"AWS_USE_FIPS_ENDPOINT": "true"}, "dynamodb-fips.eu-west-1.amazonaws.com"),
    ],
    ids=["default", "dual-stack", "FIPS"],
)
def test_calls_to_aws_endpoints(
    aws: FakeServer, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], host: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    cache = DynamoDBNamespaceManager("n", **{**OFFLINE, "endpoint_url": None})
    assert ["value"] * 3 == [cache[b"k"] for _ in range(3)]
    assert [False, True, True] == fast(aws)
    assert {host} == {request.headers["host"] for request in aws.requests}


def test_a_table_of_another_account_has_its_own_endpoint(
    aws: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With credentials that name their account (account-based endpoints)."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testkey")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testsecret")
    monkeypatch.setenv("AWS_ACCOUNT_ID", "111111111111")
    names = "sessions", "arn:aws:dynamodb:eu-west-1:222222222222:table/sessions"
    caches = [
        DynamoDBNamespaceManager("n", region_name="eu-west-1", table_name=name) for name in names
    ]
    for cache in caches * 3:
        assert "value" == cache[b"k"]
    assert [False] * 2 + [True] * 4 == fast(aws)
    hosts = [request.headers["host"] for request in aws.requests]
    account_based = not hosts[0].startswith("dynamodb.")  # since botocore 1.35
    assert hosts[:2] * 3 == hosts
    assert account_based is (hosts[0] != hosts[1])

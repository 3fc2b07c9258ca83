"""The boto3 client: one per process and connection, created when it is needed."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config

from beaker_dynamodb import ConfigurationError, DynamoDBNamespaceManager
from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.dynamodb import client as module
from beaker_dynamodb.dynamodb import forks
from beaker_dynamodb.dynamodb.client_factory import make_transport
from tests.dynamodb.fake_server import OFFLINE, FakeServer, Request


@pytest.fixture
def options() -> dict[str, Any]:
    return {**OFFLINE, "aws_secret_access_key": uuid4().hex}


def client_of(**options: Any) -> Any:
    return DynamoDBNamespaceManager("a", **options).client


def test_a_manager_creates_no_client(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    created: list[object] = []
    monkeypatch.setattr(module, "make_transport", created.append)
    manager = DynamoDBNamespaceManager("id", **options)
    assert manager.timeout is None
    assert manager.get_creation_lock(b"k") is not None
    assert [] == created


def test_options_of_the_connection_determine_the_client(options: dict[str, Any]) -> None:
    client = client_of(**options)
    other = {"table_name": "other", "prefix": "p", "timeout": 7, "sort_key": "part"}
    assert client is client_of(**options, **other)
    for name, value in {
        "region_name": "eu-west-2",
        "endpoint_url": "http://127.0.0.1:2",
        "aws_access_key_id": "otherkey",
        "aws_secret_access_key": "othersecret",
        "read_timeout": 9,
        "max_attempts": 1,
        "transport": "lean" if options.get("transport") != "lean" else "boto3",
    }.items():
        assert client is not client_of(**{**options, name: value}), name


def test_the_client_is_configured_by_options_and_config(options: dict[str, Any]) -> None:
    config = client_of(
        **options, read_timeout=7, max_attempts=4, config=Config(read_timeout=11), transport="boto3"
    ).meta.config
    assert (1.0, 11) == (config.connect_timeout, config.read_timeout)
    assert 4 == config.retries["total_max_attempts"]


@pytest.mark.parametrize(
    ("given", "retries"),
    [
        ({"mode": "adaptive"}, {"mode": "adaptive", "total_max_attempts": 4}),
        ({"max_attempts": 1}, {"mode": "standard", "total_max_attempts": 2}),
        ({"total_max_attempts": 7}, {"mode": "standard", "total_max_attempts": 7}),
    ],
)
def test_a_config_replaces_only_the_retries_that_it_sets(
    options: dict[str, Any], given: Any, retries: dict[str, object]
) -> None:
    config = client_of(
        **options, max_attempts=4, transport="boto3", config=Config(retries=given)
    ).meta.config
    assert retries == {name: config.retries[name] for name in retries}


def test_the_registry_keeps_a_config_alive(options: dict[str, Any]) -> None:
    # Otherwise a new Config at the same address would get the old one's client.
    config = Config(read_timeout=11)
    alive = weakref.ref(config)
    # Options with a list are not cached.
    client_of(**options, config=config, data_dir=[])
    del config
    gc.collect(1)  # the latest objects; all would take long
    assert alive() is not None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({}, "region"),
        ({"region": "not a region"}, "region"),
        ({"region": "eu-west-1", "endpoint_url": "nowhere"}, "endpoint"),
        ({"region": "eu-west-1", "aws_access_key_id": "key"}, "aws_secret_access_key"),
    ],
)
def test_wrong_options_are_a_configuration_error(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        client_of(**{"endpoint_url": "http://127.0.0.1:1", **wrong})


def test_each_client_that_is_passed_in_has_its_own_key() -> None:
    one, two = (boto3.client("dynamodb", region_name="eu-west-1") for _ in range(2))
    keys = [module.ClientSource(parse({"client": client})).key for client in (one, two, one)]
    assert [one, two, one] == keys


def test_threads_share_one_client(monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]) -> None:
    created, barrier = [], threading.Barrier(8)

    def count(options: Any) -> Any:
        created.append(make_transport(options))
        return created[-1]

    def first_request(number: int) -> object:
        barrier.wait()
        return client_of(**options)

    monkeypatch.setattr(module, "make_transport", count)
    with ThreadPoolExecutor(8) as threads:
        clients = list(threads.map(first_request, range(8)))
    assert 1 == len(created)
    assert {id(created[0].client)} == {id(client) for client in clients}


def _in_the_child(manager: DynamoDBNamespaceManager, before: int, results: Any) -> None:
    results.put((before == id(manager.client), manager.client is manager.client))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_creates_its_own_client(options: dict[str, Any]) -> None:
    manager = DynamoDBNamespaceManager("a", **options)
    client = manager.client
    forking = multiprocessing.get_context("fork")
    results = forking.SimpleQueue()
    child = forking.Process(target=_in_the_child, args=(manager, id(client), results))
    # The parent's lock is held during the fork.
    with module._clients()[module.connection_key(manager.backend.options)]._lock:
        child.start()
    child.join()
    assert 0 == child.exitcode
    assert (False, True) == results.get()
    assert client is manager.client


def test_a_fork_that_python_does_not_notice(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    manager = DynamoDBNamespaceManager("a", **options)
    client, values = manager.client, forks.PerProcess(list[int])
    values().append(1)
    with monkeypatch.context() as patch:
        patch.setattr(forks, "os", SimpleNamespace(getpid=lambda: -1))
        assert [] == values()
        values().append(2)
        assert [2] == values()
        assert client is not manager.client
        assert manager.client is manager.client
    forks.check_process()
    assert [] == values()


def read(server: FakeServer, number: int = 0) -> bool:
    return b"k" in DynamoDBNamespaceManager(f"n{number}", **OFFLINE | {"endpoint_url": server.url})


def test_a_connection_is_reused_and_replaced_when_it_was_closed(server: FakeServer) -> None:
    server.response = {}
    assert [False] * 9 == [read(server) for _ in range(9)]
    (connection,) = server.connections
    connection.shutdown(2)
    assert not read(server)
    assert (10, 2) == (len(server.requests), len(server.connections))


def test_fifty_threads_have_fifty_connections(
    server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.response = {}
    together = threading.Barrier(50)

    def wait(request: Request) -> dict[str, Any]:
        together.wait()
        return {}

    server.plan = wait
    with caplog.at_level(logging.WARNING), ThreadPoolExecutor(50) as threads:
        for _ in range(2):
            assert [False] * 50 == list(threads.map(lambda n: read(server, n), range(50)))
    assert [] == caplog.messages  # urllib3 warns if it discards a connection
    assert (100, 50) == (len(server.requests), len(server.connections))

"""The boto3 client: one per process and configuration, and none before it is needed."""

from __future__ import annotations

import gc
import multiprocessing
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from botocore.config import Config
from botocore.parsers import ResponseParserError

from beaker_dynamodb import ConfigurationError, DynamoDBNamespaceManager, StoreUnavailable
from beaker_dynamodb.dynamodb import client as module
from beaker_dynamodb.dynamodb import hooks
from beaker_dynamodb.dynamodb.client_factory import make_client
from tests.clock import Clock
from tests.unit.stubbed import offline_client

# Nobody listens there: whoever sends anything gets an error.
OFFLINE = {
    "region_name": "eu-west-1",
    "endpoint_url": "http://127.0.0.1:1",
    "aws_access_key_id": "testkey",
    "aws_secret_access_key": "testsecret",
}


@pytest.fixture
def options() -> dict[str, Any]:
    """Options that no other test has, so that their client is not made yet."""
    return {**OFFLINE, "aws_access_key_id": uuid4().hex}


def test_opening_makes_no_client_and_sends_nothing(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    """Beaker opens a namespace for every request: that must cost next to nothing."""
    made: list[object] = []
    monkeypatch.setattr("beaker_dynamodb.dynamodb.client.make_client", made.append)
    for _ in range(2):
        manager = DynamoDBNamespaceManager("id", **options)
        assert manager.timeout is None
        assert manager.get_creation_lock(b"k") is not None
    assert [] == made


def test_equal_options_share_one_client(options: dict[str, Any]) -> None:
    """Whatever differs in the options but the connection, the client is the same."""
    client = DynamoDBNamespaceManager("a", **options).client
    other = {"table_name": "other", "prefix": "p", "timeout": 7, "sort_key": "part"}
    assert client is DynamoDBNamespaceManager("b", **options).client
    assert client is DynamoDBNamespaceManager("a", **options, **other).client


@pytest.mark.parametrize(
    "other",
    [
        {"region_name": "eu-west-2"},
        {"endpoint_url": "http://127.0.0.1:2"},
        {"aws_access_key_id": "otherkey"},
        {"aws_secret_access_key": "othersecret"},
        {"read_timeout": 9},
        {"max_attempts": 1},
    ],
    ids=str,
)
def test_another_connection_is_another_client(
    options: dict[str, Any], other: dict[str, Any]
) -> None:
    """What a client is made of tells clients apart."""
    client = DynamoDBNamespaceManager("a", **options).client
    assert client is not DynamoDBNamespaceManager("a", **{**options, **other}).client


def config_of(**options: Any) -> Any:
    """Give the botocore Config of the client that these options make."""
    return DynamoDBNamespaceManager("a", **options).client.meta.config


def test_the_client_is_made_as_the_options_say(options: dict[str, Any]) -> None:
    """Time-outs, tries and connections are those of the options."""
    limits = {"connect_timeout": "0.5", "read_timeout": 7}
    made = config_of(**options, **limits, max_attempts=4)
    assert (0.5, 7.0, 50) == (made.connect_timeout, made.read_timeout, made.max_pool_connections)
    assert ("standard", 4) == (made.retries["mode"], made.retries["total_max_attempts"])


def test_a_config_wins_over_the_options(options: dict[str, Any]) -> None:
    """What a botocore Config sets counts, what it leaves open is the options'."""
    made = config_of(**options, config=Config(read_timeout=11), connect_timeout=5)
    assert (11, 5.0) == (made.read_timeout, made.connect_timeout)


def test_a_config_is_not_taken_for_one_that_is_gone(options: dict[str, Any]) -> None:
    """As long as its client is remembered, nothing else takes the place of a Config in memory."""
    config = Config(read_timeout=11)
    alive = weakref.ref(config)
    # An option with a list in it is kept out of the cache of configurations.
    assert 11 == config_of(**options, config=config, data_dir=[]).read_timeout
    del config
    gc.collect()
    assert alive() is not None


def test_a_ready_client_is_used_as_it_is(options: dict[str, Any]) -> None:
    """Somebody else's client is taken, whatever the other options say."""
    client = offline_client()
    assert client is DynamoDBNamespaceManager("a", **options, client=client).client


def test_threads_that_start_together_share_one_client(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    """Eight first requests at once make one client."""
    made, barrier = [], threading.Barrier(8)

    def counted(options: Any) -> Any:
        made.append(make_client(options))
        return made[-1]

    def first_request(number: int) -> object:
        barrier.wait()
        return DynamoDBNamespaceManager(f"id{number}", **options).client

    monkeypatch.setattr("beaker_dynamodb.dynamodb.client.make_client", counted)
    with ThreadPoolExecutor(8) as threads:
        clients = list(threads.map(first_request, range(8)))
    assert 1 == len(made)
    assert {id(made[0])} == {id(client) for client in clients}


def _in_the_child(manager: DynamoDBNamespaceManager, before: int, results: Any) -> None:
    results.put((before == id(manager.client), manager.client is manager.client))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_no_client_is_shared_across_fork(options: dict[str, Any]) -> None:
    """A child makes a client of its own, once, though the parent's lock was held meanwhile."""
    manager = DynamoDBNamespaceManager("a", **options)
    client = manager.client
    forking = multiprocessing.get_context("fork")
    results = forking.SimpleQueue()
    child = forking.Process(target=_in_the_child, args=(manager, id(client), results))
    with module._clients()[module.connection_key(manager.backend.options)]._lock:
        child.start()
    child.join()
    assert 0 == child.exitcode
    assert (False, True) == results.get()
    assert client is manager.client


def test_credentials_that_appear_later_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client made without credentials gives way to a new one, at most once a second."""
    clock = Clock(0.0)
    options = {"region_name": f"eu-{uuid4().hex}-1", "endpoint_url": "http://127.0.0.1:1"}
    manager = DynamoDBNamespaceManager("id", **options, max_attempts=1, clock=clock)
    first = manager.client

    def read() -> None:
        with pytest.raises(StoreUnavailable) as caught:
            manager["session"]
        reasons.append(type(caught.value.__cause__).__name__)

    reasons: list[str] = []
    read()
    assert first is manager.client
    clock.now += 1
    read()
    second = manager.client
    assert second is not first
    read()
    assert second is manager.client
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testkey")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testsecret")
    clock.now += 1
    read()
    read()
    assert ["NoCredentialsError"] * 3 + ["EndpointConnectionError"] * 2 == reasons


@pytest.mark.parametrize(("seconds", "keys"), [(60, 3), (3600, 1)], ids=["expiring", "lasting"])
def test_credentials_are_refreshed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, seconds: int, keys: int
) -> None:
    """Each request is signed with a key that lasts: one about to expire is asked for anew."""
    process = tmp_path / "process.py"
    process.write_text(
        "import json, uuid, datetime\n"
        "now = datetime.datetime.now(datetime.timezone.utc)\n"
        f"expiry = (now + datetime.timedelta(seconds={seconds})).isoformat()\n"
        "key = {'AccessKeyId': uuid.uuid4().hex, 'SecretAccessKey': 's', 'Expiration': expiry}\n"
        "print(json.dumps({'Version': 1, **key}))\n"
    )
    config = tmp_path / "config"
    config.write_text(f"[profile rotating]\ncredential_process = {sys.executable} {process}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    manager = DynamoDBNamespaceManager(
        "id",
        profile_name="rotating",
        region_name=f"eu-{uuid4().hex}-1",
        endpoint_url="http://127.0.0.1:1",
        max_attempts=1,
    )
    used: list[str] = []

    def note(request: Any, **_: object) -> None:
        authorization = request.headers["Authorization"].decode()
        used.append(authorization.partition("Credential=")[2].partition("/")[0])

    manager.client.meta.events.register("before-send.dynamodb", note)
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            manager["session"]
    assert (3, keys) == (len(used), len(set(used)))


def test_a_client_that_cannot_be_made_is_a_configuration_error() -> None:
    """No Region, or a profile that does not exist, names the options to set."""
    with pytest.raises(ConfigurationError, match="region"):
        _ = DynamoDBNamespaceManager("a", endpoint_url="http://127.0.0.1:1").client
    with pytest.raises(ConfigurationError, match="nobody"):
        _ = DynamoDBNamespaceManager("a", region="eu-west-1", profile_name="nobody").client
    with pytest.raises(ConfigurationError, match="endpoint"):
        _ = DynamoDBNamespaceManager("a", region="eu-west-1", endpoint_url="nowhere").client


@pytest.mark.parametrize("content", [b"", b"<html>", b'{"Item": {'])
def test_an_answer_is_json(options: dict[str, Any], content: bytes) -> None:
    """A body that is none of DynamoDB's is refused; none at all is right where none is due."""
    model = DynamoDBNamespaceManager("a", **options).client.meta.service_model
    answer = SimpleNamespace(raw=object(), content=content, headers={})
    with pytest.raises(ResponseParserError):
        hooks.refuse_damaged(
            http_response=answer, parsed={}, model=model.operation_model("GetItem")
        )
    hooks.refuse_damaged(
        http_response=answer, parsed={}, model=model.operation_model("TagResource")
    )


@pytest.mark.parametrize("keys", [True, False], ids=["keys", "no keys"])
def test_credentials_are_looked_for_once(
    options: dict[str, Any], keys: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there are none that takes seconds, and where the options name them it is not due."""
    looked: list[int] = []

    def load_credentials(resolver: Any) -> None:
        looked.append(len(resolver.providers))

    monkeypatch.setattr(
        "botocore.credentials.CredentialResolver.load_credentials", load_credentials
    )
    if not keys:
        options = {"region_name": "eu-west-1", "endpoint_url": "http://127.0.0.1:1"}
        monkeypatch.setattr(module._clients, "_value", {})
    _ = DynamoDBNamespaceManager("a", **options).client
    assert (0 if keys else 1) == len([providers for providers in looked if providers])

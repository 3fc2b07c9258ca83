"""Credentials: renewed when DynamoDB refuses them, never shown in errors."""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest

from beaker_dynamodb import DynamoDBNamespaceManager, StoreUnavailable
from tests.clock import Clock
from tests.dynamodb.conftest import SECRET, Helper, KeyFile
from tests.dynamodb.fake_server import FakeServer, Request, refusal

THREADS = 8
REFUSED = ("UnrecognizedClientException", "The security token included is invalid.")
both_transports = pytest.mark.parametrize("transport", ["boto3", "lean"])


@pytest.fixture
def transport() -> str:
    return "auto"


@pytest.fixture
def options(
    _new_clients: None,
    server: FakeServer,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    transport: str,
) -> dict[str, Any]:
    monkeypatch.setattr("beaker_dynamodb.dynamodb.client.random.uniform", lambda low, high: high)
    return {
        "region_name": "eu-west-1",
        "endpoint_url": server.url,
        "transport": transport,
        "clock": clock,
    }


@pytest.fixture
def manager(options: dict[str, Any]) -> DynamoDBNamespaceManager:
    """A manager that has not created a client yet."""
    return DynamoDBNamespaceManager("n", **options)


def accept(server: FakeServer, *keys: str, error: tuple[str, str] = REFUSED) -> None:
    def plan(request: Request) -> dict[str, Any]:
        return {} if request.access_key in keys else refusal(*error)

    server.plan = plan
    server.requests.clear()


def failure(manager: DynamoDBNamespaceManager) -> StoreUnavailable:
    with pytest.raises(StoreUnavailable) as caught:
        manager[b"k"]
    return caught.value


def keys(server: FakeServer) -> list[str]:
    return [request.access_key for request in server.requests]


@pytest.mark.parametrize("output", ["", SECRET, "null"])
def test_a_failed_helper_is_remembered_for_a_second(
    manager: DynamoDBNamespaceManager,
    helper: Helper,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    output: str,
) -> None:
    caplog.set_level(logging.INFO)
    helper.fails(output)
    errors = [failure(manager) for _ in range(3)]
    assert 1 == helper.runs
    assert 3 == len({id(error) for error in errors})
    assert SECRET not in caplog.text
    for error in errors:
        assert SECRET not in "".join(traceback.format_exception(error))

    helper.returns("good")
    failure(manager)
    clock.advance(1)
    assert "value" == manager[b"k"]
    assert 2 == helper.runs


@both_transports
def test_a_failed_refresh_is_remembered_for_a_second(
    manager: DynamoDBNamespaceManager,
    helper: Helper,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    helper.returns("first", seconds=60)  # botocore refreshes for each request
    assert "value" == manager[b"k"]
    helper.fails()
    before = helper.runs
    for error in [failure(manager) for _ in range(3)]:
        assert SECRET not in "".join(traceback.format_exception(error)) + caplog.text
    assert before + 1 == helper.runs

    helper.returns("second", seconds=7200)
    clock.advance(1)
    assert "value" == manager[b"k"]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("[profile helped\n", "Unable to parse config file"),
        ("[profile helped]\ncredential_process = /nowhere/helper\n", "No such file"),
        (
            "[profile helped]\nrole_arn = arn:aws:iam::123456789012:role/web\n"
            "web_identity_token_file = /nowhere/token\n",
            "",
        ),
    ],
    ids=["half a file", "no helper", "no token"],
)
def test_a_broken_configuration_file_is_an_outage(
    manager: DynamoDBNamespaceManager, helper: Helper, clock: Clock, config: str, message: str
) -> None:
    complete = helper.config.read_text()
    helper.config.write_text(config)
    assert message in str(failure(manager))
    helper.config.write_text(complete)
    clock.advance(1)
    assert "value" == manager[b"k"]


def test_credentials_are_searched_once_a_second(
    manager: DynamoDBNamespaceManager,
    monkeypatch: pytest.MonkeyPatch,
    server: FakeServer,
    clock: Clock,
) -> None:
    searches = []

    def load_credentials(resolver: Any) -> None:
        searches.extend(resolver.providers[:1])

    with monkeypatch.context() as patch:
        patch.setattr("botocore.credentials.CredentialResolver.load_credentials", load_credentials)
        for seconds, count in ((0, 1), (0.9, 1), (0.1, 2), (0, 2)):
            clock.advance(seconds)
            assert "no AWS credentials were found" in str(failure(manager))
            assert count == len(searches)
    assert [] == server.requests
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testkey")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testsecret")
    clock.advance(1)
    assert "value" == manager[b"k"]


@both_transports
def test_each_request_uses_fresh_credentials(
    manager: DynamoDBNamespaceManager, helper: Helper, server: FakeServer
) -> None:
    for key, seconds in (("first", 60), ("second", 60), ("third", 7200)):
        helper.returns(key, seconds)
        assert "value" == manager[b"k"]
    assert ["value"] * 2 == [manager[b"k"] for _ in range(2)]
    assert ["first", "second", "third", "third", "third"] == keys(server)
    for request in server.requests:
        assert f"token of {request.access_key}" == request.headers["x-amz-security-token"]


@both_transports
@pytest.mark.parametrize(
    ("use", "error"),
    [
        (lambda manager: manager[b"k"], REFUSED),
        (lambda manager: manager.set_value(b"k", "v"), ("ExpiredTokenException", "no")),
    ],
)
def test_replaced_keys_are_read_at_the_first_refusal(
    manager: DynamoDBNamespaceManager,
    server: FakeServer,
    key_file: KeyFile,
    use: Callable[[DynamoDBNamespaceManager], object],
    error: tuple[str, str],
) -> None:
    use(manager)
    key_file.write("new")
    accept(server, "new", error=error)
    use(manager)
    use(manager)
    assert ["old", "new", "new"] == keys(server)


@pytest.mark.full
def test_the_wait_between_renewals_doubles_up_to_a_minute_until_one_succeeds(
    manager: DynamoDBNamespaceManager, server: FakeServer, key_file: KeyFile, clock: Clock
) -> None:
    accept(server)

    def requests_after(seconds: float) -> int:
        clock.advance(seconds)
        server.requests.clear()
        assert "UnrecognizedClientException" == failure(manager).aws_code
        return len(server.requests)

    assert 2 == requests_after(0)
    for wait in (1, 2, 4, 8, 16, 32, 60, 60):
        assert 1 == requests_after(wait - 0.5)
        assert 2 == requests_after(0.5)
    clock.advance(60)
    for name in ("second", "third", "fourth"):
        key_file.write(name)
        accept(server, name)
        assert "value" == manager[b"k"]


def test_threads_with_refused_credentials_create_one_client(
    manager: DynamoDBNamespaceManager, server: FakeServer, helper: Helper
) -> None:
    helper.returns("old")
    assert "value" == manager[b"k"]
    helper.returns("new")
    together = threading.Barrier(THREADS)

    def plan(request: Request) -> dict[str, Any]:
        if request.access_key != "old":
            return {}
        together.wait(60)
        return refusal(*REFUSED)

    server.plan = plan
    with ThreadPoolExecutor(THREADS) as threads:
        found = list(threads.map(lambda _: manager[b"k"], range(THREADS)))
    assert ["value"] * THREADS == found
    assert 2 == helper.runs


def test_an_applications_client_and_keys_are_not_replaced(
    options: dict[str, Any], server: FakeServer, key_file: KeyFile
) -> None:
    session = boto3.session.Session(profile_name="filed")
    own = session.client("dynamodb", region_name="eu-west-1", endpoint_url=server.url)
    with_keys = {**options, "aws_access_key_id": "mine", "aws_secret_access_key": "s"}
    for key, given in (("old", {"client": own}), ("mine", with_keys)):
        accept(server, key)
        manager = DynamoDBNamespaceManager("n", **given)
        client = manager.client
        assert "value" == manager[b"k"]
        key_file.write("new")
        accept(server, "new")
        assert "UnrecognizedClientException" == failure(manager).aws_code
        assert [key] == keys(server)
        assert client is manager.client

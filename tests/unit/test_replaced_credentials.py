"""Credentials that are no longer accepted are replaced: at once, then at growing intervals."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest

from beaker_dynamodb import DynamoDBNamespaceManager, StoreUnavailable
from tests.clock import Clock
from tests.unit.credentials import NO_KEYS, Helper, KeyFile, helper, key_file  # noqa: F401
from tests.unit.lean_server import LeanServer, Request
from tests.unit.test_client import OFFLINE
from tests.unit.test_lean import ITEM

THREADS = 8
CODES = [
    ("UnrecognizedClientException", "The security token included in the request is invalid."),
    ("InvalidClientTokenId", "no"),
    ("ExpiredToken", "no"),
    ("ExpiredTokenException", "The security token included in the request is expired"),
    ("InvalidSignatureException", "The request signature we calculated does not match"),
]


class Doorkeeper(LeanServer):
    """A server that accepts some keys only."""

    def __init__(self) -> None:
        super().__init__({"Item": ITEM})
        self.accepted = {"old"}
        self.code, self.message = CODES[0]
        self.plan = self._check

    def _check(self, request: Request) -> dict[str, Any]:
        if key(request) in self.accepted:
            return {}
        refusal = {"__type": f"com.amazon.coral.service#{self.code}", "message": self.message}
        return {"status": 400, "body": json.dumps(refusal).encode()}

    @property
    def keys(self) -> list[str]:
        """The keys of the requests that came, in order; forget them."""
        found = [key(request) for request in self.requests]
        self.requests.clear()
        return found


def key(request: Request) -> str:
    """Return the access key that a request was signed with."""
    return request.headers["authorization"].partition("Credential=")[2].partition("/")[0]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Doorkeeper]:
    """A server that accepts the key ``old``; no client of before is left for it."""
    monkeypatch.setattr("beaker_dynamodb.dynamodb.client._clients._value", {})
    server = Doorkeeper()
    with server:
        yield server


@pytest.fixture(params=["boto3", "lean"])
def options(
    request: pytest.FixtureRequest, server: Doorkeeper, clock: Clock, monkeypatch: Any
) -> dict[str, Any]:
    """Options that lead to the server, without credentials."""
    # No jitter: each wait is as long as it can be.
    monkeypatch.setattr("beaker_dynamodb.dynamodb.client.random.uniform", lambda low, high: high)
    return {
        **OFFLINE,
        **NO_KEYS,
        "endpoint_url": server.url,
        "transport": request.param,
        "clock": clock,
    }


def fails(manager: DynamoDBNamespaceManager) -> str | None:
    """Read a value, which must fail, and return AWS's code."""
    with pytest.raises(StoreUnavailable) as caught:
        manager[b"k"]
    return caught.value.aws_code


@pytest.mark.parametrize(("code", "message"), CODES)
@pytest.mark.parametrize(
    "use",
    [
        lambda manager: manager[b"k"],
        lambda manager: manager.set_value(b"k", "v"),
        lambda manager: manager.__delitem__(b"k"),
    ],
    ids=["get", "put", "delete"],
)
def test_keys_that_are_replaced_in_the_file_are_read_at_the_first_refusal(
    options: dict[str, Any],
    server: Doorkeeper,
    key_file: KeyFile,  # noqa: F811
    use: Callable[[DynamoDBNamespaceManager], object],
    code: str,
    message: str,
) -> None:
    manager = DynamoDBNamespaceManager("n", **{**options, **key_file.options})
    use(manager)
    use(manager)
    key_file.write("new")
    server.accepted, server.code, server.message = {"new"}, code, message
    assert ["old", "old"] == server.keys
    use(manager)
    use(manager)
    assert ["old", "new", "new"] == server.keys


def test_credentials_of_a_helper_are_replaced(
    options: dict[str, Any],
    server: Doorkeeper,
    helper: Helper,  # noqa: F811
) -> None:
    helper.gives("old", seconds=7200)
    manager = DynamoDBNamespaceManager("n", **{**options, **helper.options})
    assert "value" == manager[b"k"]
    helper.gives("new", seconds=7200)
    server.accepted = {"new"}
    assert "value" == manager[b"k"]
    assert 2 == helper.runs


def test_while_fresh_ones_are_refused_too_the_wait_doubles_up_to_a_minute(
    options: dict[str, Any],
    server: Doorkeeper,
    helper: Helper,  # noqa: F811
    clock: Clock,
) -> None:
    server.accepted = set()
    manager = DynamoDBNamespaceManager("n", **{**options, **helper.options})
    # At once, and each failing call is sent once but for the one that follows.
    assert "UnrecognizedClientException" == fails(manager)
    assert (2, 2) == (helper.runs, len(server.keys))
    waits: list[int] = []
    seconds, runs = 0, helper.runs
    while len(waits) < 8:
        clock.advance(1)
        seconds += 1
        fails(manager)
        if helper.runs > runs:
            assert 2 == len(server.keys)
            waits.append(seconds)
            seconds, runs = 0, helper.runs
        else:
            assert 1 == len(server.keys)
    assert [1, 2, 4, 8, 16, 32, 60, 60] == waits

    server.accepted = {"helped-key"}
    assert "value" == manager[b"k"]


def test_keys_that_work_again_are_replaced_at_once_the_next_time(
    options: dict[str, Any],
    server: Doorkeeper,
    key_file: KeyFile,  # noqa: F811
    clock: Clock,
) -> None:
    manager = DynamoDBNamespaceManager("n", **{**options, **key_file.options})
    server.accepted = set()
    for _ in range(4):
        fails(manager)
        clock.advance(10)
    for name in ("second", "third", "fourth"):
        key_file.write(name)
        server.accepted = {name}
        clock.advance(60 if name == "second" else 0)
        assert "value" == manager[b"k"]


def test_threads_that_are_refused_together_make_one_client(
    options: dict[str, Any],
    server: Doorkeeper,
    helper: Helper,  # noqa: F811
) -> None:
    helper.gives("old")
    manager = DynamoDBNamespaceManager("n", **{**options, **helper.options})
    assert "value" == manager[b"k"]
    helper.gives("new")
    server.accepted = {"new"}
    together = threading.Barrier(THREADS)
    check = server.plan

    def all_at_once(request: Request) -> dict[str, Any]:
        if key(request) == "old":
            together.wait(60)
        return check(request)

    server.plan = all_at_once
    with ThreadPoolExecutor(THREADS) as threads:
        found = list(threads.map(lambda _: manager[b"k"], range(THREADS)))
    assert ["value"] * THREADS == found
    assert 2 == helper.runs


def test_the_applications_own_client_is_never_replaced(
    server: Doorkeeper,
    key_file: KeyFile,  # noqa: F811
) -> None:
    session = boto3.session.Session(profile_name="filed")
    mine = session.client("dynamodb", region_name="eu-west-1", endpoint_url=server.url)
    manager = DynamoDBNamespaceManager("n", client=mine)
    key_file.write("new")
    server.accepted = {"new"}
    assert "UnrecognizedClientException" == fails(manager)
    assert ["old"] == server.keys
    assert mine is manager.client


def test_keys_among_the_options_stay_what_they_are(
    options: dict[str, Any], server: Doorkeeper
) -> None:
    mine = {**options, "aws_access_key_id": "mine", "aws_secret_access_key": "s"}
    manager = DynamoDBNamespaceManager("n", **mine)
    server.accepted = {"mine"}
    assert ["value"] * 2 == [manager[b"k"] for _ in range(2)]
    server.accepted, server.requests[:] = set(), []
    client = manager.client
    assert "UnrecognizedClientException" == fails(manager)
    assert ["mine"] == server.keys
    assert client is manager.client

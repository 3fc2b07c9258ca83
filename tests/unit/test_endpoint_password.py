"""`endpoint_url` with a user and a password: sent as botocore sends it, and shown nowhere."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from beaker_dynamodb import ConfigurationError, DynamoDBNamespaceManager, StoreUnavailable
from beaker_dynamodb.config.options import Options
from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.dynamodb import client as clients
from beaker_dynamodb.dynamodb import wire
from tests.unit.lean_server import LeanServer
from tests.unit.test_client import OFFLINE
from tests.unit.test_hooks import KEY, botocore_s

PASSWORD = "hunter2"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[LeanServer]:
    """A server that knows nothing."""
    monkeypatch.setattr(clients._clients, "_value", {})
    with LeanServer({}) as server:
        yield server


def with_password(url: str) -> str:
    """Put a user and a password into an address, and the host in capitals."""
    return url.replace("127.0.0.1", f"user:{PASSWORD}@LOCALHOST")


def plain_client(address: str) -> Any:
    """Make a client as boto3 makes it."""
    options: dict[str, Any] = {**OFFLINE, "endpoint_url": address}
    return boto3.session.Session().client("dynamodb", **options)


def by_option(url: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Give the address as an option."""
    return {"endpoint_url": url}


def by_environment(url: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Give the address in AWS's own way."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
    return {"endpoint_url": None}


ways = pytest.mark.parametrize("way", [by_option, by_environment])
Way = Callable[[str, pytest.MonkeyPatch], dict[str, Any]]


@ways
@pytest.mark.parametrize("transport", ["boto3", "lean"])
def test_requests_are_those_of_a_plain_client(
    server: LeanServer, monkeypatch: pytest.MonkeyPatch, transport: str, way: Way
) -> None:
    address = with_password(server.url)
    options = {**OFFLINE, **way(address, monkeypatch), "transport": transport}
    plain_client(address).get_item(TableName="table", Key=KEY)
    manager = DynamoDBNamespaceManager("n", **options)
    for _ in range(2):
        manager.client.get_item(TableName="table", Key=KEY)
    (theirs, *ours) = server.requests
    assert 2 == len(ours)
    for request in ours:
        assert theirs.path == request.path
        assert theirs.headers["host"] == request.headers["host"]
        # Signed with the host that was sent, or botocore would come to another signature.
        signature = botocore_s(request, server.url.replace("127.0.0.1", "localhost"))
        assert request.headers["authorization"].endswith(signature)


@ways
@pytest.mark.parametrize("transport", ["boto3", "lean"])
def test_no_error_and_no_log_line_shows_the_password(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    transport: str,
    way: Way,
) -> None:
    monkeypatch.setattr(clients._clients, "_value", {})
    caplog.set_level(logging.DEBUG, "beaker_dynamodb")
    options = {**OFFLINE, **way(with_password("http://127.0.0.1:1"), monkeypatch)}
    manager = DynamoDBNamespaceManager("n", **options, transport=transport, max_attempts=1)
    with pytest.raises(StoreUnavailable) as caught:
        manager["session"]
    assert caught.value.__cause__ is not None
    shown = [*traceback.format_exception(caught.value), caplog.text, repr(manager.backend.options)]
    shown += [str(manager.client.meta.endpoint_url), repr(vars(manager))]
    assert PASSWORD not in "".join(shown)


def test_an_own_clients_address_is_not_in_a_traceback() -> None:
    url = with_password("http://127.0.0.1:1")
    client = plain_client(url)
    with pytest.raises(StoreUnavailable) as caught:
        DynamoDBNamespaceManager("n", client=client)["session"]
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("make", [Options, lambda **given: parse(given)], ids=["direct", "parsed"])
def test_a_repr_shows_the_address_without_the_password(make: Callable[..., Options]) -> None:
    shown = repr(make(endpoint_url=with_password("http://127.0.0.1:8000/path")))
    assert PASSWORD not in shown
    assert "LOCALHOST:8000/path" in shown


@pytest.mark.parametrize(
    "address",
    [
        f"user:{PASSWORD}@127.0.0.1:8000",
        f"http://user:{PASSWORD}@:80",
        f"http://user:{PASSWORD}@127.0.0.1:99999",
        f"http://user:{PASSWORD}@[::1",
        f"ftp://user:{PASSWORD}@127.0.0.1",
        f"http://user:{PASSWORD}@127.0.0.1:port",
    ],
)
def test_an_address_that_is_none_is_refused_without_showing_it(address: str) -> None:
    with pytest.raises(ConfigurationError, match="endpoint_url") as caught:
        parse({"endpoint_url": address})
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))
    assert PASSWORD not in repr(Options(endpoint_url=address))


@pytest.mark.parametrize("address", [f"http://u:{PASSWORD}@:80", f"u:{PASSWORD}@localhost"])
def test_an_address_of_the_environment_is_refused_without_showing_it(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setattr(clients._clients, "_value", {})
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", address)
    with pytest.raises(ConfigurationError, match="endpoint") as caught:
        DynamoDBNamespaceManager("n", **{**OFFLINE, "endpoint_url": None})["session"]
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))


def test_an_address_without_secret_is_shown_where_it_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="'localhost:8000'"):
        parse({"endpoint_url": "localhost:8000"})


@pytest.mark.parametrize(
    "url",
    [
        "https://dynamodb.eu-west-1.amazonaws.com",
        "https://u:p@Dynamodb.EU-west-1.amazonaws.com:443/",
        "http://u@127.0.0.1:8000/",
        "http://u:p%40ss@[::1]:8000",
        "http://[::1]:80",
        "https://localhost:80",
        "http://localhost:443",
    ],
)
def test_the_host_is_botocore_s(url: str) -> None:
    from botocore.auth import _host_from_url  # type: ignore[attr-defined]  # not in the hints

    assert _host_from_url(url) == wire.host(url)

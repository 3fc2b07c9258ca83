"""With `transport = auto`, other code that observes boto3's calls sees each of them."""

from __future__ import annotations

import http.client
import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.handlers import add_retry_headers
from botocore.history import get_global_history_recorder
from botocore.httpsession import URLLib3Session
from botocore.stub import Stubber

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.dynamodb import observers
from tests.dynamodb.fake_server import FakeServer, fast, warm


@pytest.fixture
def cache(server: FakeServer) -> DynamoDBNamespaceManager:
    return warm(server)


@pytest.fixture
def calls(cache: DynamoDBNamespaceManager, server: FakeServer) -> Callable[[], list[bool]]:
    """Return whether each of two reads, a write and a delete was fast."""

    def call() -> list[bool]:
        server.requests.clear()
        assert ["value"] * 2 == [cache[b"k"] for _ in range(2)]
        cache[b"k"] = "value"
        del cache[b"k"]
        return fast(server)

    assert [True] * 4 == call()
    return call


def wrapped(function: Any) -> Any:
    """Return a wrapper like a tracer's."""

    @wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


class Pretender:
    """A wrapper that claims to equal the function that it wraps, like the package wrapt's."""

    def __init__(self, function: Any) -> None:
        self._function = function
        self.__module__ = function.__module__
        self.__globals__ = getattr(function, "__globals__", {})

    def __eq__(self, other: object) -> bool:
        return bool(self._function == other)

    def __hash__(self) -> int:
        return hash(self._function)

    def __get__(self, instance: Any, owner: type) -> Any:
        return self if instance is None else self._function.__get__(instance, owner)


@pytest.mark.parametrize("wrap", [wrapped, Pretender])
def test_a_wrapped_function_is_noticed(
    cache: DynamoDBNamespaceManager, monkeypatch: pytest.MonkeyPatch, wrap: Any
) -> None:
    observed = _observers(cache)
    assert not observed.present()
    for owner, name in observed.places:
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, wrap(getattr(owner, name)))
            assert observed.present(), name
            assert observed.present(), name
        assert not observed.present(), name
    assert len(observed.places) > 50


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("", "_make_api_call"),
        ("_endpoint", "_send"),
        ("_endpoint", "http_session"),
        ("_endpoint.http_session", "send"),
        ("_request_signer", "sign"),
        ("meta.events", "emit"),
        ("meta.events._emitter", "emit"),
    ],
)
def test_a_replaced_attribute_of_the_clients_objects_is_noticed(
    cache: DynamoDBNamespaceManager, monkeypatch: pytest.MonkeyPatch, path: str, name: str
) -> None:
    observed, target = _observers(cache), cache.client
    for part in filter(None, path.split(".")):
        target = getattr(target, part)
    with monkeypatch.context() as patch:
        patch.setattr(target, name, wrapped(getattr(target, name)))
        assert observed.present()
    assert not observed.present()


def test_http_clients_debug_output_is_noticed(
    cache: DynamoDBNamespaceManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)
    assert _observers(cache).present()


def _observers(cache: DynamoDBNamespaceManager) -> observers.Observers:
    transport: Any = cache.backend.items.client.transport()
    found: observers.Observers = transport._observers
    return found


def test_calls_are_left_to_boto3_while_a_function_is_wrapped(
    calls: Callable[[], list[bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        real = getattr(BaseClient, "_make_api_call")  # noqa: B009 (not in its type hints)
        patch.setattr(BaseClient, "_make_api_call", wrapped(real))
        assert [False] * 4 == calls()
    assert [True] * 4 == calls()


@pytest.mark.parametrize("name", ["get_item", "_make_api_call"])
def test_a_replaced_method_of_the_client_is_called(
    cache: DynamoDBNamespaceManager,
    calls: Callable[[], list[bool]],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    client = cache.client
    with monkeypatch.context() as patch:
        patch.setattr(client, name, wrapped(getattr(client, name)))
        assert [False, False] == calls()[:2]
    assert [True] * 4 == calls()


@pytest.mark.parametrize("wraps", [None, add_retry_headers], ids=["own", "wraps botocore's"])
@pytest.mark.parametrize("operation", ["", ".PutItem"])
def test_a_registered_handler_is_noticed(
    cache: DynamoDBNamespaceManager, operation: str, wraps: Any
) -> None:
    def handle(**_: Any) -> None:
        """Do nothing."""

    handler = handle if wraps is None else wrapped(wraps)
    observed, events = _observers(cache), cache.client.meta.events
    for event in observers.EVENTS:
        name = f"{event}.dynamodb{operation}"
        events.register(name, handler)
        assert observed.present(), name
        events.unregister(name, handler)
        assert not observed.present(), name


def test_all_events_of_a_call_are_known(
    cache: DynamoDBNamespaceManager, calls: Callable[[], list[bool]], monkeypatch: Any
) -> None:
    """A new version of botocore may have other functions."""
    monkeypatch.setattr(observers, "ORIGINAL", [])
    _observers(cache)._originals = []
    assert [False] * 4 == calls()
    emitted = cache.client.meta.events._emitter._lookup_cache  # type: ignore[attr-defined]
    assert {name.partition(".")[0] for name in emitted} <= {*observers.EVENTS}
    assert len(emitted) > 20


def test_a_stubber_answers(cache: DynamoDBNamespaceManager, server: FakeServer) -> None:
    with Stubber(cache.client) as stubber:
        stubber.add_response("get_item", {})
        assert b"k" not in cache
    assert [] == server.requests


def test_debug_logs_describe_each_call(
    calls: Callable[[], list[bool]], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "botocore"):
        assert [False] * 4 == calls()
    assert [True] * 4 == calls()


def test_botocores_history_has_each_call(
    calls: Callable[[], list[bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(get_global_history_recorder(), "_enabled", True)
        assert [False] * 4 == calls()
    assert [True] * 4 == calls()


def test_lean_bypasses_observers(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = warm(server, transport="lean")
    monkeypatch.setattr(URLLib3Session, "send", wrapped(URLLib3Session.send))
    assert "value" == cache[b"k"]
    assert [True] == fast(server)

"""How a session's payload is encoded and decoded."""

from __future__ import annotations

import threading
from base64 import b64decode
from typing import Any
from unittest import mock

import pytest
from beaker.cache import clsmap
from beaker.container import MemoryNamespaceManager
from beaker.util import PickleSerializer

from beaker_dynamodb import (
    ConfigurationError,
    DynamoDBNamespaceManager,
    DynamoDBSession,
    PayloadError,
)
from beaker_dynamodb.session_item import in_dynamodb
from beaker_dynamodb.sessions.payload import Payload
from beaker_dynamodb.sessions.session_format import SessionFormat
from tests.sessions.driven import Visitor
from tests.sessions.site import ENCRYPTED, Site, store, values


def test_a_changed_scalar_is_saved_without_decoding_the_session_again(
    options: dict[str, Any],
) -> None:
    visitor = Visitor(options, DynamoDBSession)
    visitor.starts(n=1, basket=[1])
    session, other = visitor.request(), visitor.request()
    with mock.patch.object(PickleSerializer, "loads", side_effect=AssertionError) as loads:
        session["n"] = 2
        session.save()
        session["new"] = 3
        session.save()
        del session["new"]
        session.save()
        assert 0 == loads.call_count
    # Changes in place, and changes by other requests, show only in the stored bytes.
    other["basket"].append(2)
    other.save()
    assert {"n": 2, "basket": [1, 2]} == visitor.finds()


def test_beaker_reads_the_newer_protocol_of_this_packages_middleware(
    options: dict[str, Any],
) -> None:
    cookie = Site("ours", options)(store(name="Ada")).cookie
    payload = DynamoDBNamespaceManager(cookie.partition("=")[2], **options)["session"]
    assert b"\x80\x04" == b64decode(payload)[:2]
    assert {"name": "Ada"} == Site("beaker", options)(values, cookie).result


def test_a_payload_is_decoded_while_another_one_is() -> None:
    """Decoding runs the application's code, which may wait for another thread or fork."""
    other = Payload("other", mock.Mock(loads=lambda _: {"a": 1}))
    found: list[object] = []

    def decode(raw: Any) -> dict[str, Any]:
        thread = threading.Thread(target=lambda: found.append(other.data), daemon=True)
        thread.start()
        thread.join(60)
        return {}

    assert {} == Payload("slow", mock.Mock(loads=decode)).data
    assert [{"a": 1}] == found


class Subclass(DynamoDBNamespaceManager):
    """A backend of the application."""


@pytest.mark.parametrize(
    ("options", "stored"),
    [
        ({"type": "ext:dynamodb"}, True),
        ({"type": "dynamodb"}, True),
        ({"type": "memory"}, False),
        ({"type": "cookie"}, False),
        ({"type": "mine"}, True),
        ({"type": "cookie", "namespace_class": Subclass}, True),
        ({"type": "mine", "namespace_class": MemoryNamespaceManager}, False),
        ({"type": "mine", "namespace_class": "a name"}, False),
        ({"type": "cookie", "namespace_class": None}, False),
    ],
    ids=str,
)
def test_a_type_or_class_of_this_package_stores_in_dynamodb(
    options: dict[str, Any], stored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(clsmap._clsmap, "mine", Subclass)
    assert stored is in_dynamodb(options)


def test_the_default_type_is_dynamodb(moved: dict[str, Any]) -> None:
    for chosen in ({}, {"type": None}, {"type": ""}):
        session = DynamoDBSession({}, use_cookies=False, **chosen, **moved)
        assert "ext:dynamodb" == session.type
    with pytest.raises(ConfigurationError) as caught:
        DynamoDBSession({}, type="file")
    assert "DynamoDBSession needs type = ext:dynamodb, not 'file'" == str(caught.value)


def test_a_clock_that_cannot_be_called_is_refused_as_an_option_and_not_used(
    moved: dict[str, Any],
) -> None:
    with pytest.raises(ConfigurationError, match="clock"):
        Visitor({**moved, "clock": "12:00"}, DynamoDBSession).starts(a=1)


class Broken:
    @staticmethod
    def dumps(data: dict[str, Any]) -> bytes:
        raise ZeroDivisionError("secret")

    loads = dumps


class Empty(PickleSerializer):  # type: ignore[misc]  # Beaker has no type hints
    @staticmethod
    def loads(data: bytes) -> None:
        return None


def format_with(moved: dict[str, Any], serializer: Any, **extra: object) -> SessionFormat:
    options = {**moved, "data_serializer": serializer, **extra}
    return SessionFormat(Visitor(options, DynamoDBSession).request())


@pytest.mark.parametrize("extra", [{}, ENCRYPTED], ids=["plain", "encrypted"])
def test_errors_of_a_serializer_are_payload_errors(
    moved: dict[str, Any], extra: dict[str, object]
) -> None:
    stored = format_with(moved, PickleSerializer(), **extra).encode({"a": 1})
    format = format_with(moved, Broken(), **extra)
    with pytest.raises(PayloadError) as caught:
        format.decode(stored)
    assert "cannot decode a session's payload: ZeroDivisionError" == str(caught.value)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    with pytest.raises(PayloadError) as caught:
        format.encode({"a": 1})
    text = "data_serializer cannot encode a session's data: ZeroDivisionError"
    assert text == str(caught.value)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert format.loads(stored) is None


@pytest.mark.parametrize("extra", [{}, ENCRYPTED], ids=["plain", "encrypted"])
def test_nothing_is_read_as_an_empty_session(
    moved: dict[str, Any], extra: dict[str, object]
) -> None:
    format = format_with(moved, Empty(), **extra)
    stored = format.encode({"a": 1})
    assert {} == format.decode(stored)
    assert {} == format.decode(stored, Empty())
    assert {"a": 1} == format.decode(stored, PickleSerializer())


def test_a_payload_that_is_not_encrypted_is_refused_with_a_key(moved: dict[str, Any]) -> None:
    plain = format_with(moved, PickleSerializer()).encode({"a": 1})
    with pytest.raises(PayloadError):
        format_with(moved, PickleSerializer(), **ENCRYPTED).decode(plain)


def test_the_version_belongs_to_the_current_id(moved: dict[str, Any]) -> None:
    visitor = Visitor({**moved, "consistent_read": "auto"}, DynamoDBSession)
    session = visitor.starts(a=1)
    version = session._data_version()
    assert version is not None
    assert 1 == version[0]
    session.regenerate_id()
    assert session._data_version() is None
    session._close()
    assert session._data_version() is None

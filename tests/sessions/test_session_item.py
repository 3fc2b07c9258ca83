"""Whether a session is stored in DynamoDB, and how its payload is decoded and encoded."""

from __future__ import annotations

from typing import Any

import pytest
from beaker.cache import clsmap
from beaker.container import MemoryNamespaceManager
from beaker.util import JsonSerializer, PickleSerializer

from beaker_dynamodb import ConfigurationError, DynamoDBNamespaceManager, PayloadError
from beaker_dynamodb.items.codec import SessionBytes
from beaker_dynamodb.session import DynamoDBSession
from beaker_dynamodb.session_item import in_dynamodb
from tests.sessions.driven import Visitor
from tests.sessions.site import ENCRYPTED


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
    for given in ({}, {"type": None}, {"type": ""}):
        session = DynamoDBSession({}, use_cookies=False, **given, **moved)
        assert "ext:dynamodb" == session.type
    with pytest.raises(ConfigurationError) as caught:
        DynamoDBSession({}, type="file")
    assert "DynamoDBSession needs type = ext:dynamodb, not 'file'" == str(caught.value)


def test_a_clock_that_cannot_be_called_is_refused_as_an_option_and_not_used(
    moved: dict[str, Any],
) -> None:
    with pytest.raises(ConfigurationError, match="clock"):
        Visitor({**moved, "clock": "12:00"}, DynamoDBSession).starts(a=1)


# -- payload ----------------------------------------------------------------------------------


class Broken:
    """A serializer that fails."""

    @staticmethod
    def dumps(data: dict[str, Any]) -> bytes:
        raise ZeroDivisionError("secret")

    loads = dumps


class Empty(PickleSerializer):  # type: ignore[misc]  # Beaker has no type hints
    """A serializer that reads every session as an empty one."""

    @staticmethod
    def loads(data: bytes) -> None:
        return None


def session_with(moved: dict[str, Any], serializer: Any, **more: object) -> DynamoDBSession:
    visitor = Visitor({**moved, "data_serializer": serializer, **more}, DynamoDBSession)
    session: DynamoDBSession = visitor.request()
    return session


@pytest.mark.parametrize("more", [{}, ENCRYPTED], ids=["plain", "encrypted"])
def test_errors_of_a_serializer_are_payload_errors(
    moved: dict[str, Any], more: dict[str, object]
) -> None:
    stored = session_with(moved, PickleSerializer(), **more)._encode({"a": 1})
    session = session_with(moved, Broken(), **more)
    with pytest.raises(PayloadError) as caught:
        session._decode(stored)
    assert "cannot decode a session's payload: ZeroDivisionError" == str(caught.value)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    with pytest.raises(PayloadError) as caught:
        session._encode({"a": 1})
    text = "data_serializer cannot encode a session's data: ZeroDivisionError"
    assert text == str(caught.value)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert session._decode_if_possible(stored) is None


@pytest.mark.parametrize("more", [{}, ENCRYPTED], ids=["plain", "encrypted"])
def test_nothing_is_read_as_an_empty_session(
    moved: dict[str, Any], more: dict[str, object]
) -> None:
    session = session_with(moved, Empty(), **more)
    stored = session._encode({"a": 1})
    assert {} == session._decode(stored)
    assert {} == session._decode(stored, Empty())
    assert {"a": 1} == session._decode(stored, PickleSerializer())


@pytest.mark.parametrize("serializer", [PickleSerializer, JsonSerializer])
@pytest.mark.parametrize("more", [{}, ENCRYPTED], ids=["plain", "encrypted"])
def test_an_unsigned_payload_with_plain_data_is_encoded_again(
    moved: dict[str, Any], serializer: Any, more: dict[str, object]
) -> None:
    session = session_with(moved, serializer(), **more)
    plain = session._plain(session._encode({"a": 1}))
    assert isinstance(plain, str if more else SessionBytes)
    assert {"a": 1} == session._decode(plain)


def test_a_payload_that_is_not_encrypted_is_refused_with_a_key(moved: dict[str, Any]) -> None:
    plain = session_with(moved, PickleSerializer())._encode({"a": 1})
    with pytest.raises(PayloadError):
        session_with(moved, PickleSerializer(), **ENCRYPTED)._decode(plain)


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


def test_an_unsigned_payload_of_another_serializer_is_refused(moved: dict[str, Any]) -> None:
    with pytest.raises(PayloadError) as caught:
        session_with(moved, Empty())._plain(b"")
    text = "an unsigned session of another data_serializer cannot be checked for plain data "
    assert text + "(option accept_unsigned)" == str(caught.value)

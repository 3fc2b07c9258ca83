"""The option `serializer`: pickle, JSON, or an object with `dumps` and `loads`."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from beaker_dynamodb import PayloadError
from tests.opening import Opener
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import Visitor, save

JSON = SimpleNamespace(dumps=json.dumps, loads=json.loads)


class Raising:
    def __init__(self, error: Exception) -> None:
        self.error = error

    def __reduce__(self) -> str:
        raise self.error


def raising(error: Exception) -> Callable[[object], Any]:
    def call(value: object) -> Any:
        raise error

    return call


def returning(value: object) -> SimpleNamespace:
    return SimpleNamespace(dumps=lambda _: value, loads=lambda data: ("loaded", data))


NOT_ENCODABLE: list[tuple[Any, Any]] = [
    *(("pickle", value) for value in (lambda: None, threading.Lock())),
    *(("pickle", Raising(error)) for error in (KeyError("k"), TypeError())),
    *(("json", value) for value in ({1, 2}, object(), b"bytes", 1 + 2j, {(1, 2): 3}, float)),
    ("json", [{"users": [{1: "Ada"}]}]),
    (JSON, b"bytes"),
    *((returning(value), 1) for value in (None, 7, {"a": 1}, "\ud800")),
    *((SimpleNamespace(dumps=raising(e), loads=bytes), 1) for e in (KeyError("k"), TypeError())),
]


def test_a_value_that_cannot_be_encoded_does_not_replace_the_old_one(
    open_namespace: Opener, sent: CallRecorder
) -> None:
    open_namespace()[b"k"] = "old"
    sent.clear()
    for serializer, value in NOT_ENCODABLE:
        with pytest.raises(PayloadError, match="cannot be encoded") as caught:
            open_namespace(serializer=serializer)[b"k"] = value
        assert not isinstance(caught.value, (TypeError, KeyError))
    assert [] == sent.operations
    assert "old" == open_namespace()[b"k"]


def test_a_session_that_cannot_be_encoded_does_not_replace_the_old_one(
    open_namespace: Opener, sent: CallRecorder
) -> None:
    manager = open_namespace("id", serializer="json")
    manager["session"] = {"name": "Ada"}
    sent.clear()
    with pytest.raises(PayloadError, match="cannot be encoded"):
        manager["session"] = {"name": {1, 2}}
    assert [] == sent.operations
    assert {"name": "Ada"} == open_namespace("id", serializer="json")["session"]


@pytest.mark.parametrize("error", [KeyError("k"), TypeError(), RecursionError()], ids=repr)
def test_an_entry_that_an_object_cannot_decode_is_missing(
    open_namespace: Opener, error: Exception
) -> None:
    serializer = SimpleNamespace(dumps=lambda _: b"stored", loads=raising(error))
    manager = open_namespace(serializer=serializer)
    manager[b"k"] = 1
    for reader in (manager, open_namespace()):
        assert b"k" not in reader
        with pytest.raises(KeyError):
            reader[b"k"]
        assert 2 == reader.undecodable_missed


def test_a_session_that_an_object_cannot_decode_is_an_error(open_namespace: Opener) -> None:
    serializer = SimpleNamespace(dumps=lambda _: b"stored", loads=raising(KeyError("k")))
    open_namespace("id", serializer=serializer)["session"] = {"not": "a str"}
    with pytest.raises(PayloadError):
        open_namespace("id", serializer=serializer)["session"]
    with pytest.raises(PayloadError, match="serializer object"):
        open_namespace("id")["session"]


def test_large_sessions_are_logged_once(
    open_namespace: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    visitor = Visitor({"compression": "off", **open_namespace.options})
    with caplog.at_level(logging.WARNING, "beaker_dynamodb"):
        visitor.starts(text="x" * 60_000)
        assert [] == caplog.messages
        for letter in "abc":
            save(visitor.request(), text=letter * 70_000)
    (message,) = caplog.messages
    assert "68 KB" in message

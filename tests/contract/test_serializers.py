"""The option `serializer`: pickle, json, or an object with dumps and loads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from beaker_dynamodb import PayloadError

if TYPE_CHECKING:
    from tests.contract.opening import Opener
    from tests.servers.recorder import CallRecorder


class Serializer:
    """Gives what it is told to.

    :param dumped: for every value; an exception is raised.
    """

    def __init__(self, dumped: Any) -> None:
        self.dumped = dumped
        self.loaded: list[Any] = []

    def dumps(self, value: object) -> Any:
        """Give ``dumped``."""
        if isinstance(self.dumped, Exception):
            raise self.dumped
        return self.dumped

    def loads(self, data: Any) -> object:
        """Keep what was stored."""
        self.loaded.append(data)
        if isinstance(self.dumped, Exception):
            raise self.dumped
        return "loaded"


def test_json_is_readable_in_the_table(open_namespace: Opener) -> None:
    """With `serializer = json` a value is stored as JSON, and read as JSON gives it."""
    manager = open_namespace(serializer="json")
    manager[b"k"] = (1.5, None, {"größe": [True, ""]})
    assert [1.5, None, {"größe": [True, ""]}] == manager[b"k"]
    item = open_namespace.item()
    assert {"S": "json"} == item["codec"]
    assert [1.5, None, {"größe": [True, ""]}] == json.loads(bytes(item["data"]["B"]))


def test_what_json_cannot_hold_leaves_the_old_value(open_namespace: Opener) -> None:
    """A set is no JSON: PayloadError, and the old value stays."""
    manager = open_namespace(serializer="json")
    manager[b"k"] = 1
    with pytest.raises(PayloadError):
        manager[b"k"] = {1, 2}
    assert 1 == manager[b"k"]


def test_a_value_is_read_the_way_it_was_written(open_namespace: Opener) -> None:
    """The item says how it is encoded, so that the option can be changed at any time."""
    open_namespace(serializer="json")[b"json"] = [1]
    open_namespace(serializer="pickle")[b"pickle"] = (1,)
    assert [1] == open_namespace(serializer="pickle")[b"json"]


@pytest.mark.parametrize("dumped", [b"\x00\xff", "tëxt", b"", ""], ids=repr)
def test_an_object_reads_what_it_wrote(open_namespace: Opener, dumped: str | bytes) -> None:
    """An object's bytes come back to it as bytes, its text as text."""
    serializer = Serializer(dumped)
    manager = open_namespace(serializer=serializer)
    manager[b"k"] = object()
    assert "loaded" == manager[b"k"]
    assert [dumped] == serializer.loaded
    assert type(dumped) is type(serializer.loaded[0])


@pytest.mark.parametrize(
    "dumped", [None, 7, {"a": 1}, "\ud800", KeyError("k"), TypeError()], ids=repr
)
def test_an_object_that_cannot_encode_leaves_the_old_value(
    open_namespace: Opener, sent: CallRecorder, dumped: object
) -> None:
    """Whatever it raises, or gives instead of bytes or a text, is a PayloadError."""
    manager = open_namespace()
    manager[b"k"] = "old"
    sent.clear()
    with pytest.raises(PayloadError):
        open_namespace(serializer=Serializer(dumped))[b"k"] = "new"
    assert [] == sent.operations
    assert "old" == manager[b"k"]


@pytest.mark.parametrize("error", [KeyError("k"), TypeError(), RecursionError()], ids=repr)
def test_what_an_object_cannot_decode_is_a_miss(open_namespace: Opener, error: Exception) -> None:
    serializer = Serializer(b"stored")
    manager = open_namespace(serializer=serializer)
    manager[b"k"] = 1
    serializer.dumped = error
    for reader in (manager, open_namespace()):
        assert b"k" not in reader
        with pytest.raises(KeyError):
            reader[b"k"]
        assert 2 == reader.undecodable_missed


def test_a_session_that_an_object_cannot_decode_stays_an_error(open_namespace: Opener) -> None:
    serializer = Serializer(b"stored")
    open_namespace("id", serializer=serializer)["session"] = {"no": "text"}
    serializer.dumped = KeyError("k")
    with pytest.raises(PayloadError):
        open_namespace("id", serializer=serializer)["session"]
    with pytest.raises(PayloadError, match="serializer object"):
        open_namespace("id")["session"]

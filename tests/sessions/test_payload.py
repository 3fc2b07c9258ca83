"""How a session's payload is encoded, decoded, and compared without decoding if possible."""

from __future__ import annotations

import pickle
import threading
from base64 import b64decode
from typing import Any
from unittest import mock

import pytest
from beaker.cache import clsmap
from beaker.container import MemoryNamespaceManager
from beaker.util import PickleSerializer
from hypothesis import given
from hypothesis import strategies as st

from beaker_dynamodb import (
    ConfigurationError,
    DynamoDBNamespaceManager,
    DynamoDBSession,
    PayloadError,
)
from beaker_dynamodb.items.codec import SessionBytes
from beaker_dynamodb.session_item import in_dynamodb
from beaker_dynamodb.sessions import merge, record
from beaker_dynamodb.sessions.payload import BEAKER, Payload, same_except_access_time
from beaker_dynamodb.sessions.session_format import SessionFormat
from tests.sessions.driven import Visitor
from tests.sessions.site import ENCRYPTED, MIDDLEWARES, Site, store, values

TIMES = {"_creation_time": 1.5, "_accessed_time": 2.5}
#: A value that looks like the beginning of a session.
FORGERY = pickle.dumps({**TIMES, "a": 1}, 2).decode("latin-1")
VALUES = st.dictionaries(
    st.sampled_from(["a", "_domain", "_path", "_accessed_time", "_creation_time", FORGERY]),
    st.one_of(st.integers(), st.floats(allow_nan=False), st.text(), st.just(FORGERY)),
)


def payload(session: Any, protocol: int = 2) -> Any:
    return SessionBytes(pickle.dumps(session, protocol))


#: Beaker's middleware writes protocol 2, this package's writes 4.
protocols = pytest.mark.parametrize("protocol", [2, 4])


@protocols
@pytest.mark.parametrize(
    "first",
    [
        TIMES,
        dict(reversed(TIMES.items())),
        {"_accessed_time": 1.5},
        {"_domain": None, "_path": "/", **TIMES},
        {"_domain": "example.org", "_path": "/shop", **TIMES},
        {"_path": "", "_domain": "", **TIMES},
    ],
    ids=str,
)
def test_the_access_time_makes_no_difference(first: dict[str, float], protocol: int) -> None:
    one, two = (
        payload({**first, "_accessed_time": time, "a": "value"}, protocol) for time in (8.25, 1e9)
    )
    with mock.patch.object(pickle, "loads", side_effect=AssertionError):
        assert 8.25 == Payload(one, BEAKER).accessed
    assert same_except_access_time(one, two)
    assert same_except_access_time(one, SessionBytes.text(two))


@protocols
def test_the_access_time_is_not_read_from_another_string(protocol: int) -> None:
    forged = "zqxX\x0e\0\0\0_accessed_timeq\x01G12345678"
    session = {"_domain": forged, "_path": "/", "_accessed_time": 1.5, "a": 1}
    assert 1.5 == Payload(payload(session, protocol), BEAKER).accessed


@protocols
def test_a_payload_that_ends_within_its_access_time_has_none(protocol: int) -> None:
    whole = payload({**TIMES, "a": 1}, protocol)
    for end in range(len(whole)):
        cut = SessionBytes(whole[:end])
        assert Payload(cut, BEAKER).accessed in (None, 2.5)
        assert not same_except_access_time(cut, whole)
    assert Payload(SessionBytes(whole[: whole.rindex(b"G") + 3]), BEAKER).accessed is None


@protocols
@given(VALUES, VALUES)
def test_no_other_change_is_overlooked(
    protocol: int, one: dict[str, Any], two: dict[str, Any]
) -> None:
    for first in (one, {**TIMES, **one}):
        for second in (two, {**TIMES, **two}, {**first, "_accessed_time": 7.5}):
            seen, mine = payload(first, protocol), payload(second, protocol)
            same = same_except_access_time(seen, mine)
            assert same is same_except_access_time(seen, SessionBytes.text(mine))
            assert not same or not merge.differs(first, second)


@protocols
@given(VALUES)
def test_the_access_time_is_that_of_the_decoded_data(
    protocol: int, session: dict[str, Any]
) -> None:
    for first in (session, {**TIMES, **session}):
        stored = payload(first, protocol)
        for raw in (stored, SessionBytes.text(stored)):
            assert first.get("_accessed_time") == Payload(raw, BEAKER).accessed


@pytest.mark.parametrize("decoded", [True, False])
def test_the_access_time_of_a_merged_payload_is_that_of_its_data(decoded: bool) -> None:
    one = Payload(payload({**TIMES, "a": 1}), BEAKER)
    assert not decoded or one.data
    assert 7.5 == one.with_data({"_accessed_time": 7.5}).accessed
    assert 2.5 == one.accessed


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


@protocols
@given(st.dictionaries(st.text(max_size=3), st.text(max_size=9)), st.data())
def test_no_changed_character_is_overlooked(
    protocol: int, session: dict[str, str], data: st.DataObject
) -> None:
    seen = payload({**TIMES, **session}, protocol)
    text = SessionBytes.text(seen)
    place = data.draw(st.integers(0, len(text) - 1))
    other = text[:place] + data.draw(st.sampled_from("AQgwz09+/=*\né")) + text[place + 1 :]
    same = same_except_access_time(seen, other)
    assert same is (
        isinstance(SessionBytes.of(other), SessionBytes)
        and same_except_access_time(seen, SessionBytes.of(other))
    )


@pytest.mark.parametrize(
    "other",
    [
        payload({**TIMES, "a": 2}),
        payload({**TIMES, "_creation_time": 9.5, "a": 1}),
        payload({**TIMES, "a": 1}, 4),
        payload([1]),
        "not base64",
        None,
    ],
)
def test_values_that_cannot_be_compared_are_different(other: Any) -> None:
    assert not same_except_access_time(payload({**TIMES, "a": 1}), other)
    assert not same_except_access_time(other, payload({**TIMES, "a": 1}))


@pytest.mark.parametrize("middleware", MIDDLEWARES)
def test_unchanged_sessions_of_the_middlewares_are_the_same(
    middleware: str, options: dict[str, object]
) -> None:
    site = Site(middleware, options)
    cookie = site(store(name="Ada", basket=[1, 2, 3])).cookie
    compare = mock.Mock(wraps=same_except_access_time)
    with mock.patch.object(record, "same_except_access_time", compare):
        site(lambda session: (session["name"], session.save()), cookie)
    assert compare.call_args_list
    for call in compare.call_args_list:
        seen, mine = call.args
        assert seen != mine
        assert same_except_access_time(seen, mine)


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

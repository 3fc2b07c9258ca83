"""The access time of a payload, and comparing the rest of it without decoding."""

from __future__ import annotations

import pickle
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beaker_dynamodb.items.codec import SessionBytes
from beaker_dynamodb.sessions import merge, record
from beaker_dynamodb.sessions.payload import BEAKER, Payload, same_except_access_time
from tests.sessions.site import MIDDLEWARES, Site, store

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

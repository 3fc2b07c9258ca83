"""Two payloads are compared by their bytes, where that tells as much as reading both."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beaker_dynamodb.items.codec import Raw
from beaker_dynamodb.sessions import merge, record
from beaker_dynamodb.sessions.payload import same_except_access_time
from tests.sessions.site import MIDDLEWARES, Site, store

if TYPE_CHECKING:
    from tests.servers.endpoint import Endpoint

TIMES = {"_creation_time": 1.5, "_accessed_time": 2.5}
#: What a visitor might put into a session to have a part of it overlooked.
FORGERY = pickle.dumps({**TIMES, "a": 1}, 2).decode("latin-1")
VALUES = st.dictionaries(
    st.sampled_from(["a", "_domain", "_path", "_accessed_time", "_creation_time", FORGERY]),
    st.one_of(st.integers(), st.floats(allow_nan=False), st.text(), st.just(FORGERY)),
)


def payload(session: Any, protocol: int = 2) -> Any:
    """Give what Beaker stores."""
    return Raw(pickle.dumps(session, protocol))


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
def test_the_last_use_makes_no_difference(first: dict[str, float]) -> None:
    """Sessions as Beaker writes them are the same, whenever they were used last."""
    one, two = ({**first, "_accessed_time": time, "a": "value"} for time in (8.25, 1e9))
    assert same_except_access_time(payload(one), payload(two))
    assert same_except_access_time(payload(one), Raw.text(payload(two)))


@given(VALUES, VALUES)
def test_it_never_overlooks_a_change(one: dict[str, Any], two: dict[str, Any]) -> None:
    """What is called the same has no key that differs but the time of the last use."""
    for first in (one, {**TIMES, **one}):
        for second in (two, {**TIMES, **two}, {**first, "_accessed_time": 7.5}):
            same = same_except_access_time(payload(first), payload(second))
            assert same is same_except_access_time(payload(first), Raw.text(payload(second)))
            assert not same or not merge.differs(first, second)


@given(st.dictionaries(st.text(max_size=3), st.text(max_size=9)), st.data())
def test_it_overlooks_no_character(session: dict[str, str], data: st.DataObject) -> None:
    """A text that has one other character is the same only if its bytes are, or none at all."""
    seen = payload({**TIMES, **session})
    text = Raw.text(seen)
    place = data.draw(st.integers(0, len(text) - 1))
    other = text[:place] + data.draw(st.sampled_from("AQgwz09+/=*\né")) + text[place + 1 :]
    same = same_except_access_time(seen, other)
    assert same is (isinstance(Raw.of(other), Raw) and same_except_access_time(seen, Raw.of(other)))


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
def test_what_it_cannot_tell(other: Any) -> None:
    """Everything else is not called the same, whatever it is."""
    assert not same_except_access_time(payload({**TIMES, "a": 1}), other)
    assert not same_except_access_time(other, payload({**TIMES, "a": 1}))


@pytest.mark.parametrize("middleware", MIDDLEWARES)
def test_sessions_of_the_middlewares(middleware: str, moto_endpoint: Endpoint) -> None:
    """What the middlewares write is of that kind, if nothing but the last use has changed."""
    site = Site(middleware, {"table_name": f"payload-{middleware}", **moto_endpoint.options})
    cookie = site(store(name="Ada", basket=[1, 2, 3])).cookie
    with mock.patch.object(
        record, "same_except_access_time", wraps=same_except_access_time
    ) as compared:
        site(lambda session: (session["name"], session.save()), cookie)
    payloads = [call.args for call in compared.call_args_list]
    assert payloads
    assert all(seen != mine and same_except_access_time(seen, mine) for seen, mine in payloads)

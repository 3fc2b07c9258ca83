"""Whatever is written under any settings reads under any others."""

from __future__ import annotations

import json
import pickle
import zlib
from base64 import b64encode
from types import SimpleNamespace
from typing import Any

import pytest
from beaker.util import JsonSerializer, PickleSerializer
from hypothesis import given
from hypothesis import strategies as st

from beaker_dynamodb import PayloadError
from tests.values import BOTH, NEW, OLD, codec, item, written

OBJECTS = [
    SimpleNamespace(dumps=lambda value: json.dumps(value), loads=json.loads),
    SimpleNamespace(dumps=lambda value: pickle.dumps(value, 4), loads=pickle.loads),
]
COMPRESSIONS = st.sampled_from(["auto", "zlib", "zstd", "off"])
#: The keys of a writer and of a reader, who may also be in the middle of a migration.
KEYS: st.SearchStrategy[tuple[dict[str, Any], ...]] = st.sampled_from(
    [
        ({}, {}),
        ({"signing_keys": NEW}, {"signing_keys": NEW}),
        ({"signing_keys": OLD}, {"signing_keys": BOTH}),
        ({"signing_keys": NEW}, {}),
        ({}, {"signing_keys": NEW, "signing_keys_accept_unsigned": True}),
        ({"signing_keys": OLD}, {"signing_keys": BOTH, "signing_keys_accept_unsigned": True}),
    ]
)
#: What JSON represents, in several scripts and, by repetition, of sizes around the threshold.
JSON = st.builds(
    lambda value, times: [value] * times,
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=8,
    ),
    st.sampled_from([1, 2, 100, 1000]),
)


@st.composite
def two_sides(draw: st.DrawFn, serializers: list[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give the options of a writer and of a reader who has nothing in common with it."""
    sides = draw(KEYS)
    return tuple(  # type: ignore[return-value]  # mypy does not count the elements
        {
            "serializer": draw(st.sampled_from(serializers)),
            "compression": draw(COMPRESSIONS),
            **side,
        }
        for side in sides
    )


@given(two_sides(["pickle", "json"]), JSON)
def test_values(sides: tuple[dict[str, Any], dict[str, Any]], value: object) -> None:
    """A cache value written under one configuration reads under another."""
    writer, reader = sides
    assert value == codec(**reader).decode(written(codec(**writer), value))


@pytest.mark.parametrize("serializer", OBJECTS, ids=["text", "bytes"])
@given(data=st.data(), value=JSON)
def test_objects(serializer: Any, data: st.DataObject, value: object) -> None:
    """The same for a serializer object, which the reader needs too."""
    writer, reader = data.draw(two_sides([serializer]))
    assert value == codec(**reader).decode(written(codec(**writer), value))


@given(two_sides(["pickle", "json"]), JSON, st.sampled_from([PickleSerializer, JsonSerializer]))
def test_sessions(
    sides: tuple[dict[str, Any], dict[str, Any]], value: object, serializer: Any
) -> None:
    """A session's text, as either serializer of Beaker makes it, comes back letter by letter."""
    writer, reader = sides
    payload = b64encode(serializer().dumps({"value": value})).decode()
    made = written(codec(**writer), payload, session=True)
    assert "b64" == made.codec.split(",")[0]
    assert payload == codec(**reader).decode(made)


#: Texts that look like a session's or an encrypted one's, and are not quite.
TEXTS = st.one_of(
    st.text(),
    st.text(alphabet="AQgw=", max_size=40),
    st.binary(max_size=60).map(lambda raw: b64encode(raw).decode()),
    st.tuples(st.binary(min_size=16, max_size=16), st.binary()).map(
        lambda parts: "".join(b64encode(part).decode() for part in parts)
    ),
    st.characters(categories=["Cs"]),
)


@given(two_sides(["pickle"]), TEXTS, st.sampled_from([1, 300]))
def test_any_text(sides: tuple[dict[str, Any], dict[str, Any]], text: str, times: int) -> None:
    """Any text that a session's serializer may give comes back letter by letter."""
    writer, reader = sides
    made = written(codec(**writer), text * times, session=True)
    assert text * times == codec(**reader).decode(made)


@given(st.binary(), st.sampled_from(["pickle", "json", "object", "object-str", "text", "?"]))
def test_any_bytes(data: bytes, name: str) -> None:
    """Bytes that nobody wrote are a value or a PayloadError, and nothing else."""
    for made in (item(data, name), item(zlib.compress(data), f"{name},zlib")):
        try:
            codec().decode(made)
        except PayloadError:
            continue


@pytest.mark.parametrize(
    ("name", "message"),
    [("yaml", "unknown"), ("object", "not set here"), ("object-str", "not set here")],
)
def test_why(name: str, message: str) -> None:
    """The error about a codec that cannot be used here says why."""
    with pytest.raises(PayloadError, match=message):
        codec().decode(item(b"bytes", name))


NOT_JSON = [object(), {1, 2}, b"bytes", 1 + 2j, {(1, 2): 3}, float, [1, {"deep": object()}]]


@pytest.mark.parametrize("value", NOT_JSON, ids=lambda value: type(value).__name__)
def test_not_json(value: object) -> None:
    """What JSON cannot represent is a PayloadError, never a TypeError."""
    with pytest.raises(PayloadError, match="cannot be encoded"):
        codec(serializer="json").encode_value(value)


def test_endless() -> None:
    """A value that holds itself is a PayloadError."""
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(PayloadError, match="cannot be encoded"):
        codec(serializer="json").encode_value(endless)


@pytest.mark.parametrize("given_back", [None, 5, object()])
def test_no_bytes(given_back: object) -> None:
    """A serializer whose `dumps` gives neither text nor bytes is a PayloadError."""
    serializer = SimpleNamespace(dumps=lambda value: given_back, loads=bytes)
    with pytest.raises(PayloadError, match="cannot be encoded"):
        codec(serializer=serializer).encode_value(1)

"""Values written under any options are read under any others."""

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
from tests.items.encoded import BOTH, NEW, OLD, codec, item, written

OBJECTS = [
    SimpleNamespace(dumps=lambda value: json.dumps(value), loads=json.loads),
    SimpleNamespace(dumps=lambda value: pickle.dumps(value, 4), loads=pickle.loads),
]
COMPRESSIONS = st.sampled_from(["auto", "zlib", "zstd", "off"])
#: The signing keys of a writer and of a reader, which may be in a migration.
KEYS: st.SearchStrategy[tuple[dict[str, Any], ...]] = st.sampled_from(
    [
        ({}, {}),
        ({"signing_keys": NEW}, {"signing_keys": NEW}),
        ({"signing_keys": OLD}, {"signing_keys": BOTH}),
        ({"signing_keys": NEW}, {}),
        ({}, {"signing_keys": NEW, "accept_unsigned": True}),
        ({"signing_keys": OLD}, {"signing_keys": BOTH, "accept_unsigned": True}),
    ]
)
#: JSON values; repeated, their sizes are around the threshold of compression.
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
def test_a_value_is_read_under_other_options(
    sides: tuple[dict[str, Any], dict[str, Any]], value: object
) -> None:
    writer, reader = sides
    assert value == codec(**reader).decode(written(codec(**writer), value))


@pytest.mark.parametrize("serializer", OBJECTS, ids=["text", "bytes"])
@given(data=st.data(), value=JSON)
def test_a_value_of_a_serializer_object_is_read_under_other_options(
    serializer: Any, data: st.DataObject, value: object
) -> None:
    writer, reader = data.draw(two_sides([serializer]))
    assert value == codec(**reader).decode(written(codec(**writer), value))


@given(two_sides(["pickle", "json"]), JSON, st.sampled_from([PickleSerializer, JsonSerializer]))
def test_a_payload_of_beakers_serializers_is_read_under_other_options(
    sides: tuple[dict[str, Any], dict[str, Any]], value: object, serializer: Any
) -> None:
    writer, reader = sides
    payload = b64encode(serializer().dumps({"value": value})).decode()
    made = written(codec(**writer), payload, session=True)
    assert "b64" == made.codec.split(",")[0]
    assert payload == codec(**reader).decode(made)


#: Strings that are almost the payload of a session or of an encrypted one.
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
def test_any_str_is_read_under_other_options(
    sides: tuple[dict[str, Any], dict[str, Any]], text: str, times: int
) -> None:
    writer, reader = sides
    made = written(codec(**writer), text * times, session=True)
    assert text * times == codec(**reader).decode(made)


@given(st.binary(), st.sampled_from(["pickle", "json", "object", "object-str", "text", "?"]))
def test_any_bytes_are_a_value_or_a_payload_error(data: bytes, name: str) -> None:
    for made in (item(data, name), item(zlib.compress(data), f"{name},zlib")):
        try:
            codec().decode(made)
        except PayloadError:
            continue


@pytest.mark.parametrize(
    ("name", "message"),
    [("yaml", "unknown"), ("object", "but none is set"), ("object-str", "but none is set")],
)
def test_the_error_says_why_a_codec_cannot_be_used(name: str, message: str) -> None:
    with pytest.raises(PayloadError, match=message):
        codec().decode(item(b"bytes", name))

"""Stored payloads are shown without running their pickles."""

from __future__ import annotations

import json
import pickle
import sys
import zlib
from base64 import b64encode
from collections import OrderedDict
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from beaker_dynamodb import PayloadError
from beaker_dynamodb.cli.describe import MAX_VALUES, TRUNCATED, describe_pickle, describe_session


def test_no_module_is_imported() -> None:
    sys.modules.pop("this", None)
    assert "<this.c>" == describe_pickle(b"cthis\nc\n.")
    assert "this" not in sys.modules


@pytest.mark.parametrize("protocol", [2, 4])
def test_objects_are_shown_as_their_class(protocol: int) -> None:
    value = [date(2026, 1, 2), OrderedDict(a=1), {1}, b"\xff", {2: "x"}, Decimal("1.5"), [[]]]
    described = describe_pickle(pickle.dumps(value, protocol))
    expected = ["<datetime.date>", "<collections.OrderedDict>", [1], r"b'\xff'", {"2": "x"}, "1.5"]
    assert [*expected, [[]]] == described
    json.dumps(described)


@pytest.mark.parametrize("protocol", [2, 4])
def test_cycles_and_billions_of_values_are_cut(protocol: int) -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    many: list[Any] = ["x"] * 1000
    for _ in range(30):
        many = [many, many]
    for value in (cycle, many):
        shown = json.dumps(describe_pickle(pickle.dumps(value, protocol)), ensure_ascii=False)
        assert TRUNCATED in shown
        assert len(shown) < 20 * MAX_VALUES


@pytest.mark.parametrize(
    "data", [b"", b"\x80\x02", b"\x80\x02nonsense.", pickle.dumps("nonsense", 2)[:-1]]
)
def test_damage_is_a_payload_error_without_the_payload(data: bytes) -> None:
    with pytest.raises(PayloadError, match="invalid pickle: ") as caught:
        describe_pickle(data)
    assert "nonsense" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        # An object of class x.y, built with the state (None, {"__repr__": os.system}).
        (b"cx\ny\n)\x81N}X\x08\x00\x00\x00__repr__cos\nsystem\ns\x86b.", "<x.y>"),
        # A persistent id.
        (b"Px\n.", "<persistent.id>"),
    ],
)
def test_methods_and_ids_of_a_pickle_are_not_called(data: bytes, shown: str) -> None:
    assert shown == describe_pickle(data)


def test_a_pickle_cannot_change_the_next_one() -> None:
    # _codecs.encode, built with the state (None, {"__defaults__": ("x",)}), and then called.
    data = b"c_codecs\nencode\nN}X\x0c\x00\x00\x00__defaults__X\x01\x00\x00\x00x\x85s\x86b."
    describe_pickle(data)
    assert "b'x'" == describe_pickle(pickle.dumps(b"x", 2))


def test_the_formats_of_a_session() -> None:
    def described(data: bytes) -> tuple[str, Any]:
        return describe_session(b64encode(data).decode())

    assert ("pickle", {"a": 1}) == described(pickle.dumps({"a": 1}, 2))
    assert ("json", {"a": 1}) == described(zlib.compress(b'{"a": 1}'))
    unknown = ("encrypted, or written by an unknown serializer", None)
    encrypted = b64encode(b"1" * 16).decode() + b64encode(b"2" * 32).decode()
    assert unknown == described(b"other") == describe_session(encrypted)
    with pytest.raises(PayloadError, match="invalid JSON"):
        described(zlib.compress(b"{"))


def test_numbers_that_json_cannot_express_are_shown_as_strings() -> None:
    value = {"n": 10**5000, 2**9999: 1, "nan": float("nan"), "inf": [-float("inf")]}
    expected = {
        "n": "an integer of 16,610 bits",
        '"an integer of 10,000 bits"': 1,
        "nan": "nan",
        "inf": ["-inf"],
    }
    assert expected == describe_pickle(pickle.dumps(value, 2))
    stored = b64encode(zlib.compress(b'{"a": [NaN, -Infinity]}')).decode()
    assert ("json", {"a": ["nan", "-inf"]}) == describe_session(stored)

"""Payloads are described, and nothing in them is run."""

from __future__ import annotations

import json
import pickle
import sys
import zlib
from base64 import b64encode
from collections import OrderedDict
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from beaker_dynamodb import PayloadError
from beaker_dynamodb.cli.describe import (
    CUT,
    MAX_VALUES,
    Description,
    described_pickle,
    described_session,
)


class Exploit:
    """Runs code wherever it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return exec, (f"open({str(self.path)!r}, 'w').close()",)


class Basket:
    """An object with a state."""

    def __init__(self) -> None:
        self.lines = ["a", "b"]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_exploit_is_told_and_not_run(tmp_path: Path, protocol: int) -> None:
    """A pickle that would run code is described by what it would call."""
    path = tmp_path / "ran"
    data = pickle.dumps({"user": Exploit(path)}, protocol)
    described = described_pickle(data)
    assert not path.exists()
    assert described["user"]["object"].endswith(".exec")
    assert "open(" in described["user"]["arguments"][0]
    pickle.loads(data)
    assert path.exists(), "the exploit is a real one"


def test_nothing_is_imported() -> None:
    """A module that a pickle names is not imported."""
    module = "this"
    sys.modules.pop(module, None)
    described = described_pickle(b"cthis\nc\n.")
    assert {"name": "this.c"} == described
    assert module not in sys.modules


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_values_are_themselves(protocol: int) -> None:
    """Texts, numbers, lists and dicts come out as they are; tuples as lists."""
    value = {"a": [1, 2.5, None, True, "é"], "b": {"c": (1,)}, "n": 10**30}
    expected = {"a": [1, 2.5, None, True, "é"], "b": {"c": [1]}, "n": 10**30}
    assert expected == described_pickle(pickle.dumps(value, protocol))


def test_objects_are_told_by_name() -> None:
    """Objects are shown with what they would be made of, whatever protocol they need."""
    value = [date(2026, 1, 2), Decimal("1.5"), OrderedDict(a=1), Basket(), {1}, b"\xff", {2: "x"}]
    described = described_pickle(pickle.dumps(value, 2))
    assert ["datetime.date", "decimal.Decimal", "collections.OrderedDict"] == [
        one["object"] for one in described[:3]
    ]
    assert {"items": [["a", 1]]} == {name: described[2][name] for name in ("items",)}
    assert {"lines": ["a", "b"]} == described[3]["state"]
    assert {"bytes": 1, "begin": r"b'\xff'"} == described[5]
    assert {"2": "x"} == described[6]
    json.dumps(described)


def test_a_small_pickle_of_endless_lists_is_cut() -> None:
    """A billion values in a hundred bytes are not written out."""
    value: list[Any] = ["x"]
    for _ in range(30):
        value = [value, value]
    text = json.dumps(described_pickle(pickle.dumps(value, 2)))
    assert CUT in str(json.loads(text))
    assert len(text) < 20 * MAX_VALUES


def test_a_list_that_holds_itself_is_cut() -> None:
    """A cycle ends."""
    value: list[Any] = []
    value.append(value)
    assert CUT in json.dumps(described_pickle(pickle.dumps(value, 2)), ensure_ascii=False)


@pytest.mark.parametrize(
    "data", [b"", b"\x80\x02", b"\x80\x02nonsense.", pickle.dumps("nonsense", 2)[:-1]]
)
def test_damage_is_a_payload_error(data: bytes) -> None:
    """What is no pickle is a PayloadError, which does not show the bytes."""
    with pytest.raises(PayloadError, match="a pickle cannot be described: ") as caught:
        described_pickle(data)
    assert "nonsense" not in str(caught.value)


def test_attributes_that_a_pickle_sets_are_not_called() -> None:
    """A pickle that gives an object methods of its choice is told, and none of them runs."""
    # An object of class x.y, built with the state (None, {"__repr__": os.system}).
    data = b"cx\ny\n)\x81N}X\x08\x00\x00\x00__repr__cos\nsystem\ns\x86b."
    assert {
        "object": "x.y",
        "state": [None, {"__repr__": {"name": "os.system"}}],
    } == described_pickle(data)


def test_the_formats_of_a_session() -> None:
    """Beaker's two serializers are told by their first byte; others are named as unreadable."""

    def described(data: bytes) -> Description:
        return described_session(b64encode(data).decode())

    assert Description("pickle", {"a": 1}) == described(pickle.dumps({"a": 1}, 2))
    assert Description("json", {"a": 1}) == described(zlib.compress(b'{"a": 1}'))
    assert Description("of a serializer of its own", None) == described(b"other")
    encrypted = b64encode(b"1" * 16).decode() + b64encode(b"2" * 32).decode()
    assert described_session(encrypted).format.startswith("encrypted")
    with pytest.raises(PayloadError, match="no JSON"):
        described(zlib.compress(b"{"))


def test_values_that_json_has_not_are_told() -> None:
    """Huge integers, NaN and infinity are told in words, of either serializer."""
    value = {"n": 10**5000, 2**9999: 1, "nan": float("nan"), "inf": [-float("inf")]}
    expected = {
        "n": "an integer of 16,610 bits",
        '"an integer of 10,000 bits"': 1,
        "nan": "nan",
        "inf": ["-inf"],
    }
    assert expected == described_pickle(pickle.dumps(value, 2))
    text = b64encode(zlib.compress(b'{"a": [NaN, -Infinity]}')).decode()
    assert {"a": ["nan", "-inf"]} == described_session(text).value


def test_a_pickle_cannot_spoil_the_next_one() -> None:
    """What a pickle does to a function that it finds is forgotten with it."""
    # _codecs.encode, built with the state (None, {"__defaults__": ("x",)}), and then called.
    data = b"c_codecs\nencode\nN}X\x0c\x00\x00\x00__defaults__X\x01\x00\x00\x00x\x85s\x86b."
    described_pickle(data)
    assert {"bytes": 1, "begin": "b'x'"} == described_pickle(pickle.dumps(b"x", 2))


def test_what_is_kept_elsewhere_is_named() -> None:
    """A persistent id is told, and nothing is looked up."""
    assert {"object": "persistent", "arguments": ["x"]} == described_pickle(b"Px\n.")

"""Pickles are read without running them."""

from __future__ import annotations

import datetime
import decimal
import enum
import pickle
import zlib
from base64 import b64encode
from collections import OrderedDict, deque
from pathlib import Path
from typing import Any

import pytest

from beaker_dynamodb.migrate import inert_pickle


class Colour(enum.Enum):
    """An enumeration."""

    RED = 1


class Basket(list[int]):
    """A list with state of its own."""

    def __init__(self, pieces: list[int]) -> None:
        super().__init__(pieces)
        self.owner = "me"


class Planted:
    """An object whose pickle would run code."""

    def __reduce__(self) -> Any:
        return Path.touch, (Path("planted"),)


OBJECTS = [
    Basket([1, 2]),
    Colour.RED,
    OrderedDict(a=1),
    Planted(),
    datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc),
    deque([1, 2]),
    frozenset({Colour.RED}),
    Path("x"),
]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_values_beside_objects(
    protocol: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Beside objects of every kind plain values are read, and nothing of the objects happens."""
    monkeypatch.chdir(tmp_path)
    plain = {
        "time": 1.5,
        "text": "ä",
        "bytes": b"\xff\x00",
        "list": [1, None, True],
        "nested": {"a": (1,)},
    }
    read = inert_pickle.loads(pickle.dumps({**plain, "objects": OBJECTS}, protocol))
    assert {**plain, "objects": read["objects"]} == read
    assert len(OBJECTS) == len(read["objects"])
    assert [] == list(tmp_path.iterdir())


def test_decimals_are_plain_values() -> None:
    """Boto3's numbers are read as such: special keys hold them."""
    assert [decimal.Decimal("1.10")] == inert_pickle.loads(pickle.dumps([decimal.Decimal("1.10")]))


@pytest.mark.parametrize("data", [b"", b"\x80", b"garbage", pickle.dumps("whole")[:-3]])
def test_damage_is_a_value_error(data: bytes) -> None:
    """Bytes that are no pickle are told."""
    with pytest.raises(ValueError, match="not a pickle"):
        inert_pickle.loads(data)


@pytest.mark.parametrize(
    ("payload", "values"),
    [
        (b64encode(pickle.dumps({"a": 1}, 2)).decode(), {"a": 1}),
        (b64encode(zlib.compress(b'{"a": 1}')).decode(), {"a": 1}),
        (b64encode(zlib.compress(b"[1]")).decode(), None),
        (b64encode(b"\x78 no zlib").decode(), None),
        (b64encode(b"something else").decode(), None),
        ("no base64", None),
        (None, None),
    ],
)
def test_session_values(payload: Any, values: dict[str, int] | None) -> None:
    """The two serializers of Beaker's are read, everything else is not."""
    assert values == inert_pickle.session_values(payload)

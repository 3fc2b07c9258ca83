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


class Color(enum.Enum):
    RED = 1


class Basket(list[int]):
    def __init__(self, pieces: list[int]) -> None:
        super().__init__(pieces)
        self.owner = "me"


class Exploit:
    def __reduce__(self) -> Any:
        return Path.touch, (Path("ran"),)


OBJECTS = [
    Basket([1, 2]),
    Color.RED,
    OrderedDict(a=1),
    Exploit(),
    datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc),
    deque([1, 2]),
    frozenset({Color.RED}),
    Path("x"),
]
PLAIN = {
    "time": 1.5,
    "string": "ä",
    "bytes": b"\xff\x00",
    "list": [1, None, True],
    "nested": {"a": (1,)},
    "set": {1},
    "number": decimal.Decimal("1.10"),
}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_values_are_read_and_objects_are_not_created(
    protocol: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    read = inert_pickle.loads(pickle.dumps({**PLAIN, "objects": OBJECTS}, protocol))
    assert {**PLAIN, "objects": read["objects"]} == read
    assert len(OBJECTS) == len(read["objects"])
    assert [] == list(tmp_path.iterdir())


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
def test_sessions_of_beakers_serializers_are_read(
    payload: Any, values: dict[str, int] | None
) -> None:
    assert values == inert_pickle.session_values(payload)

"""With `serializer = json`, a hit returns what the miss returned, or storing is refused."""

from __future__ import annotations

import enum
import json
from collections import OrderedDict, namedtuple
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beaker_dynamodb import PayloadError
from tests.items.encoded import codec, item

if TYPE_CHECKING:
    pass

Point = namedtuple("Point", "x y")


class Color(str, enum.Enum):
    """Like enum.StrEnum in Python 3.11."""

    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


class Celsius(float):
    """Like numpy.float64, which is a float too."""


CHANGED: list[tuple[Any, str]] = [
    (Color.RED, "value is of type Color"),
    ({"user": {"color": [None, Color.RED]}}, "value['user']['color'][1] is of type Color"),
    ([Level.LOW], "value[0] is of type Level"),
    ({"t": Celsius(20)}, "value['t'] is of type Celsius"),
    ((1, 2), "value is of type tuple"),
    ((1.5, None, 3), "value is of type tuple"),
    ({"a": [0, 1, 2, (3,)]}, "value['a'][3] is of type tuple"),
    ([Point(1, 2)], "value[0] is of type Point"),
    ([OrderedDict(a=1)], "value[0] is of type OrderedDict"),
    ({"a": {1: "x"}}, "a key of value['a'] is of type int"),
    ({"a": {Color.RED: "x"}}, "a key of value['a'] is of type Color"),
    ({"a": {None: "x"}}, "a key of value['a'] is of type NoneType"),
    ({"a": {1, 2}}, "value['a'] is of type set"),
    ([b"x"], "value[0] is of type bytes"),
    ([Decimal(1)], "value[0] is of type Decimal"),
    (["\ud83d\ude00"], "value[0] is a str with a surrogate pair"),
    ({"\ud83d\ude00": 1}, "a key of value is a str with a surrogate pair"),
    ({"k" * 100: {1}}, f"value['{'k' * 40}…'] is of type set"),
]


def test_values_that_json_would_change_are_refused_by_type_and_place() -> None:
    for value, reason in CHANGED:
        with pytest.raises(PayloadError) as caught:
            codec(serializer="json").encode_value((12.5, 60, value))  # as Beaker's Cache stores it
        assert f"a value cannot be encoded as JSON: {reason}" == str(caught.value)
        assert caught.value.__cause__ is None


def test_a_value_that_contains_itself_is_refused() -> None:
    one: list[Any] = [1]
    one.append({"again": one})
    two: dict[str, Any] = {}
    two["a"] = [two, two]
    for value in (one, two, [one]):
        with pytest.raises(PayloadError, match="RecursionError"):
            codec(serializer="json").encode_value(value)


def test_a_value_stored_in_two_places_is_restored() -> None:
    shared = ["x"]
    value = {"a": shared, "b": [shared, shared]}
    json_codec = codec(serializer="json")
    assert value == json_codec.decode(item(*json_codec.encode_value(value)))


class Bag(dict):  # type: ignore[type-arg]
    pass


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()))
    | st.just(Color.RED)
    | st.floats().map(Celsius),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.integers() | st.booleans(), inner)
        | st.dictionaries(st.text(), inner).map(Bag)
    ),
    max_leaves=8,
)


def shape(value: Any) -> Any:
    """Return a form of a value that shows types and order, and in which NaN equals itself."""
    if isinstance(value, dict):
        return type(value), [(shape(key), shape(part)) for key, part in value.items()]
    if isinstance(value, (list, tuple)):
        return type(value), [shape(part) for part in value]
    return type(value), repr(value)


@given(ANYTHING)
def test_only_values_that_survive_a_round_trip_are_accepted(value: Any) -> None:
    json_codec = codec(serializer="json")
    comes_back = shape(value) == shape(json.loads(json.dumps(value)))
    try:
        data, name = json_codec.encode_value((1.5, None, value))
    except PayloadError:
        assert not comes_back
    else:
        assert comes_back
        assert shape([1.5, None, value]) == shape(json_codec.decode(item(data, name)))

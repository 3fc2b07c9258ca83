"""Which values count as changed, whatever their own `==` says."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from typing import Any, NoReturn

import pytest

from beaker_dynamodb.sessions.comparison import same
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import Visitor, save


class Plain:
    """Has no ``__eq__``."""

    def __init__(self, content: object) -> None:
        self.content = content


class Array(Plain):
    """Like a numpy array, its ``==`` returns an array without a truth value."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> Any:
        return Array([True])

    def __bool__(self) -> NoReturn:
        raise ValueError("the truth value of an array is ambiguous")


class Hostile(Plain):
    """Its ``==`` raises."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> NoReturn:
        raise RuntimeError("no comparison")


@dataclass
class Cart:
    """Its ``==`` compares only some of its fields."""

    items: list[str]
    note: str = field(default="", compare=False)


class Bag(list[Any]):
    """Pickles its entries one by one."""

    def __reduce__(self) -> Any:
        return Bag, (), None, (entry for entry in self)


class Global:
    """Pickles as the name of a variable of this module."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __reduce__(self) -> str:
        return self.name


ONE, TWO = Global("ONE"), Global("TWO")
CHANGES: dict[str, tuple[object, object]] = {
    "True and 1": (True, 1),
    "1 and 1.0": (1, 1.0),
    "zero and minus zero": (0.0, -0.0),
    "list and tuple": ([1], (1,)),
    "nested": ([True], [1]),
    "lengths": ([{1}], [{1}, 1]),
    "in a set": ({1}, {True}),
    "set and frozenset": ({1}, frozenset({1})),
    "order of a dict": ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "None and False": (None, False),
    "functions": ([{1}, print], [{1}, len]),
    "globals": ([{1}, ONE], [{1}, TWO]),
    "entries": (Bag([1]), Bag([2])),
    "no __eq__": (Plain(1), Plain(2)),
    "array": (Array([1]), Array([2])),
    "array in a list": ([Array([1])], [Array([2])]),
    "hostile": (Hostile(1), Hostile(2)),
    "uncompared field": (Cart(["tea"]), Cart(["tea"], "quick!")),
}
UNCHANGED: dict[str, object] = {
    "set": {f"word {n}" for n in range(50)},
    "frozenset": frozenset(range(0, 10_000, 7)),
    "nan": float("nan"),
    "global": ONE,
    "entries": Bag([1]),
    "one string twice": ["ab" * 2, "ab" * 2],
    "no __eq__": Plain({"a": [1, {2}]}),
    "array": Array([1, 2]),
    "hostile": Hostile([1]),
    "dataclass": Cart(["tea"], "quick!"),
    "function": print,
}


def stored(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value, 2))


@pytest.mark.parametrize(("before", "after"), CHANGES.values(), ids=CHANGES)
def test_a_change_is_noticed(before: object, after: object) -> None:
    assert not same(stored(before), stored(after))
    assert not same([stored(before)], [stored(after)])


@pytest.mark.parametrize("value", UNCHANGED.values(), ids=UNCHANGED)
def test_an_unchanged_value_is_the_same(value: object) -> None:
    assert same(value, stored(value))
    # The sets have different orders, so the pickles differ.
    assert same([value, {0, 8}], [stored(value), {8, 0}])


def test_what_cannot_be_pickled_is_different() -> None:
    assert not same([lambda: 1], [lambda: 1])


@pytest.mark.parametrize("value", [UNCHANGED["set"], UNCHANGED["array"]], ids=["set", "array"])
def test_saving_an_unchanged_session_writes_nothing(
    moved: dict[str, object], value: object
) -> None:
    visitor = Visitor(moved)
    visitor.starts(value=value)
    session = visitor.request()
    with CallRecorder(visitor.client) as sent:
        session.save()
        assert [] == sent.operations
        save(session, other=1)
    assert ["PutItem"] == sent.operations

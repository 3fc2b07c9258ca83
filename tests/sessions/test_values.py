"""What counts as a change of a session, whatever the values are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NoReturn

import pytest

from beaker_dynamodb.sessions.comparison import same
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import Visitor, save


class Plain:
    """An object without ``__eq__``.

    :param content: what makes two of them different.
    """

    def __init__(self, content: object) -> None:
        self.content = content


class Array(Plain):
    """An object whose ``==`` gives no bool, and which has no truth value, as numpy's arrays."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> Any:
        """Compare element by element."""
        return Array([True])

    def __bool__(self) -> NoReturn:
        """Refuse, as numpy does."""
        raise ValueError("the truth value of an array is ambiguous")


class Hostile(Plain):
    """An object whose ``==`` raises."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> NoReturn:
        """Raise."""
        raise RuntimeError("no comparison")


@dataclass
class Cart:
    """An object with ``__eq__`` over some of its fields only."""

    items: list[str]
    note: str = field(default="", compare=False)


CHANGES = [
    pytest.param(True, 1, id="True and 1"),
    pytest.param(1, 1.0, id="1 and 1.0"),
    pytest.param(0.0, -0.0, id="zero and minus zero"),
    pytest.param([1], (1,), id="list and tuple"),
    pytest.param([True], [1], id="nested"),
    pytest.param({1}, {True}, id="in a set"),
    pytest.param({1}, frozenset({1}), id="set and frozenset"),
    pytest.param({"a": 1, "b": 2}, {"b": 2, "a": 1}, id="order of a dict"),
    pytest.param(None, False, id="None and False"),
    pytest.param(Plain(1), Plain(2), id="no __eq__"),
    pytest.param(Array([1]), Array([2]), id="array"),
    pytest.param([Array([1])], [Array([2])], id="array in a list"),
    pytest.param(Hostile(1), Hostile(2), id="hostile"),
    pytest.param(Cart(["tea"]), Cart(["tea"], "quick!"), id="field without comparison"),
]
UNCHANGED = [
    pytest.param({f"word {n}" for n in range(50)}, id="set"),
    pytest.param(frozenset(range(0, 10_000, 7)), id="frozenset"),
    pytest.param(float("nan"), id="nan"),
    pytest.param(["ab" * 2, "ab" * 2], id="a text twice"),
    pytest.param(Plain({"a": [1, {2}]}), id="no __eq__"),
    pytest.param(Array([1, 2]), id="array"),
    pytest.param(Hostile([1]), id="hostile"),
    pytest.param(Cart(["tea"], "quick!"), id="dataclass"),
    pytest.param(print, id="function"),
]


@pytest.fixture
def visitor(moved: dict[str, object]) -> Visitor:
    """A visitor whose sessions are plain Beaker's."""
    return Visitor(moved)


@pytest.mark.parametrize(("before", "after"), CHANGES)
def test_a_change_is_written(visitor: Visitor, before: object, after: object) -> None:
    """Values that would be stored differently are a change, however they compare."""
    visitor.starts(value=before)
    session = visitor.request()
    with CallRecorder(visitor.client) as sent:
        save(session, value=after)
    assert ["PutItem"] == sent.operations
    assert same(after, visitor.finds()["value"])


@pytest.mark.parametrize("value", UNCHANGED)
def test_no_change_is_not_written(visitor: Visitor, value: object) -> None:
    """A value that was loaded and saved as it is is no change, comparable or not."""
    visitor.starts(value=value)
    session = visitor.request()
    with CallRecorder(visitor.client) as sent:
        session.save()
    assert [] == sent.operations


@pytest.mark.parametrize(("before", "after"), CHANGES)
def test_a_change_is_merged(visitor: Visitor, before: object, after: object) -> None:
    """A change of such a value survives another request's change of another key."""
    visitor.starts(value=before)
    session = visitor.request()
    save(visitor.request(), other=before)
    save(session, value=after)
    found = visitor.finds()
    assert same(after, found["value"])
    assert same(before, found["other"])


def test_a_change_inside_a_value(visitor: Visitor) -> None:
    """Changing a nested list in place is a change: bytes are compared, not one object."""
    visitor.starts(cart=["tea"], other=1)
    session = visitor.request()
    save(visitor.request(), other=2)
    session["cart"].append("milk")
    session.save()
    assert {"cart": ["tea", "milk"], "other": 2} == visitor.finds()


def test_changes_inside_a_value_between_saves(visitor: Visitor) -> None:
    """The second save compares with what the first one wrote, not with the object it still is."""
    session = visitor.starts(cart=["tea"])
    for thing in ("milk", "sugar"):
        session["cart"].append(thing)
        session.save()
    assert {"cart": ["tea", "milk", "sugar"]} == visitor.finds()


class Upside:
    """A serializer of the application's own, which nobody else can read."""

    @staticmethod
    def dumps(value: dict[str, Any]) -> bytes:
        """Encode."""
        return repr(value)[::-1].encode()

    @staticmethod
    def loads(data: bytes) -> Any:
        """Decode."""
        return eval(data.decode()[::-1], {"__builtins__": {}})


def test_an_opaque_payload_is_written_whole(visitor: Visitor) -> None:
    """What plain Beaker's backend cannot read it cannot merge: the later save wins, in one call."""
    client = visitor.client
    visitor.options["data_serializer"] = Upside
    visitor.starts(a=1)
    one, other = visitor.request(), visitor.request()
    save(other, other=1)
    with CallRecorder(client) as sent:
        save(one, one=1)
    assert ["PutItem"] == sent.operations
    assert "ConditionExpression" in sent[0].params
    assert {"a": 1, "one": 1} == visitor.finds()

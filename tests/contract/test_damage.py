"""Damaged items and values that cannot be encoded: PayloadError, and nothing is overwritten."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from beaker_dynamodb import PayloadError
from tests.contract.opening import payload

if TYPE_CHECKING:
    from tests.contract.opening import Opener
    from tests.servers.recorder import CallRecorder

DAMAGES: list[dict[str, Any]] = [
    {"type": None},
    {"type": {"S": "beaker-lock"}},
    {"type": {"N": "1"}},
    {"data": None},
    {"data": {"S": "gAJ9"}},
    {"data": {"NULL": True}},
    {"codec": None},
    {"codec": {"B": b"pickle"}},
    {"codec": {"S": "rot13"}},
    {"codec": {"S": "pickle"}, "data": {"B": b"cno_such_module\nname\n"}},
    {"codec": {"S": "pickle"}, "data": {"B": b""}},
    {"codec": {"S": "json"}, "data": {"B": b"{"}},
    {"codec": {"S": "text"}, "data": {"B": b"\xff"}},
    {"created": None},
    {"created": {"S": "yesterday"}},
    {"deadline": {"S": "tomorrow"}},
    {"deadline": {"NULL": True}},
]


@pytest.mark.parametrize(
    ("key", "value"), [(b"k", "cached"), ("session", payload(a=1))], ids=["cache", "session"]
)
@pytest.mark.parametrize("damage", DAMAGES, ids=repr)
def test_a_damaged_item_is_a_payload_error(
    open_namespace: Opener, damage: dict[str, Any], key: str | bytes, value: str
) -> None:
    """An item that lacks an attribute, or has one of another type, says so when it is read."""
    open_namespace()[key] = value
    item = {**open_namespace.item(), **damage}
    open_namespace.put({name: content for name, content in item.items() if content})
    with pytest.raises(PayloadError):
        open_namespace()[key]


@pytest.mark.parametrize("deadline", [{"S": "tomorrow"}, {"NULL": True}], ids=repr)
def test_a_damaged_expiry_does_not_end_a_listing(
    open_namespace: Opener, deadline: dict[str, Any]
) -> None:
    """`keys()` lists what may have expired, for whoever reads it; `remove()` takes it along."""
    manager = open_namespace()
    manager.set_value(b"k", 1, expiretime=60)
    open_namespace.put({**open_namespace.item(), "deadline": deadline})
    assert [b"k"] == manager.keys()
    manager.remove()
    assert [] == open_namespace.items()


class Stubborn:
    """Raises what Beaker would read as "a new session" when it is pickled."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __reduce__(self) -> str:
        raise self.error


UNPICKLABLE = [lambda: None, threading.Lock(), Stubborn(KeyError()), Stubborn(TypeError())]


@pytest.mark.parametrize("value", UNPICKLABLE, ids=["lambda", "lock", "KeyError", "TypeError"])
def test_what_cannot_be_pickled_leaves_the_old_value(
    open_namespace: Opener, sent: CallRecorder, value: object
) -> None:
    """Storing it raises PayloadError, sends nothing, and the old value is still there."""
    manager = open_namespace()
    manager[b"k"] = "old"
    sent.clear()
    with pytest.raises(PayloadError) as caught:
        manager[b"k"] = value
    assert [] == sent.operations
    assert type(value).__name__ in str(caught.value)
    assert "old" == manager[b"k"]

"""The verbs of Beaker's NamespaceManager, for cache entries."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pytest
from beaker.container import Value

from beaker_dynamodb import DynamoDBContainer, DynamoDBNamespaceManager

if TYPE_CHECKING:
    from tests.contract.opening import Opener

pytestmark = [pytest.mark.both_servers, pytest.mark.both_shapes]

VALUES = [
    None,
    "",
    "text",
    b"",
    b"\x00\xff",
    0.1,
    10**40,
    (1_700_000_000.5, 60, {"nested": [1, {"deep": ()}]}),
    datetime(2026, 1, 2, tzinfo=timezone.utc),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_comes_back_as_it_went_in(open_namespace: Opener, value: object) -> None:
    """Any value that can be pickled is given back, with its types, by another manager."""
    open_namespace()[b"k"] = value
    assert value == open_namespace()[b"k"]


def test_a_missing_key_is_a_key_error(open_namespace: Opener) -> None:
    """Reading what is not there raises KeyError with the key and nothing else."""
    with pytest.raises(KeyError) as caught:
        open_namespace()[b"k"]
    assert KeyError is caught.type
    assert (b"k",) == caught.value.args


def test_in_and_has_key_tell_what_is_there(open_namespace: Opener) -> None:
    """`in` and `has_key` are the same question."""
    manager = open_namespace()
    manager[b"there"] = None
    assert b"there" in manager
    assert manager.has_key(b"there")
    assert b"missing" not in manager
    assert not manager.has_key(b"missing")


def test_a_second_value_replaces_the_first(open_namespace: Opener) -> None:
    """A key has one value, the last one."""
    manager = open_namespace()
    manager[b"k"] = 1
    manager.set_value(b"k", 2)
    assert 2 == manager[b"k"]
    assert 1 == len(open_namespace.items())


def test_del_removes_one_key(open_namespace: Opener) -> None:
    """`del` removes its key and leaves the others."""
    manager = open_namespace()
    manager[b"a"] = manager[b"b"] = 1
    del manager[b"a"]
    assert [b"b"] == manager.keys()


def test_deleting_what_is_not_there_is_no_error(open_namespace: Opener) -> None:
    """`del` of a missing key changes nothing."""
    manager = open_namespace()
    manager[b"k"] = 1
    del manager[b"other"]
    assert [b"k"] == manager.keys()


def test_keys_are_those_that_went_in(open_namespace: Opener) -> None:
    """`keys()` gives every key once, as bytes, however it was written."""
    manager = open_namespace()
    assert [] == manager.keys()
    for key in (b"a", b"b|c", "d"):
        manager[key] = 1
    assert [b"a", b"b|c", b"d"] == sorted(manager.keys())


def test_remove_empties_the_namespace(open_namespace: Opener) -> None:
    """`remove()` leaves nothing, and the namespace can be used again."""
    manager = open_namespace()
    manager.remove()
    manager[b"a"] = manager[b"b"] = 1
    manager.remove()
    assert [] == open_namespace.items()
    manager[b"a"] = 2
    assert 2 == manager[b"a"]


def test_what_was_removed_in_a_read_lock_is_gone_in_it(open_namespace: Opener) -> None:
    """A thread that writes, deletes or removes inside its read lock reads what it left."""
    manager = open_namespace()
    manager.acquire_read_lock()
    assert b"k" not in manager
    manager[b"k"] = 1
    assert 1 == manager[b"k"]
    del manager[b"k"]
    assert b"k" not in manager
    manager[b"k"] = 2
    assert b"k" in manager
    manager.remove()
    assert b"k" not in manager
    manager.release_read_lock()


def test_a_text_and_its_bytes_are_one_key(open_namespace: Opener) -> None:
    """Beaker's Cache passes bytes, other programs may pass texts."""
    manager = open_namespace()
    manager["k"] = 1
    assert 1 == manager[b"k"]


def test_a_text_and_its_bytes_are_one_key_in_a_read_lock(open_namespace: Opener) -> None:
    """What is remembered of one spelling is forgotten when the other is written."""
    manager = open_namespace()
    manager["k"] = 1
    manager.acquire_read_lock()
    assert 1 == manager["k"]
    manager[b"k"] = 2
    assert 2 == manager["k"]
    manager.release_read_lock()


def test_the_write_lock_is_always_to_be_had(open_namespace: Opener) -> None:
    """DynamoDB's writes are atomic, so that Beaker's write lock need not keep anybody out."""
    manager = open_namespace()
    assert manager.acquire_write_lock()
    assert open_namespace().acquire_write_lock(wait=False, replace=True)
    manager.release_write_lock()


def test_the_creation_lock_is_one_per_key(open_namespace: Opener) -> None:
    """Two managers of a namespace share the lock of a key; other keys and namespaces do not."""
    held = open_namespace().get_creation_lock(b"k")
    held.acquire()
    assert held is open_namespace().get_creation_lock(b"k")
    for manager, key in ((open_namespace(), b"other"), (open_namespace("other"), b"k")):
        free = manager.get_creation_lock(key)
        assert free is not held
        assert free.acquire(wait=False)
        free.release()
    held.release()


def test_a_value_is_made_once_and_read_afterwards(open_namespace: Opener) -> None:
    """Beaker's Value makes a missing value, stores it, and reads it from then on."""
    made: list[int] = []

    def make() -> int:
        made.append(1)
        return len(made)

    assert 1 == Value(b"k", open_namespace(), createfunc=make).get_value()
    assert 1 == Value(b"k", open_namespace(), createfunc=make).get_value()
    value = Value(b"k", open_namespace(), createfunc=make)
    value.clear_value()
    assert not value.has_value()
    assert 2 == value.get_value()


def test_a_container_is_a_value_in_a_namespace(open_namespace: Opener) -> None:
    """Beaker's deprecated Container works, and shares the manager within a context."""
    context: dict[str, DynamoDBNamespaceManager] = {}
    value = DynamoDBContainer(
        b"k", context, "pages", createfunc=lambda: "made", **open_namespace.options
    )
    assert "made" == value.get_value()
    assert isinstance(context["pages"], DynamoDBNamespaceManager)
    assert [b"k"] == open_namespace().keys()


def test_client_and_timeout_are_public(open_namespace: Opener) -> None:
    """`timeout` and `client` are attributes, as on Beaker's own managers."""
    manager = open_namespace(timeout="90")
    assert 90.0 == manager.timeout
    assert open_namespace().timeout is None
    manager[b"k"] = 1
    described = manager.client.describe_table(TableName=open_namespace.table_name)
    assert "ACTIVE" == described["Table"]["TableStatus"]

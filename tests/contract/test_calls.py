"""What a cache costs: calls, counted."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from beaker.cache import Cache
from beaker.container import Value

if TYPE_CHECKING:
    from tests.contract.opening import Opener
    from tests.servers.recorder import CallRecorder


def test_a_hit_is_one_get_item(open_namespace: Opener, sent: CallRecorder) -> None:
    """Beaker's Value asks `in` and `[]` in nested read locks; that is one GetItem."""
    manager = open_namespace()
    Value(b"k", manager, createfunc=lambda: "made").get_value()
    sent.clear()
    assert "made" == Value(b"k", manager).get_value()
    assert ["GetItem"] == sent.operations


def test_a_miss_is_two_reads_and_three_writes(open_namespace: Opener, sent: CallRecorder) -> None:
    """Read, lock taken, read once more, value written, lock given back."""
    assert "made" == Value(b"k", open_namespace(), createfunc=lambda: "made").get_value()
    assert ["GetItem", "PutItem", "GetItem", "PutItem", "DeleteItem"] == sent.operations


def test_nothing_is_remembered_outside_of_a_read_lock(
    open_namespace: Opener, sent: CallRecorder
) -> None:
    """What another process writes is seen as soon as the outermost lock is released."""
    manager = open_namespace()
    manager.acquire_read_lock()
    manager.acquire_read_lock()
    assert b"k" not in manager
    open_namespace()[b"k"] = 1
    manager.release_read_lock()
    assert b"k" not in manager
    assert ["GetItem", "PutItem"] == sent.operations
    manager.release_read_lock()
    assert b"k" in manager
    assert 1 == manager[b"k"]
    assert ["GetItem", "PutItem", "GetItem", "GetItem"] == sent.operations


def test_each_thread_reads_for_itself(open_namespace: Opener, sent: CallRecorder) -> None:
    """Threads that share a manager do not share what they read: one GetItem for each."""
    manager = open_namespace()
    manager[b"k"] = 1
    sent.clear()
    manager.acquire_read_lock()
    assert 1 == manager[b"k"]
    found: list[object] = []

    def read() -> None:
        manager[b"k"] = 2
        manager.acquire_read_lock()
        found.extend([b"k" in manager, manager[b"k"]])
        manager.release_read_lock()

    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
    assert [True, 2] == found
    assert 1 == manager[b"k"]
    manager.release_read_lock()
    assert 2 == manager[b"k"]
    assert ["GetItem", "PutItem", "GetItem", "GetItem"] == sent.operations


def test_every_verb_is_one_call(open_namespace: Opener, sent: CallRecorder) -> None:
    """Each verb is one call; a namespace of less than a page is removed in two, or three.

    Where a listing is a Scan, it is four at once. Where it is a Query, locks need one of their own.
    """
    manager = open_namespace()
    manager[b"k"] = 1
    assert b"k" in manager
    del manager[b"k"]
    manager.keys()
    manager.remove()
    manager[b"k"] = 1
    manager.remove()
    keys = ["Query"] if open_namespace.sorted else ["Scan"] * 4
    remove = ["Query", "Query"] if open_namespace.sorted else ["Scan"] * 4
    assert [
        *("PutItem", "GetItem", "PutItem", *keys, *remove),
        *("PutItem", *remove, "BatchWriteItem"),
    ] == sent.operations


def test_remove_value_is_one_write(open_namespace: Opener, sent: CallRecorder) -> None:
    cache = Cache("pages", "ext:dynamodb", **open_namespace.options)
    cache.put("k", 1)
    for key in ("k", "k", "never there"):
        sent.clear()
        cache.remove_value(key)
        assert ["PutItem"] == sent.operations

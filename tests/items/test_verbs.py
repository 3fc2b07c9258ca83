"""The NamespaceManager operations on entries and sessions, and the calls that they cost."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from beaker.cache import Cache
from beaker.container import Value

from beaker_dynamodb import DynamoDBContainer, DynamoDBNamespaceManager
from tests.opening import Opener, payload
from tests.servers.recorder import CallRecorder


def in_thread(act: Callable[[], object]) -> None:
    thread = threading.Thread(target=act)
    thread.start()
    thread.join()


@pytest.mark.both_servers
@pytest.mark.both_shapes
def test_verbs(open_namespace: Opener) -> None:
    manager = open_namespace()
    assert [] == manager.keys()
    with pytest.raises(KeyError) as caught:
        manager[b"a"]
    assert (KeyError, (b"a",)) == (caught.type, caught.value.args)
    assert not manager.has_key(b"a")

    manager[b"a"], manager[b"b|c"], manager["d"] = None, 1, 2
    manager.set_value(b"b|c", 3)
    assert b"a" in manager
    assert manager.has_key(b"a")
    assert (3, 2) == (manager[b"b|c"], manager[b"d"])
    assert [b"a", b"b|c", b"d"] == sorted(manager.keys())

    del manager[b"a"], manager[b"missing"]
    assert b"a" not in manager
    assert [b"b|c", b"d"] == sorted(manager.keys())

    manager.remove()
    assert {"beaker-tombstone"} == {item["type"]["S"] for item in open_namespace.items()}
    manager[b"a"] = 2
    assert 2 == manager[b"a"]


def test_a_str_and_its_bytes_are_the_same_key(open_namespace: Opener) -> None:
    manager = open_namespace()
    manager["k"] = 1
    manager.acquire_read_lock()
    assert 1 == manager["k"]
    manager[b"k"] = 2
    assert 2 == manager["k"]
    manager.release_read_lock()


def test_a_thread_reads_its_own_changes_inside_its_read_lock(open_namespace: Opener) -> None:
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


def test_the_write_lock_excludes_no_thread(open_namespace: Opener) -> None:
    manager = open_namespace()
    assert manager.acquire_write_lock()
    assert open_namespace().acquire_write_lock(wait=False, replace=True)
    manager.release_write_lock()


def test_beakers_container_shares_the_manager_of_its_context(open_namespace: Opener) -> None:
    context: dict[str, DynamoDBNamespaceManager] = {}
    value = DynamoDBContainer(
        b"k", context, "pages", createfunc=lambda: "made", **open_namespace.options
    )
    assert "made" == value.get_value()
    assert isinstance(context["pages"], DynamoDBNamespaceManager)
    assert [b"k"] == open_namespace().keys()


def test_timeout_and_client_are_attributes(open_namespace: Opener) -> None:
    manager = open_namespace(timeout="90")
    assert (90.0, None) == (manager.timeout, open_namespace().timeout)
    manager[b"k"] = 1
    described = manager.client.describe_table(TableName=open_namespace.table_name)
    assert "ACTIVE" == described["Table"]["TableStatus"]


@pytest.mark.both_shapes
def test_each_operation_is_one_call(open_namespace: Opener, sent: CallRecorder) -> None:
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


def test_a_hit_is_one_read_and_a_miss_two_reads_and_three_writes(
    open_namespace: Opener, sent: CallRecorder
) -> None:
    assert "made" == Value(b"k", open_namespace(), createfunc=lambda: "made").get_value()
    assert ["GetItem", "PutItem", "GetItem", "PutItem", "DeleteItem"] == sent.operations
    sent.clear()
    assert "made" == Value(b"k", open_namespace()).get_value()
    assert ["GetItem"] == sent.operations


def test_beakers_remove_value_is_one_write(open_namespace: Opener, sent: CallRecorder) -> None:
    cache = Cache("pages", "ext:dynamodb", **open_namespace.options)
    cache.put("k", 1)
    for key in ("k", "k", "never there"):
        sent.clear()
        cache.remove_value(key)
        assert ["PutItem"] == sent.operations


def test_nothing_is_remembered_outside_the_outermost_read_lock(
    open_namespace: Opener, sent: CallRecorder
) -> None:
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


def test_what_was_read_is_forgotten_even_inside_a_write_lock(open_namespace: Opener) -> None:
    manager = open_namespace()
    manager.acquire_write_lock()
    for value in (1, 2):
        open_namespace()[b"k"] = value
        manager.acquire_read_lock()
        assert value == manager[b"k"]
        manager.release_read_lock()
    manager.release_write_lock()
    assert {} == manager._held


def test_a_thread_does_not_get_the_locks_of_one_that_has_ended(open_namespace: Opener) -> None:
    """A thread that held a lock during a fork does not exist in the child, but its id does."""
    manager = open_namespace()
    manager[b"k"] = 0

    def die() -> None:
        manager.acquire_read_lock()
        assert 0 == manager[b"k"]

    def read() -> None:
        manager.acquire_read_lock()
        found.append(manager[b"k"])
        manager.release_read_lock()

    found: list[object] = []
    in_thread(die)
    for value in range(1, 20):  # one of these threads gets the id of the first
        open_namespace()[b"k"] = value
        in_thread(read)
    assert [*range(1, 20)] == found


def test_threads_do_not_share_what_they_read(open_namespace: Opener, sent: CallRecorder) -> None:
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

    in_thread(read)
    assert [True, 2] == found
    assert 1 == manager[b"k"]
    manager.release_read_lock()
    assert 2 == manager[b"k"]
    assert ["GetItem", "PutItem", "GetItem", "GetItem"] == sent.operations


# -- a session: the key 'session' of a namespace that is the session's id ---------------------


def test_a_session_that_was_never_saved_is_a_key_error(open_namespace: Opener) -> None:
    manager = open_namespace("id")
    with pytest.raises(KeyError) as caught:
        manager["session"]
    assert KeyError is caught.type
    assert "session" not in open_namespace("id")
    assert [] == manager.keys()


@pytest.mark.both_shapes
def test_a_session_is_read_as_it_was_saved(open_namespace: Opener) -> None:
    open_namespace("id")["session"] = payload(user="Zoë")
    manager = open_namespace("id")
    assert payload(user="Zoë") == manager["session"]
    assert "session" in manager
    assert manager.has_key("session")
    assert ["session"] == manager.keys()


@pytest.mark.both_servers
@pytest.mark.parametrize("verb", ["del", "remove"])
def test_a_deleted_session_leaves_a_marker(open_namespace: Opener, verb: str) -> None:
    open_namespace("id")["session"] = payload(a=1)
    open_namespace("neighbour")["session"] = payload(a=2)
    manager = open_namespace("id")
    assert payload(a=1) == manager["session"]
    if verb == "del":
        del manager["session"]
    else:
        manager.remove()
    types = {item["id"]["S"]: item["type"]["S"] for item in open_namespace.items()}
    assert {"sess:id": "beaker-marker", "sess:neighbour": "beaker-session"} == types
    with pytest.raises(KeyError):
        open_namespace("id")["session"]

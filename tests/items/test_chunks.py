"""Values larger than one item: readers see the old one or the new one, and no chunk remains."""

from __future__ import annotations

import logging
from typing import Any
from unittest import mock

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager, PayloadError
from beaker_dynamodb.dynamodb import batches
from beaker_dynamodb.dynamodb.error_mapping import ConditionFailed
from beaker_dynamodb.items import chunks
from tests.items.chunked import CHUNK, intercept, kinds, open_cache, stored, write_twice
from tests.opening import Opener, payload
from tests.servers.recorder import CallRecorder

pytestmark = [pytest.mark.both_servers, pytest.mark.usefixtures("small_items")]

OLD, NEW = b"old" * 500, b"new" * 600


def test_a_large_value_is_one_item_and_its_chunks(
    open_namespace: Opener, sent: CallRecorder
) -> None:
    open_cache(open_namespace)[b"k"] = OLD
    assert ["BatchWriteItem"] * 4 + ["PutItem"] == sent.operations
    assert {"beaker-cache": 1, "beaker-chunk": 16} == kinds(open_namespace)
    sent.clear()
    assert OLD == open_cache(open_namespace)[b"k"]
    assert ["GetItem", "BatchGetItem"] == sent.operations


@pytest.mark.parametrize("value", [NEW, b"small"])
def test_replacing_or_deleting_a_value_deletes_its_chunks(
    open_namespace: Opener, value: bytes
) -> None:
    manager = open_cache(open_namespace)
    manager[b"k"] = OLD
    manager[b"k"] = value
    assert value == manager[b"k"]
    assert (19 if value == NEW else 0) == kinds(open_namespace).get("beaker-chunk", 0)
    del manager[b"k"]
    assert {"beaker-tombstone": 1} == kinds(open_namespace)


def test_clear_also_deletes_chunks(open_namespace: Opener) -> None:
    open_cache(open_namespace, namespace="mine")[b"k"] = OLD
    other = open_cache(open_namespace, namespace="mine2")
    other[b"k"] = NEW
    session = open_namespace("id", compression="off")
    session["session"] = payload(text="x" * 900)
    before = kinds(open_namespace)
    open_cache(open_namespace, namespace="mine").remove()
    assert before["beaker-chunk"] - 16 == kinds(open_namespace)["beaker-chunk"]
    assert NEW == other[b"k"]
    assert payload(text="x" * 900) == open_namespace("id")["session"]


def test_clear_leaves_no_item_without_its_chunks(open_namespace: Opener) -> None:
    manager, reader = open_cache(open_namespace), open_cache(open_namespace)
    keys = [b"1", b"2", b"3"]
    for key in keys:
        manager[key] = OLD
    found: list[object] = []

    def call(send: Any, method: str, **params: Any) -> Any:
        if method != "batch_write_item":
            return send(method, **params)
        # DynamoDB may do a batch in any order, and leave any part of it for later.
        ((table, requests),) = params["RequestItems"].items()
        for request in reversed(requests):
            send(method, RequestItems={table: [request]})
            found.extend(reader[key] for key in keys if key in reader)
        return {}

    with intercept(manager, call):
        manager.remove()
    assert {OLD} == set(found)
    assert {} == kinds(open_namespace)


def test_clear_of_a_value_stored_twice(open_namespace: Opener) -> None:
    manager = open_cache(open_namespace)
    manager[b"k"] = OLD
    manager[b"l"] = b"small"
    small, large = sorted(stored(open_namespace, "beaker-cache"), key=lambda item: "chunks" in item)
    open_namespace.put({**large, **open_namespace.key(small)})
    manager.remove()
    assert {} == kinds(open_namespace)


class Killed(BaseException):
    """The process was killed."""


def dying(manager: DynamoDBNamespaceManager, calls: int, *, sent: bool) -> Any:
    """Kill a manager's process at a call to DynamoDB.

    :param calls: number of calls before.
    :param sent: whether the fatal call still reaches DynamoDB.
    """
    count = 0

    def call(send: Any, method: str, **params: Any) -> Any:
        nonlocal count
        count += 1
        if count <= calls:
            return send(method, **params)
        if count == calls + 1 and sent:
            send(method, **params)
        raise Killed

    return intercept(manager, call)


@pytest.mark.parametrize("sent", [False, True], ids=["before", "after"])
def test_a_writer_may_die_anywhere(open_namespace: Opener, sent: bool) -> None:
    seen = []
    for calls in range(20):
        writer = open_cache(open_namespace, timeout=1000 + calls)
        writer[b"k"] = OLD
        with dying(writer, calls, sent=sent):
            try:
                writer[b"k"] = NEW
            except Killed:
                seen.append(open_cache(open_namespace)[b"k"])
            else:
                break
    writes = -(-19 // chunks.CHUNKS_PER_WRITE)
    assert [OLD] * (writes + (not sent)) == [value for value in seen if value == OLD]
    assert [NEW] == list(dict.fromkeys(seen[writes + (not sent) :]))
    assert all("expires" in item for item in stored(open_namespace, "beaker-chunk"))


def test_a_reader_who_is_overtaken_sees_the_new_value(open_namespace: Opener) -> None:
    reader, writer = open_cache(open_namespace), open_cache(open_namespace)
    writer[b"k"] = OLD
    real = batches.get

    def overtaken(*args: Any, **kwargs: Any) -> Any:
        batches_get.side_effect = real
        writer[b"k"] = NEW
        return real(*args, **kwargs)

    with mock.patch.object(batches, "get", side_effect=overtaken) as batches_get:
        assert NEW == reader[b"k"]


def test_a_missing_chunk_is_an_error(open_namespace: Opener) -> None:
    open_cache(open_namespace)[b"k"] = OLD
    key = open_namespace.key(stored(open_namespace, "beaker-chunk")[0])
    open_namespace.client.delete_item(TableName=open_namespace.table_name, Key=key)
    with pytest.raises(PayloadError, match="missing"):
        open_cache(open_namespace)[b"k"]


def test_invalid_chunk_attributes_are_an_error(open_namespace: Opener) -> None:
    manager = open_cache(open_namespace)
    wrong: list[dict[str, Any]] = [
        {"chunks": {"N": "1000000000"}},
        {"chunks": {"N": "-1"}},
        {"chunks": {"S": "16"}},
        {"chunk_set": {"N": "1"}},
    ]
    for attributes in wrong:
        manager[b"k"] = OLD
        (item,) = stored(open_namespace, "beaker-cache")
        open_namespace.put({**item, **attributes})
        with pytest.raises(PayloadError):
            manager[b"k"]
        manager[b"k"] = "new"
        assert "new" == manager[b"k"]


def test_swapped_chunks_are_refused_by_the_signature(open_namespace: Opener) -> None:
    manager = open_cache(open_namespace, signing_keys="sixteen bytes or more")
    manager[b"one"], manager[b"two"] = OLD, OLD[::-1]
    one, two = stored(open_namespace, "beaker-cache")
    open_namespace.put({**one, "chunk_set": two["chunk_set"], "chunks": two["chunks"]})
    with pytest.raises(PayloadError, match="signature"):
        _ = manager[b"one"], manager[b"two"]


@pytest.mark.parametrize("before", [None, b"small", OLD], ids=["nothing", "small", "large"])
def test_a_cache_value_whose_answer_was_lost_keeps_its_chunks(
    open_namespace: Opener, before: bytes | None
) -> None:
    manager = open_cache(open_namespace)
    if before is not None:
        manager[b"k"] = before
    with intercept(manager, write_twice):
        manager[b"k"] = NEW
    assert NEW == manager[b"k"]


def test_chunks_that_cannot_be_deleted(
    open_namespace: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    manager = open_cache(open_namespace)
    manager[b"k"] = OLD

    def no_batches(send: Any, method: str, **params: Any) -> Any:
        if method == "batch_write_item":
            raise PayloadError("no batches today")
        return send(method, **params)

    with intercept(manager, no_batches), caplog.at_level(logging.WARNING):
        manager[b"k"] = "small"
    assert "small" == manager[b"k"]
    assert ["unused chunks were not deleted; they will expire: no batches today"] == caplog.messages


def test_a_condition_that_fails_on_a_damaged_item(open_namespace: Opener) -> None:
    manager = open_cache(open_namespace)
    manager[b"k"] = "there"
    item = manager.backend.items.get(manager.backend.keys.entry("pages", b"k"), "beaker-cache")
    assert item is not None
    open_namespace.put({**open_namespace.item(), "chunk_set": {"N": "1"}})
    item.data = OLD
    with pytest.raises(ConditionFailed):
        manager.backend.items.put(item, manager.backend.items.if_new())
    assert {"beaker-cache": 1} == kinds(open_namespace)


# -- sessions -------------------------------------------------------------------------------


def session(open_namespace: Opener, session_id: str = "id", **options: Any) -> Any:
    manager = open_namespace(session_id, compression="off", **options)
    assert manager["session"]
    return manager


def test_concurrent_saves_of_a_large_session_are_merged(open_namespace: Opener) -> None:
    text = "x" * 900
    open_namespace("id", compression="off")["session"] = payload(text=text)
    one, two = session(open_namespace), session(open_namespace)
    one["session"] = payload(text=text, one=1)
    two["session"] = payload(text=text, two=2)
    merged = session(open_namespace)["session"]
    assert sorted(payload(text=text, one=1, two=2)) == sorted(merged)
    count = {"beaker-session": 1, "beaker-chunk": -(-len(merged) * 3 // 4 // CHUNK)}
    assert count == kinds(open_namespace)
    del one["session"]
    assert {} == kinds(open_namespace)


def test_a_session_in_chunks_moves(open_namespace: Opener) -> None:
    text = payload(text="x" * 900)
    open_namespace("old", compression="off")["session"] = text
    old, new = session(open_namespace, "old"), open_namespace("new", compression="off")
    new.session.move_from(old.session, payload(text="y" * 900))
    assert payload(text="y" * 900) == open_namespace("new")["session"]
    assert 1 == kinds(open_namespace)["beaker-session"]
    hashed = open_namespace("new", hash_ids="migrate", compression="off")
    assert payload(text="y" * 900) == hashed["session"]
    assert {"beaker-session": 1, "beaker-chunk": 10} == kinds(open_namespace)


def test_a_save_that_is_dropped_leaves_no_chunks(open_namespace: Opener) -> None:
    open_namespace("id")["session"] = payload(n=1)
    late = session(open_namespace)
    del session(open_namespace)["session"]
    late["session"] = payload(text="x" * 900)
    assert {} == kinds(open_namespace)


def test_a_write_whose_answer_was_lost_keeps_its_chunks(open_namespace: Opener) -> None:
    open_namespace("id")["session"] = payload(n=1)
    manager = session(open_namespace)
    with intercept(manager, write_twice):
        manager["session"] = payload(text="x" * 900)
    assert payload(text="x" * 900) == session(open_namespace)["session"]


def test_a_session_that_cannot_be_read_keeps_its_chunks(open_namespace: Opener) -> None:
    opaque = "~" * 1500
    manager = open_namespace("id", compression="off")
    with intercept(manager, write_twice):
        manager["session"] = opaque
    assert opaque == session(open_namespace)["session"]

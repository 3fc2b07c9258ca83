"""Values larger than one item: readers see the old one or the new one, and no chunk remains."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager, ItemTooLarge, PayloadError
from beaker_dynamodb.dynamodb import batches
from beaker_dynamodb.dynamodb.error_mapping import ConditionFailed
from beaker_dynamodb.items import chunks
from tests.opening import payload

if TYPE_CHECKING:
    from tests.opening import Opener
    from tests.servers.recorder import CallRecorder

pytestmark = pytest.mark.both_servers

#: Bytes in an item and in a chunk, so that few bytes are many chunks.
ITEM, CHUNK = 1000, 100
OLD, NEW = b"old" * 500, b"new" * 600


@pytest.fixture(autouse=True)
def small() -> Iterator[None]:
    """Make items small, so values of 1 KB need chunks."""
    with (
        mock.patch.object(chunks, "MAX_ITEM_BYTES", ITEM),
        mock.patch.object(chunks, "CHUNK_BYTES", CHUNK),
    ):
        yield


def cache(open_namespace: Opener, **options: Any) -> DynamoDBNamespaceManager:
    """Open a cache that compresses nothing."""
    return open_namespace(compression="off", **options)


def kinds(open_namespace: Opener) -> dict[str, int]:
    """Count the items of each type except markers."""
    count = Counter(item["type"]["S"] for item in open_namespace.items())
    del count["beaker-marker"]
    return dict(count)


def test_a_large_value_is_one_item_and_its_chunks(
    open_namespace: Opener, sent: CallRecorder
) -> None:
    cache(open_namespace)[b"k"] = OLD
    assert ["BatchWriteItem"] * 4 + ["PutItem"] == sent.operations
    assert {"beaker-cache": 1, "beaker-chunk": 16} == kinds(open_namespace)
    sent.clear()
    assert OLD == cache(open_namespace)[b"k"]
    assert ["GetItem", "BatchGetItem"] == sent.operations


@pytest.mark.parametrize("value", [NEW, b"small"])
def test_replacing_or_deleting_a_value_deletes_its_chunks(
    open_namespace: Opener, value: bytes
) -> None:
    manager = cache(open_namespace)
    manager[b"k"] = OLD
    manager[b"k"] = value
    assert value == manager[b"k"]
    assert (19 if value == NEW else 0) == kinds(open_namespace).get("beaker-chunk", 0)
    del manager[b"k"]
    assert {"beaker-tombstone": 1} == kinds(open_namespace)


def test_clear_takes_the_chunks_along(open_namespace: Opener) -> None:
    cache(open_namespace, namespace="mine")[b"k"] = OLD
    other = cache(open_namespace, namespace="mine2")
    other[b"k"] = NEW
    session = open_namespace("id", compression="off")
    session["session"] = payload(text="x" * 900)
    before = kinds(open_namespace)
    cache(open_namespace, namespace="mine").remove()
    assert before["beaker-chunk"] - 16 == kinds(open_namespace)["beaker-chunk"]
    assert NEW == other[b"k"]
    assert payload(text="x" * 900) == open_namespace("id")["session"]


def test_clear_leaves_no_item_without_its_chunks(open_namespace: Opener) -> None:
    manager, reader = cache(open_namespace), cache(open_namespace)
    keys = [b"1", b"2", b"3"]
    for key in keys:
        manager[key] = OLD
    items = manager.backend.items
    real = items.call
    found: list[object] = []

    def call(method: str, **params: Any) -> Any:
        if method != "batch_write_item":
            return real(method, **params)
        # DynamoDB may do a batch in any order, and leave any part of it for later.
        ((table, requests),) = params["RequestItems"].items()
        for request in reversed(requests):
            real(method, RequestItems={table: [request]})
            for key in keys:
                try:
                    found.append(reader[key])
                except KeyError:
                    found.append(None)
        return {}

    with mock.patch.object(items, "call", call):
        manager.remove()
    assert {OLD, None} == set(found)
    assert {} == kinds(open_namespace)


def test_clear_of_a_value_that_stands_twice(open_namespace: Opener) -> None:
    manager = cache(open_namespace)
    manager[b"k"] = OLD
    manager[b"l"] = b"small"
    items = [i for i in open_namespace.items() if i["type"]["S"] == "beaker-cache"]
    one = next(item for item in items if "chunks" in item)
    two = next(item for item in items if "chunks" not in item)
    open_namespace.put({**one, **open_namespace.key(two)})
    manager.remove()
    assert {} == kinds(open_namespace)


def test_a_key_that_is_too_long_counts(open_namespace: Opener, sent: CallRecorder) -> None:
    manager = cache(open_namespace)
    with mock.patch.object(chunks, "MAX_ITEM_BYTES", 2000):
        manager[b"k" * 1200] = b"x" * 900
        assert b"x" * 900 == manager[b"k" * 1200]
        assert "BatchWriteItem" in sent.operations
        sent.clear()
        with pytest.raises(ItemTooLarge) as caught:
            manager[b"k" * 2000] = b"x"
    assert caught.value.size > 2000
    assert [] == sent.operations


class Killed(BaseException):
    """The process was killed."""


def dying(manager: DynamoDBNamespaceManager, calls: int, *, sent: bool) -> Any:
    """Kill a manager's process at a call to DynamoDB.

    :param calls: number of calls before.
    :param sent: whether the fatal call still reaches DynamoDB.
    """
    items = manager.backend.items
    real, count = items.call, 0

    def call(method: str, **params: Any) -> Any:
        nonlocal count
        count += 1
        if count <= calls:
            return real(method, **params)
        if count == calls + 1 and sent:
            real(method, **params)
        raise Killed

    return mock.patch.object(items, "call", call)


@pytest.mark.parametrize("sent", [False, True], ids=["before", "after"])
def test_a_writer_may_die_anywhere(open_namespace: Opener, sent: bool) -> None:
    seen = []
    for calls in range(20):
        writer = cache(open_namespace, timeout=1000 + calls)
        writer[b"k"] = OLD
        with dying(writer, calls, sent=sent):
            try:
                writer[b"k"] = NEW
            except Killed:
                seen.append(cache(open_namespace)[b"k"])
            else:
                break
    writes = -(-19 // chunks.CHUNKS_PER_WRITE)
    assert [OLD] * (writes + (not sent)) == [value for value in seen if value == OLD]
    assert [NEW] == list(dict.fromkeys(seen[writes + (not sent) :]))
    chunk_items = [i for i in open_namespace.items() if i["type"]["S"] == "beaker-chunk"]
    assert all("expires" in item for item in chunk_items)


def test_a_reader_who_is_overtaken_sees_the_new_value(open_namespace: Opener) -> None:
    reader, writer = cache(open_namespace), cache(open_namespace)
    writer[b"k"] = OLD
    real = batches.get

    def overtaken(*args: Any, **kwargs: Any) -> Any:
        batches_get.side_effect = real
        writer[b"k"] = NEW
        return real(*args, **kwargs)

    with mock.patch.object(batches, "get", side_effect=overtaken) as batches_get:
        assert NEW == reader[b"k"]


@pytest.mark.full
def test_readers_and_writers(open_namespace: Opener) -> None:
    values = [bytes([letter]) * (ITEM + 300 * number) for number, letter in enumerate(b"abcd")]
    cache(open_namespace)[b"k"] = values[0]
    seen: list[bytes] = []
    errors: list[Exception] = []

    def work(value: bytes | None) -> None:
        try:
            manager = cache(open_namespace)
            for _ in range(15):
                if value is None:
                    seen.append(manager[b"k"])
                else:
                    manager[b"k"] = value
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=[value]) for value in (*values, None, None)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [] == errors
    assert 30 == len(seen)
    assert set(seen) <= set(values)
    (item,) = (i for i in open_namespace.items() if i["type"]["S"] == "beaker-cache")
    named = int(item.get("chunks", {"N": 0})["N"])
    assert named == kinds(open_namespace).get("beaker-chunk", 0)


def test_a_missing_chunk_is_an_error(open_namespace: Opener) -> None:
    cache(open_namespace)[b"k"] = OLD
    chunk = next(i for i in open_namespace.items() if i["type"]["S"] == "beaker-chunk")
    open_namespace.client.delete_item(
        TableName=open_namespace.table_name, Key=open_namespace.key(chunk)
    )
    with pytest.raises(PayloadError, match="missing"):
        cache(open_namespace)[b"k"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"chunks": {"N": "1000000000"}},
        {"chunks": {"N": "-1"}},
        {"chunks": {"S": "16"}},
        {"chunk_set": {"N": "1"}},
    ],
    ids=str,
)
def test_invalid_chunk_attributes_are_an_error(
    open_namespace: Opener, wrong: dict[str, Any]
) -> None:
    manager = cache(open_namespace)
    manager[b"k"] = OLD
    (item,) = (i for i in open_namespace.items() if i["type"]["S"] == "beaker-cache")
    open_namespace.put({**item, **wrong})
    with pytest.raises(PayloadError):
        manager[b"k"]
    manager[b"k"] = "new"
    assert "new" == manager[b"k"]


def test_swapped_chunks_are_refused_by_the_signature(open_namespace: Opener) -> None:
    manager = cache(open_namespace, signing_keys="sixteen bytes or more")
    manager[b"one"], manager[b"two"] = OLD, OLD[::-1]
    one, two = (i for i in open_namespace.items() if i["type"]["S"] == "beaker-cache")
    open_namespace.put({**one, "chunk_set": two["chunk_set"], "chunks": two["chunks"]})
    with pytest.raises(PayloadError, match="signature"):
        _ = manager[b"one"], manager[b"two"]


def session(open_namespace: Opener, session_id: str = "id", **options: Any) -> Any:
    """Open a session and load it."""
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


def writing_twice(manager: DynamoDBNamespaceManager) -> Any:
    """Write each item twice, as botocore does if the first response was lost."""
    items = manager.backend.items
    real = items.call

    def twice(method: str, **params: Any) -> Any:
        if method == "put_item":
            real(method, **params)
        return real(method, **params)

    return mock.patch.object(items, "call", twice)


def test_a_write_whose_answer_was_lost_keeps_its_chunks(open_namespace: Opener) -> None:
    open_namespace("id")["session"] = payload(n=1)
    manager = session(open_namespace)
    with writing_twice(manager):
        manager["session"] = payload(text="x" * 900)
    assert payload(text="x" * 900) == session(open_namespace)["session"]


@pytest.mark.parametrize("before", [None, b"small", OLD], ids=["nothing", "small", "large"])
def test_a_cache_value_whose_answer_was_lost_keeps_its_chunks(
    open_namespace: Opener, before: bytes | None
) -> None:
    manager = cache(open_namespace)
    if before is not None:
        manager[b"k"] = before
    with writing_twice(manager):
        manager[b"k"] = NEW
    assert NEW == manager[b"k"]


def test_a_session_that_cannot_be_read_keeps_its_chunks(open_namespace: Opener) -> None:
    opaque = "~" * 1500
    manager = open_namespace("id", compression="off")
    with writing_twice(manager):
        manager["session"] = opaque
    assert opaque == session(open_namespace)["session"]


def test_chunks_that_cannot_be_deleted(
    open_namespace: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    manager = cache(open_namespace)
    manager[b"k"] = OLD
    items = manager.backend.items
    real = items.call

    def no_batches(method: str, **params: Any) -> Any:
        if method == "batch_write_item":
            raise PayloadError("no batches today")
        return real(method, **params)

    with mock.patch.object(items, "call", no_batches), caplog.at_level(logging.WARNING):
        manager[b"k"] = "small"
    assert "small" == manager[b"k"]
    assert ["old chunks were not deleted; they will expire: no batches today"] == caplog.messages


def test_a_condition_that_fails_on_a_damaged_item(open_namespace: Opener) -> None:
    manager = cache(open_namespace)
    manager[b"k"] = "there"
    item = manager.backend.items.get(manager.backend.keys.entry("pages", b"k"), "beaker-cache")
    assert item is not None
    open_namespace.put({**open_namespace.item(), "chunk_set": {"N": "1"}})
    item.data = OLD
    with pytest.raises(ConditionFailed):
        manager.backend.items.put(item, manager.backend.items.if_new())
    assert {"beaker-cache": 1} == kinds(open_namespace)

"""Values up to DynamoDB's limit for an item, 409,600 bytes, and up to 16 MB."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from beaker_dynamodb import ItemTooLarge
from beaker_dynamodb.items.chunks import CHUNK_BYTES
from beaker_dynamodb.items.item import item_size
from tests.clock import Clock
from tests.opening import Opener
from tests.servers.recorder import CallRecorder

pytestmark = pytest.mark.both_servers

LIMIT = 409_600


class Raw:
    def dumps(self, value: bytes) -> bytes:
        return value

    def loads(self, data: bytes) -> bytes:
        return data


# moto counts differently.
@pytest.mark.parametrize("engine", ["local"], scope="session")
# Numbers take more bytes the more digits they have.
@pytest.mark.parametrize("now", [4_000_000_000.0, 4_123_456_789.125])
def test_the_limit_is_dynamodbs_to_the_byte(
    open_namespace: Opener, clock: Clock, sent: CallRecorder, now: float
) -> None:
    clock.now = now
    manager = open_namespace(serializer=Raw(), compression="off")
    manager.set_value(b"k", bytes(1000), expiretime=77.5)
    largest = LIMIT - (item_size(open_namespace.item()) - 1000)
    sent.clear()
    manager.set_value(b"k", bytes(largest), expiretime=77.5)
    assert ["PutItem"] == sent.operations
    assert bytes(largest) == manager[b"k"]
    item = open_namespace.item()
    item["data"] = {"B": bytes(largest + 1)}
    with pytest.raises(ClientError, match="Item size"):
        open_namespace.put(item)
    manager.set_value(b"k", bytes(largest + 1), expiretime=77.5)
    assert bytes(largest + 1) == manager[b"k"]
    assert "BatchWriteItem" in sent.operations


@pytest.mark.full
@pytest.mark.parametrize("engine", ["local"], scope="session")
@pytest.mark.parametrize("size", [400_000, LIMIT, LIMIT + 1, 2 * CHUNK_BYTES, 16 * 2**20])
def test_values_of_any_size_up_to_16_mb(open_namespace: Opener, size: int) -> None:
    manager = open_namespace(serializer=Raw(), compression="off")
    value = bytes(range(256)) * (size // 256) + bytes(size % 256)
    manager[b"k"] = value
    assert value == manager[b"k"]
    assert all(item_size(item) <= LIMIT for item in open_namespace.items())
    del manager[b"k"]
    (left,) = open_namespace.items()
    assert {"S": "beaker-tombstone"} == left["type"]


def test_a_value_that_is_too_large_does_not_replace_the_old_one(
    open_namespace: Opener, sent: CallRecorder
) -> None:
    manager = open_namespace(serializer=Raw(), compression="off")
    manager[b"a-secret-key"] = b"old"
    sent.clear()
    with pytest.raises(ItemTooLarge) as caught:
        manager[b"a-secret-key"] = bytes(16 * 2**20 + 1)
    error = caught.value
    assert (16 * 2**20 + 1, 16 * 2**20) == (error.size, error.limit)
    assert ("PutItem", open_namespace.table_name) == (error.operation, error.table)
    assert error.hashed_key
    assert error.hashed_key in str(error)
    assert "secret" not in str(error)
    assert [] == sent.operations
    assert b"old" == manager[b"a-secret-key"]


def test_a_session_that_is_too_large_does_not_replace_the_old_one(
    open_namespace: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "A" * 400
    # Stored without base64.
    monkeypatch.setattr("beaker_dynamodb.items.chunks.MAX_VALUE_BYTES", 300)
    open_namespace("id", compression="off")["session"] = text
    manager = open_namespace("id", compression="off")
    assert text == manager["session"]
    with pytest.raises(ItemTooLarge):
        manager["session"] = "A" * 404
    assert text == open_namespace("id", compression="off")["session"]

"""DynamoDB's limit for an item, 409,600 bytes: used to the last byte, and never overstepped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from beaker_dynamodb import ItemTooLarge

if TYPE_CHECKING:
    from tests.clock import Clock
    from tests.contract.opening import Opener
    from tests.servers.recorder import CallRecorder

LIMIT = 409_600


class Raw:
    """A serializer that leaves bytes as they are."""

    def dumps(self, value: bytes) -> bytes:
        """Give the value."""
        return value

    def loads(self, data: bytes) -> bytes:
        """Give the data."""
        return data


# moto counts differently.
@pytest.mark.parametrize("endpoint", ["local"], indirect=True)
# Numbers take more bytes the more digits they have.
@pytest.mark.parametrize("now", [4_000_000_000.0, 4_123_456_789.125])
def test_the_limit_is_dynamodbs_to_the_byte(
    open_namespace: Opener, clock: Clock, sent: CallRecorder, now: float
) -> None:
    """What fits is stored; one byte more is refused without a call, and the old value stays."""
    clock.now = now
    manager = open_namespace(serializer=Raw(), compression="off")
    with pytest.raises(ItemTooLarge) as caught:
        manager.set_value(b"k", bytes(LIMIT), expiretime=77.5)
    largest = LIMIT - (caught.value.size - LIMIT)
    sent.clear()
    manager.set_value(b"k", bytes(largest), expiretime=77.5)
    with pytest.raises(ItemTooLarge) as caught:
        manager.set_value(b"k", b"\x01" * (largest + 1), expiretime=77.5)
    assert (LIMIT + 1, LIMIT) == (caught.value.size, caught.value.limit)
    assert str(LIMIT + 1) in str(caught.value)
    assert ["PutItem"] == sent.operations
    assert bytes(largest) == manager[b"k"]
    item = open_namespace.item()
    item["data"] = {"B": bytes(largest + 1)}
    with pytest.raises(ClientError, match="Item size"):
        open_namespace.put(item)


def test_a_session_that_is_too_large_leaves_the_old_one(open_namespace: Opener) -> None:
    """The save of a session that does not fit raises, and what was saved before is still there."""
    text = "A" * 400
    open_namespace("id", compression="off")["session"] = text
    manager = open_namespace("id", compression="off")
    assert text == manager["session"]
    with pytest.raises(ItemTooLarge):
        manager["session"] = "A" * (LIMIT * 2)
    assert text == open_namespace("id", compression="off")["session"]

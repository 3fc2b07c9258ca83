"""A creation lock when DynamoDB does not answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ReadTimeoutError

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.caches import lease
from tests.locks.elsewhere import Time
from tests.servers.recorder import CallRecorder

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


def fail(operation: str, client: DynamoDBClient, times: int) -> None:
    """Let the client's next so many requests of a kind time out."""
    left = [times]

    def handler(**_: object) -> None:
        if left[0]:
            left[0] -= 1
            raise ReadTimeoutError(endpoint_url="the server")

    client.meta.events.register(f"before-send.dynamodb.{operation}", handler)


@pytest.fixture
def faulty(options: dict[str, Any], time: Time) -> DynamoDBNamespaceManager:
    """A namespace whose client tries once, and is nobody else's."""
    return DynamoDBNamespaceManager("news", max_attempts=1, **options)


@pytest.fixture
def _own_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("beaker_dynamodb.dynamodb.client._clients._value", {})


@pytest.mark.usefixtures("_own_clients")
@pytest.mark.parametrize(("failures", "lost"), [(19, False), (20, True)])
def test_renewal_fails(
    faulty: DynamoDBNamespaceManager, time: Time, failures: int, lost: bool
) -> None:
    """A renewal that fails is tried again until the lease is over; then the lock is lost."""
    mine = faulty.get_creation_lock(b"key")
    mine.acquire()
    fail("PutItem", faulty.client, failures)
    for _ in range(35):
        time.advance(1)
        lease.heart.beat()
    assert lost == mine.lost
    mine.release()


@pytest.mark.usefixtures("_own_clients")
def test_release_fails(
    faulty: DynamoDBNamespaceManager, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    """A release that DynamoDB does not answer is no error of the caller's, and logged."""
    mine = faulty.get_creation_lock(b"key")
    mine.acquire()
    fail("DeleteItem", faulty.client, 1)
    mine.release()
    (message,) = caplog.messages
    assert message.startswith("a creation lock was not released: DeleteItem on table")
    assert not mine.mine


@pytest.mark.usefixtures("_own_clients")
@pytest.mark.parametrize("operation", ["PutItem", "DeleteItem"])
def test_answer_lost(
    options: dict[str, Any], time: Time, operation: str, caplog: pytest.LogCaptureFixture
) -> None:
    """When an answer is lost and botocore asks again, our own write is not taken for another's."""
    namespace = DynamoDBNamespaceManager("news", **options)
    first = namespace.get_creation_lock(b"other")  # creates the table
    first.acquire()
    first.release()
    done: list[int] = []
    client = namespace.client
    sends: dict[str, Callable[..., Any]] = {
        "PutItem": client.put_item,
        "DeleteItem": client.delete_item,
    }

    def send_before(params: dict[str, Any], **_: object) -> None:
        if not done:
            done.append(1)
            sends[operation](**params)

    event = f"before-parameter-build.dynamodb.{operation}"
    client.meta.events.register(event, send_before)
    mine = namespace.get_creation_lock(b"key")

    with CallRecorder(client) as calls:
        assert mine.acquire(wait=False)
        mine.release()
    client.meta.events.unregister(event, send_before)

    codes = [call.error_code for call in calls if call.operation == operation]
    assert [None, "ConditionalCheckFailedException"] == codes
    assert [] == caplog.messages

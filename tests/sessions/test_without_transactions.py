"""`regenerate_id()` on servers and tables that lack transactions: two writes that lose nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from beaker_dynamodb import StoreUnavailable
from beaker_dynamodb.session import DynamoDBSession
from tests.servers.lesser import NO_TRANSACTIONS, UNKNOWN_OPERATION, lesser, sent_twice
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import Visitor, save, stored_sessions

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


@pytest.fixture
def visitor(client: DynamoDBClient, table_name: str) -> Visitor:
    visitor = Visitor({"client": client, "table_name": table_name}, DynamoDBSession)
    visitor.starts(a=1)
    return visitor


@pytest.fixture(params=[UNKNOWN_OPERATION, NO_TRANSACTIONS], ids=["unknown", "not supported"])
def _lesser(request: pytest.FixtureRequest, client: DynamoDBClient) -> Iterator[None]:
    with lesser(client, request.param):
        yield


def before(client: DynamoDBClient, number: int, action: Callable[[], object]) -> None:
    """Do something before the PutItem of this number, counted from 1, is sent."""
    puts = 0

    def count(**_: object) -> None:
        nonlocal puts
        puts += 1
        if puts == number:
            client.meta.events.unregister(event, count)
            action()

    event = "provide-client-params.dynamodb.PutItem"
    client.meta.events.register(event, count)


def changed_id(visitor: Visitor, **changes: object) -> Any:
    session = visitor.request()
    session.regenerate_id()
    session.update(changes)
    return session


@pytest.mark.usefixtures("_lesser")
def test_the_new_item_is_written_before_the_old_one_ends(
    visitor: Visitor, client: DynamoDBClient
) -> None:
    session = changed_id(visitor, b=1)
    with CallRecorder(client) as calls:
        session.save()
    assert ["TransactWriteItems", "PutItem", "PutItem"] == calls.operations
    assert ["beaker-session", "beaker-marker"] == [
        call.params["Item"]["type"]["S"] for call in list(calls)[1:]
    ]
    assert {} == visitor.finds()
    visitor.id = session.id
    assert {"a": 1, "b": 1} == visitor.finds()


@pytest.mark.usefixtures("_lesser")
def test_the_lack_is_remembered(visitor: Visitor, client: DynamoDBClient) -> None:
    changed_id(visitor).save()
    visitor.id = None
    session = visitor.starts(a=2)
    session.regenerate_id()
    with CallRecorder(client) as calls:
        session.save()
    assert ["PutItem", "PutItem"] == calls.operations


@pytest.mark.parametrize(
    "error",
    [
        b'{"__type": "com.amazon.coral.validate#ValidationException", '
        b'"message": "Transaction request cannot include multiple operations on one item"}',
        b'{"__type": "com.amazon.coral.service#ThrottlingException", "message": "slower"}',
    ],
    ids=["invalid", "throttled"],
)
def test_another_error_does_not_switch_transactions_off(
    visitor: Visitor, client: DynamoDBClient, error: bytes
) -> None:
    session = changed_id(visitor, b=1)
    with lesser(client, error), pytest.raises(Exception, match="TransactWriteItems"):
        session.save()
    with CallRecorder(client) as calls:
        session.save()
    assert "TransactWriteItems" in calls.operations


@pytest.mark.usefixtures("_lesser")
def test_an_update_meanwhile_comes_along(visitor: Visitor, client: DynamoDBClient) -> None:
    session, other = changed_id(visitor, mine=1), visitor.request()
    before(client, 2, lambda: save(other, theirs=1))
    session.save()
    visitor.id = session.id
    assert {"a": 1, "mine": 1, "theirs": 1} == visitor.finds()
    assert 1 == len(stored_sessions(client, visitor.options["table_name"]))


@pytest.mark.usefixtures("_lesser")
def test_a_log_out_meanwhile_wins(visitor: Visitor, client: DynamoDBClient) -> None:
    session, other = changed_id(visitor), visitor.request()
    before(client, 2, other.delete)
    session.save()
    assert [] == stored_sessions(client, visitor.options["table_name"])


@pytest.mark.usefixtures("_lesser")
@pytest.mark.parametrize("number", [1, 2])
def test_a_failure_in_between_loses_nothing(
    visitor: Visitor, client: DynamoDBClient, number: int
) -> None:
    """The session is found under the old id, and under the new one after another save."""

    def crash() -> None:
        raise StoreUnavailable("the write got no answer")

    session = changed_id(visitor, b=1)
    before(client, number, crash)
    with pytest.raises(StoreUnavailable):
        session.save()
    assert {"a": 1} == visitor.finds()
    session.save()
    assert {} == visitor.finds()
    visitor.id = session.id
    assert {"a": 1, "b": 1} == visitor.finds()


@pytest.mark.usefixtures("_lesser")
@pytest.mark.parametrize("number", [1, 2])
def test_a_write_that_is_sent_twice_recognizes_itself(
    visitor: Visitor, client: DynamoDBClient, number: int
) -> None:
    """Its answer was lost, and botocore sent it again."""
    session = changed_id(visitor, b=1)
    before(client, number, lambda: sent_twice(client))
    session.save()
    assert {} == visitor.finds()
    visitor.id = session.id
    assert {"a": 1, "b": 1} == visitor.finds()


def test_a_conflict_with_another_region_is_retried(
    visitor: Visitor, client: DynamoDBClient
) -> None:
    conflict = (
        b'{"__type": "com.amazon.coral.service#ReplicatedWriteConflictException", "message": "no"}'
    )
    session = changed_id(visitor, b=1)
    with CallRecorder(client) as calls, lesser(client, conflict, times=2):
        session.save()
    assert ["TransactWriteItems"] * 3 == calls.operations
    visitor.id = session.id
    assert {"a": 1, "b": 1} == visitor.finds()

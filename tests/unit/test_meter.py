"""The meter that tells what a client's calls cost."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from beaker_dynamodb.testing.meter import Call, CallMeter, count_text, units_text
from tests.servers.endpoint import create_table
from tests.servers.recorder import CallRecorder

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from tests.servers.endpoint import Endpoint

KEY = {"id": {"S": "sess:1"}}

# Bytes of an item besides the bytes of its data: two names, and the key's value.
OVERHEAD = len("id") + len("sess:1") + len("data")


@pytest.fixture
def table(client: DynamoDBClient, table_name: str) -> str:
    """An empty table."""
    create_table(client, table_name)
    return table_name


@pytest.fixture
def meter(client: DynamoDBClient) -> Iterator[CallMeter]:
    """A meter that computes."""
    with CallMeter(client, computed=True) as meter:
        yield meter


def put(client: DynamoDBClient, table: str, size: int, **condition: str) -> None:
    """Write an item of `size` bytes."""
    item = {**KEY, "data": {"B": bytes(size - OVERHEAD)}}
    client.put_item(TableName=table, Item=item, **condition)  # type: ignore[arg-type]


def test_count(client: DynamoDBClient, table: str, meter: CallMeter) -> None:
    """Each call is noted once, in order, with the key or the item that it was about."""
    calls = meter.begin()
    put(client, table, 100)
    client.get_item(TableName=table, Key=KEY)
    client.delete_item(TableName=table, Key=KEY)
    assert ["PutItem", "GetItem", "DeleteItem"] == [call.operation for call in calls]
    assert [KEY["id"]] * 3 == [call.target["id"] for call in calls]
    assert "1 read, 2 writes" == count_text(calls)


@pytest.mark.parametrize(
    ("size", "written", "read"),
    [(100, 1, 1), (1024, 1, 1), (1025, 2, 1), (4096, 4, 1), (4097, 5, 2)],
)
def test_computed(
    client: DynamoDBClient, table: str, meter: CallMeter, size: int, written: int, read: int
) -> None:
    """A write costs a unit per started KB, a read one per started 4 KB, an eventual one half."""
    calls = meter.begin()
    put(client, table, size)
    client.get_item(TableName=table, Key=KEY, ConsistentRead=True)
    client.get_item(TableName=table, Key=KEY)
    assert [written, read, read / 2] == [call.units for call in calls]


def test_larger_of_old_and_new(client: DynamoDBClient, table: str, meter: CallMeter) -> None:
    """A write costs by the larger one of the item that was and the item that is."""
    put(client, table, 3000)
    calls = meter.begin()
    put(client, table, 100)
    put(client, table, 2000)
    client.delete_item(TableName=table, Key=KEY)
    client.delete_item(TableName=table, Key=KEY)
    assert [3, 2, 2, 1] == [call.units for call in calls]


def test_update(client: DynamoDBClient, table: str, meter: CallMeter) -> None:
    """An update of one attribute costs by the whole item."""
    put(client, table, 3000)
    calls = meter.begin()
    client.update_item(
        TableName=table,
        Key=KEY,
        UpdateExpression="SET #n = :n",
        ExpressionAttributeNames={"#n": "n"},
        ExpressionAttributeValues={":n": {"N": "1"}},
    )
    assert [("UpdateItem", 3)] == [(call.operation, call.units) for call in calls]


def test_failed_condition(client: DynamoDBClient, table: str, meter: CallMeter) -> None:
    """A write whose condition fails costs by the larger item, too."""
    put(client, table, 3000)
    calls = meter.begin()
    with pytest.raises(client.exceptions.ConditionalCheckFailedException):
        put(
            client,
            table,
            100,
            ConditionExpression="attribute_not_exists(id)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    assert [3] == [call.units for call in calls]


def test_failed_call(client: DynamoDBClient, table_name: str, meter: CallMeter) -> None:
    """A call that DynamoDB turns down costs nothing."""
    calls = meter.begin()
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_item(TableName=table_name, Key=KEY)
    assert [Call("GetItem", KEY, 0)] == calls
    assert "none" == units_text(calls)


def test_miss(client: DynamoDBClient, table: str, meter: CallMeter) -> None:
    """To find nothing costs as much as to read a small item."""
    calls = meter.begin()
    client.get_item(TableName=table, Key=KEY, ConsistentRead=True)
    assert [Call("GetItem", KEY, 1)] == calls


def move(client: DynamoDBClient, table: str, size: int, condition: str) -> None:
    """Replace the item by one of `size` bytes under another key, in one transaction."""
    delete = {
        "TableName": table,
        "Key": KEY,
        "ConditionExpression": condition,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    item = {"id": {"S": "sess:2"}, "data": {"B": bytes(size - OVERHEAD)}}
    put = {"TableName": table, "Item": item}
    client.transact_write_items(
        TransactItems=[{"Delete": delete}, {"Put": put}]  # type: ignore[typeddict-item]
    )


def test_transaction(client: DynamoDBClient, table: str, meter: CallMeter) -> None:
    """A transaction is one call about its first item, and costs double for each item."""
    put(client, table, 3000)
    calls = meter.begin()
    client.get_item(TableName=table, Key=KEY)
    move(client, table, 1500, "attribute_exists(id)")
    assert Call("TransactWriteItems", KEY, 2 * 3 + 2 * 2) == calls[-1]
    assert "1 read, 1 write" == count_text(calls)


def test_cancelled_transaction(client: DynamoDBClient, table: str, meter: CallMeter) -> None:
    """A transaction whose condition fails costs as much as one that succeeds."""
    put(client, table, 3000)
    calls = meter.begin()
    with pytest.raises(client.exceptions.TransactionCanceledException):
        move(client, table, 1500, "attribute_not_exists(id)")
    assert [Call("TransactWriteItems", KEY, 2 * 3 + 2 * 2)] == calls


def test_transaction_on_the_unread(client: DynamoDBClient, table: str, meter: CallMeter) -> None:
    """What a transaction costs that deletes an item nobody has read is not known."""
    put(client, table, 3000)
    calls = meter.begin()
    move(client, table, 1500, "attribute_exists(id)")
    assert [Call("TransactWriteItems", KEY, None)] == calls


def test_not_computable(client: DynamoDBClient, table: str, meter: CallMeter) -> None:
    """Of an operation on many items the meter says that it does not know the units."""
    calls = meter.begin()
    client.scan(TableName=table)
    assert [Call("Scan", {}, None)] == calls
    assert "unknown" == units_text(calls)


def test_tables_are_free(client: DynamoDBClient, table: str, meter: CallMeter) -> None:
    """A call about a table is not noted: it consumes no capacity."""
    calls = meter.begin()
    client.describe_table(TableName=table)
    assert [] == calls
    assert "none" == count_text(calls)


def test_reported(local_endpoint: Endpoint, table_name: str) -> None:
    """DynamoDB reports for every call the very units that the meter computes."""
    client = local_endpoint.client
    create_table(client, table_name)

    def session() -> None:
        for size in (100, 1024, 1025, 4096, 4097, 9000):
            put(client, table_name, size)
            client.get_item(TableName=table_name, Key=KEY, ConsistentRead=True)
            client.get_item(TableName=table_name, Key=KEY)
        move(client, table_name, 2000, "attribute_exists(id)")
        put(client, table_name, 50)
        client.delete_item(TableName=table_name, Key=KEY)
        client.delete_item(TableName=table_name, Key={"id": {"S": "sess:2"}})

    with CallMeter(client, computed=True) as meter:
        computed = meter.begin()
        session()
    with CallMeter(client, computed=False) as meter, CallRecorder(client) as recorder:
        reported = meter.begin()
        session()
    assert computed == reported
    assert recorder.capacity_units == sum(call.units or 0 for call in reported)


def test_reported_query(local_endpoint: Endpoint, table_name: str) -> None:
    """What an operation on many items costs is known from DynamoDB's report."""
    client = local_endpoint.client
    create_table(client, table_name)
    put(client, table_name, 5000)
    with CallMeter(client, computed=False) as meter:
        calls = meter.begin()
        client.scan(TableName=table_name)
        client.batch_get_item(RequestItems={table_name: {"Keys": [KEY]}})
    assert [1, 1] == [call.units for call in calls]


def test_threads(client: DynamoDBClient, table: str, meter: CallMeter) -> None:
    """A thread's calls do not show in another thread's list, whether it has one or not."""
    mine = meter.begin()
    theirs: list[list[Call]] = []

    def other() -> None:
        client.get_item(TableName=table, Key=KEY)
        theirs.append(meter.begin())
        client.delete_item(TableName=table, Key=KEY)

    thread = Thread(target=other)
    thread.start()
    thread.join()
    assert [] == mine
    assert ["DeleteItem"] == [call.operation for call in theirs[0]]


def test_begin_again(client: DynamoDBClient, table: str, meter: CallMeter) -> None:
    """A new list takes the calls that follow; the old one stays as it is."""
    first = meter.begin()
    client.get_item(TableName=table, Key=KEY)
    second = meter.begin()
    assert (1, 0) == (len(first), len(second))


def test_closed(client: DynamoDBClient, table: str) -> None:
    """A closed meter notes nothing and leaves the requests alone."""
    with CallMeter(client, computed=True) as meter:
        calls = meter.begin()
    with CallRecorder(client) as recorder:
        put(client, table, 100)
    assert [] == calls
    assert "ReturnValues" not in recorder[0].params


def test_texts() -> None:
    """Halves of units are told as such."""
    calls = [Call("GetItem", KEY, 0.5), Call("GetItem", KEY, 0.5), Call("Query", {}, 0.5)]
    assert "3 reads" == count_text(calls)
    assert "1.5 read" == units_text(calls)

"""The consumed capacity that commands show."""

from __future__ import annotations

from threading import Thread
from typing import Any

import pytest

from beaker_dynamodb.cli.capacity import Call, Capacity
from tests.servers.endpoint import Endpoint, create_table


def test_calls_of_all_threads_are_summed(local_endpoint: Endpoint, table_name: str) -> None:
    client = local_endpoint.client
    key = {"id": {"S": "a"}}
    with Capacity(client, client) as used:
        create_table(client, table_name)
        thread = Thread(
            target=client.put_item,
            kwargs={"TableName": table_name, "Item": {**key, "data": {"B": bytes(5000)}}},
        )
        thread.start()
        thread.join()
        client.get_item(TableName=table_name, Key=key)
        delete: Any = [{"DeleteRequest": {"Key": key}}]
        client.batch_write_item(RequestItems={table_name: delete})
    client.get_item(TableName=table_name, Key=key)
    assert ("1 read and 10 write units", 1, 1) == (
        str(used),
        used.batch_deletes,
        used.created_tables,
    )


def test_errors_are_passed_on_and_consume_nothing(endpoint: Endpoint, table_name: str) -> None:
    client = endpoint.client
    calls: list[Call] = []
    with (
        Capacity(client, on_call=calls.append) as used,
        pytest.raises(client.exceptions.ResourceNotFoundException),
    ):
        client.get_item(TableName=table_name, Key={"id": {"S": "a"}})
    assert ["GetItem"] == [call.operation for call in calls]
    assert {"TableName": table_name, "Key": {"id": {"S": "a"}}}.items() <= calls[0].params.items()
    assert "no units" == str(used)


def test_unprocessed_deletes_do_not_count() -> None:
    requests: Any = {"table": [{"DeleteRequest": {}}, {"DeleteRequest": {}}, {"PutRequest": {}}]}
    answer: Any = {"UnprocessedItems": {"table": [{"DeleteRequest": {}}]}}
    assert 1 == Call("BatchWriteItem", {"RequestItems": requests}, answer).batch_deletes
    assert 0 == Call("BatchWriteItem", {"RequestItems": requests}, {"Error": {}}).batch_deletes


@pytest.mark.parametrize(
    ("read", "write", "shown"),
    [
        (0, 0, "no units"),
        (0.5, 0, "0.5 read units"),
        (1, 0, "1 read unit"),
        (1_234_567.5, 10, "1,234,567.5 read and 10 write units"),
        (0, 1, "1 write unit"),
    ],
)
def test_units_are_shown_in_full(read: float, write: float, shown: str) -> None:
    used = Capacity()
    used.read_units, used.write_units = read, write
    assert shown == str(used)

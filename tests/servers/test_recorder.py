"""The recorder of API calls."""

from __future__ import annotations

import pytest

from tests.servers.endpoint import DynamoDBClient, Endpoint, create_table
from tests.servers.recorder import CallRecorder


def test_calls_are_recorded_until_the_context_ends(client: DynamoDBClient, table_name: str) -> None:
    with CallRecorder(client) as calls:
        create_table(client, table_name)
        client.put_item(TableName=table_name, Item={"id": {"S": "a"}})
        client.get_item(TableName=table_name, Key={"id": {"S": "a"}})
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            client.get_item(TableName="missing", Key={"id": {"S": "a"}})
    client.list_tables()
    assert ["CreateTable", "PutItem", "GetItem", "GetItem"] == calls.operations
    assert {"TableName": table_name, "Key": {"id": {"S": "a"}}} == calls[2].params
    assert {"id": {"S": "a"}} == calls[2].response["Item"]
    assert [None, None, None, "ResourceNotFoundException"] == [call.error_code for call in calls]
    calls.clear()
    assert 0 == len(calls)


def test_capacity_is_summed(local_endpoint: Endpoint, table_name: str) -> None:
    client, key = local_endpoint.client, {"id": {"S": "a"}}
    create_table(client, table_name)
    with CallRecorder(client, ask_capacity=True) as calls:
        client.put_item(TableName=table_name, Item={**key, "data": {"B": bytes(5 * 1024)}})
        client.get_item(TableName=table_name, Key=key, ConsistentRead=True)
        client.batch_write_item(RequestItems={table_name: [{"DeleteRequest": {"Key": key}}]})
    assert [6, 2, 6] == [call.capacity_units for call in calls]
    assert 14 == calls.capacity_units

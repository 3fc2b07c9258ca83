"""The recorder of API calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError

from beaker_dynamodb.testing.local import EmbeddedDynamoDB
from tests.servers.endpoint import create_table
from tests.servers.recorder import CallRecorder

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from tests.servers.endpoint import Endpoint


class TestCallRecorder:
    """The recorder sees what a client sends."""

    def test_calls_are_recorded_with_params_and_response(
        self, client: DynamoDBClient, calls: CallRecorder, table_name: str
    ) -> None:
        """Each call is recorded with its operation, parameters and answer."""
        create_table(client, table_name)
        client.put_item(TableName=table_name, Item={"id": {"S": "a"}})
        client.get_item(TableName=table_name, Key={"id": {"S": "a"}})
        assert ["CreateTable", "PutItem", "GetItem"] == calls.operations
        assert {"TableName": table_name, "Key": {"id": {"S": "a"}}} == calls[2].params
        assert {"id": {"S": "a"}} == calls[2].response["Item"]
        assert [None, None, None] == [call.error_code for call in calls]
        assert [0, 0, 0] == [call.retries for call in calls]

    def test_errors_are_recorded_with_their_code(
        self, client: DynamoDBClient, calls: CallRecorder, table_name: str
    ) -> None:
        """A call that AWS refuses is recorded with AWS's code."""
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            client.get_item(TableName=table_name, Key={"id": {"S": "a"}})
        assert ["ResourceNotFoundException"] == [call.error_code for call in calls]

    def test_calls_without_an_answer_are_recorded(self) -> None:
        """A call that reaches nobody is recorded with the exception."""
        with EmbeddedDynamoDB() as server:
            nobody = server.endpoint_url
        client = boto3.session.Session().client(
            "dynamodb",
            endpoint_url=nobody,
            config=Config(retries={"total_max_attempts": 1}),
            **server.credentials,
        )
        with CallRecorder(client) as calls, pytest.raises(EndpointConnectionError):
            client.list_tables()
        assert ["ListTables"] == calls.operations
        assert isinstance(calls[0].exception, EndpointConnectionError)

    def test_a_closed_recorder_records_nothing(self, client: DynamoDBClient) -> None:
        """What comes after the with block is not recorded; what came before stays."""
        with CallRecorder(client) as calls:
            client.list_tables()
        client.list_tables()
        assert ["ListTables"] == calls.operations
        calls.clear()
        assert 0 == len(calls)

    def test_capacity_is_asked_for_and_summed(
        self, local_endpoint: Endpoint, table_name: str
    ) -> None:
        """A strong read of 5 KB costs 2 units, a write of it 6, a batch as much as its parts."""
        client = local_endpoint.client
        create_table(client, table_name)
        with CallRecorder(client, ask_capacity=True) as calls:
            client.put_item(
                TableName=table_name, Item={"id": {"S": "a"}, "data": {"B": bytes(5 * 1024)}}
            )
            client.get_item(TableName=table_name, Key={"id": {"S": "a"}}, ConsistentRead=True)
            client.batch_write_item(
                RequestItems={table_name: [{"DeleteRequest": {"Key": {"id": {"S": "a"}}}}]}
            )
        assert [6, 2, 6] == [call.capacity_units for call in calls]
        assert 14 == calls.capacity_units

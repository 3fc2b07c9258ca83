"""How calls are made: with the methods of a boto3 client, or faster (fast_transport.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

#: DynamoDB's operation for each method of a boto3 client.
OPERATIONS = {
    "get_item": "GetItem",
    "put_item": "PutItem",
    "delete_item": "DeleteItem",
    "query": "Query",
    "scan": "Scan",
    "batch_get_item": "BatchGetItem",
    "batch_write_item": "BatchWriteItem",
    "transact_write_items": "TransactWriteItems",
}


class Transport:
    """Makes calls with a boto3 client."""

    def __init__(self, client: DynamoDBClient) -> None:
        self.client = client

    def call(self, method: str, params: dict[str, Any]) -> Any:
        """Call a method of the client; return its response."""
        return getattr(self.client, method)(**params)

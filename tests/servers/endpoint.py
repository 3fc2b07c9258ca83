"""A server that speaks DynamoDB's protocol, as the tests see it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient as DynamoDBClient
else:
    DynamoDBClient = Any  # the type hints are installed for `tox -e lint` only

REGION = "eu-west-1"
# Letters and digits only: DynamoDB Local rejects other key ids.
ACCESS_KEY_ID = "testkey"
SECRET_ACCESS_KEY = "testsecret"


@dataclass(frozen=True)
class Endpoint:
    """Where a server is and how to talk to it.

    :param name: ``moto`` or ``local``.
    :param url: its address.
    """

    name: str
    url: str

    @property
    def options(self) -> dict[str, Any]:
        """The options that lead to it, by names that boto3 and beaker_dynamodb share."""
        return {
            "endpoint_url": self.url,
            "region_name": REGION,
            "aws_access_key_id": ACCESS_KEY_ID,
            "aws_secret_access_key": SECRET_ACCESS_KEY,
        }

    @cached_property
    def client(self) -> DynamoDBClient:
        """A plain client, shared by all tests: creating one takes 15 to 90 ms."""
        return boto3.session.Session().client("dynamodb", **self.options)


def create_table(client: DynamoDBClient, table_name: str) -> None:
    """Create a table whose key is a string `id`."""
    client.create_table(
        TableName=table_name,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )

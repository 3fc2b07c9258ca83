"""Namespaces of a test's table, and the items in it."""

from __future__ import annotations

import pickle
from base64 import b64encode
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from beaker_dynamodb import DynamoDBNamespaceManager
from tests.servers.recorder import CallRecorder

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


class Opener:
    """Opens namespaces; its methods inspect the table without the package.

    :param options: options of each manager.
    :param client: a plain client.
    :param table_name: the table.
    """

    def __init__(
        self, options: Mapping[str, object], client: DynamoDBClient, table_name: str
    ) -> None:
        self.options = dict(options)
        self.client = client
        self.table_name = table_name

    def __call__(self, namespace: str = "pages", **options: object) -> DynamoDBNamespaceManager:
        """Open a namespace.

        :param options: override the common ones.
        """
        return DynamoDBNamespaceManager(namespace, **{**self.options, **options})

    @property
    def sorted(self) -> bool:
        """Whether the table has a sort key."""
        return "sort_key" in self.options

    def make_table(self) -> None:
        """Make the package create the table."""
        assert b"nothing" not in self("nothing")

    def recorded(self) -> CallRecorder:
        """Record the calls of the package's managers, after the table was created."""
        self.make_table()
        return CallRecorder(self("nothing").client)

    def items(self) -> list[dict[str, Any]]:
        """Return all items of the table as DynamoDB stores them."""
        pages = self.client.get_paginator("scan").paginate(
            TableName=self.table_name, ConsistentRead=True
        )
        return [dict(item) for page in pages for item in page["Items"]]

    def item(self) -> dict[str, Any]:
        """Return the only item of the table."""
        (item,) = self.items()
        return item

    def put(self, item: Mapping[str, Any]) -> None:
        self.client.put_item(TableName=self.table_name, Item=item)

    def key(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """Return an item's primary key."""
        return {name: item[name] for name in (("id", "part") if self.sorted else ("id",))}


def payload(**data: object) -> str:
    """Return what Beaker's Session passes to its namespace for this data."""
    session = {"_accessed_time": 4e9, "_creation_time": 4e9, **data}
    return b64encode(pickle.dumps(session, 2)).decode()

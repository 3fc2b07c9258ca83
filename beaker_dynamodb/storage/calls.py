"""The one place that calls boto3's item operations: errors become ours, a missing table is made."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.errors import DynamoDBError, StoreUnavailable
from beaker_dynamodb.storage import silence, table
from beaker_dynamodb.storage.client import ClientSource
from beaker_dynamodb.storage.faults import (
    ConditionFailed,
    Contended,
    MissingTable,
    cause,
    missing_table,
    translate,
)

if TYPE_CHECKING:
    from beaker_dynamodb.options import Options

#: Tries after the table was created: a new table may answer "not found" for a moment longer.
CREATED_ATTEMPTS = 6

#: DynamoDB's names of boto3's methods.
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
#: Those that name the table inside their parameters.
MANY_TABLES = frozenset({"batch_get_item", "batch_write_item", "transact_write_items"})
#: Attempts and longest first backoff of a write that met another on the same item (`Contended`),
#: which botocore does not retry.
CONTENDED_ATTEMPTS = 8
CONTENDED_BACKOFF_SECONDS = 0.02


class TableCalls:
    """Calls on one table.

    :param options: of the configuration.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.client = ClientSource(options)

    def call(self, method: str, **params: Any) -> Any:
        """Make one call on the table, which is created first if it is missing and may be.

        :param method: boto3's name of the operation.
        """
        silence.check(OPERATIONS[method], self.options.table_name)
        if method not in MANY_TABLES:
            params["TableName"] = self.options.table_name
        try:
            return self._call(method, params)
        except StoreUnavailable as error:
            silence.note(error)
            raise

    def _call(self, method: str, params: dict[str, Any]) -> Any:
        try:
            return self._send(method, params)
        except MissingTable as missing:
            self._create_table(missing)
        for attempt in range(CREATED_ATTEMPTS):
            try:
                return self._send(method, params)
            except MissingTable:
                time.sleep(random.uniform(0, 0.1 * 2**attempt))
        raise StoreUnavailable(
            f"table {self.options.table_name!r} was created and is still not found",
            operation=OPERATIONS[method],
            table=self.options.table_name,
        )

    def _send(self, method: str, params: dict[str, Any], attempt: int = 0) -> Any:
        client = self.client()
        try:
            return getattr(client, method)(**params)
        except Exception as error:
            self.client.failed(client, error)
            translated = translate(error, OPERATIONS[method], self.options.table_name)
            if translated is error:
                raise
            if isinstance(translated, Contended) and attempt < CONTENDED_ATTEMPTS:
                time.sleep(random.uniform(0, CONTENDED_BACKOFF_SECONDS * 2**attempt))
                return self._send(method, params, attempt + 1)
            if isinstance(translated, DynamoDBError):
                if translated.aws_code == "ValidationException":
                    translated = table.mismatch(client, self.options) or translated
                raise translated from cause(error)
            if isinstance(translated, ConditionFailed):
                translated = self._with_item(translated, params)
            raise translated from None

    def _with_item(self, failed: ConditionFailed, params: dict[str, Any]) -> ConditionFailed:
        """Complete a failed condition that was to bring the current item and did not.

        There may be none, or the server does not return it: one consistent read tells.
        """
        write = params
        if "TransactItems" in params:
            (write,) = params["TransactItems"][failed.action].values()
        wanted = write.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
        if failed.attributes is not None or not wanted:
            return failed
        written = write.get("Key") or write["Item"]
        names = filter(None, (self.options.hash_key, self.options.sort_key))
        read = {
            "TableName": self.options.table_name,
            "Key": {name: written[name] for name in names},
            "ConsistentRead": True,
        }
        item = self._send("get_item", read).get("Item")
        return ConditionFailed(item, failed.action, reported=False)

    def _create_table(self, missing: MissingTable) -> None:
        if not self.options.create_table:
            raise missing_table(
                self.options.table_name, table.aws_command(self.options)
            ) from missing
        table.create(self.client(), self.options)

"""The one place that calls boto3's item operations, repeats them and translates their errors."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.dynamodb import silence, table
from beaker_dynamodb.dynamodb.authentication import Remedy, remedy
from beaker_dynamodb.dynamodb.client import ClientSource, connection_key
from beaker_dynamodb.dynamodb.error_mapping import (
    ConditionFailed,
    Contended,
    MissingTable,
    cause,
    translate,
)
from beaker_dynamodb.dynamodb.forks import PerProcess
from beaker_dynamodb.dynamodb.shared_attempt import SharedAttempt
from beaker_dynamodb.dynamodb.table_state import TableNotReady
from beaker_dynamodb.exceptions import DynamoDBError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from beaker_dynamodb.config.options import Options
    from beaker_dynamodb.dynamodb.expressions import Attributes

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

    :param sleep: waits between attempts, in seconds.
    """

    def __init__(self, options: Options, sleep: Callable[[float], None] = time.sleep) -> None:
        self.options = options
        self.sleep = sleep
        self.client = ClientSource(options)
        #: Whether time to live must still be turned on: the table took longer than callers wait.
        self._unfinished = False

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

    def query(self, **params: Any) -> Iterator[Attributes]:
        """Yield the items that a Query finds, over all its pages."""
        while True:
            page = self.call("query", **params)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            params["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _call(self, method: str, params: dict[str, Any]) -> Any:
        try:
            answer = self._send(method, params)
        except MissingTable:
            self._make_usable()
            answer = self._send_when_found(method, params)
        if self._unfinished:
            self._unfinished = False
            table.enable_time_to_live(self.client(), self.options)
        return answer

    def _send(self, method: str, params: dict[str, Any]) -> Any:
        tried: list[Remedy | None] = []
        while True:
            client = self.client()
            try:
                answer = getattr(client, method)(**params)
            except Exception as error:
                failure = translate(error, OPERATIONS[method], self.options.table_name)
                if self._retries(error, failure, client, tried):
                    continue
                if failure is error:
                    raise
                if isinstance(failure, DynamoDBError):
                    if failure.aws_code == "ValidationException":
                        failure = table.mismatch(client, self.options) or failure
                    raise failure from cause(error)
                if isinstance(failure, ConditionFailed):
                    self._accepted(tried)
                    failure = self._with_item(failure, params)
                raise failure from None
            self._accepted(tried)
            return answer

    def _retries(
        self,
        error: Exception,
        failure: Exception,
        client: Any,
        tried: list[Remedy | None],
    ) -> bool:
        """Return whether to repeat a failed call, which botocore does not repeat by itself.

        Once with other credentials, once with a fresh signature, and several times, with backoff,
        where another write is at work on the item.

        :param failure: what the error means to a caller.
        :param tried: why this call was repeated before; a new reason is appended.
        """
        cure = remedy(error)
        if cure in tried and cure is not None:
            return False
        if cure is Remedy.FRESH_CREDENTIALS and not self.client.renew(client):
            return False
        if cure is Remedy.LATER_CREDENTIALS and not self.client.search_again(client):
            return False
        if cure is None:
            attempt = tried.count(None)
            if not isinstance(failure, Contended) or attempt >= CONTENDED_ATTEMPTS:
                return False
            self.sleep(random.uniform(0, CONTENDED_BACKOFF_SECONDS * 2**attempt))
        tried.append(cure)
        return True

    def _accepted(self, tried: list[Remedy | None]) -> None:
        if Remedy.FRESH_CREDENTIALS in tried:
            self.client.accepted()

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

    def _send_when_found(self, method: str, params: dict[str, Any]) -> Any:
        for attempt in range(CREATED_ATTEMPTS):
            try:
                return self._send(method, params)
            except MissingTable:
                self.sleep(random.uniform(0, 0.1 * 2**attempt))
        raise StoreUnavailable(
            f"table {self.options.table_name!r} can be used, but {OPERATIONS[method]} does not "
            "find it yet",
            operation=OPERATIONS[method],
            table=self.options.table_name,
        )

    def _make_usable(self) -> None:
        """Create the table, or wait until it can be used: one thread per process and table."""
        options = self.options
        key = (connection_key(options), options.client, options.table_name)
        attempt = _attempts().setdefault(key, SharedAttempt())
        try:
            attempt(lambda: table.make_usable(self.client(), options), options.clock)
        except TableNotReady:
            self._unfinished = options.create_table
            raise


#: Attempts to make a table usable, by connection and table.
_attempts: PerProcess[dict[tuple[Any, ...], SharedAttempt[bool]]] = PerProcess(dict)

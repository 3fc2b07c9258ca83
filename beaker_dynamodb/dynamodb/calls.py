"""Calls DynamoDB's item operations, retries them and translates their errors."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from typing import Any

from beaker_dynamodb.config.options import Options
from beaker_dynamodb.dynamodb import table
from beaker_dynamodb.dynamodb.authentication import Remedy, remedy
from beaker_dynamodb.dynamodb.circuit_breaker import breaker_of
from beaker_dynamodb.dynamodb.client import ClientSource
from beaker_dynamodb.dynamodb.error_mapping import (
    ConditionFailed,
    Contended,
    MissingTable,
    cause,
    translate,
)
from beaker_dynamodb.dynamodb.expressions import Attributes
from beaker_dynamodb.dynamodb.forks import PerProcess
from beaker_dynamodb.dynamodb.shared_attempt import SharedAttempt
from beaker_dynamodb.dynamodb.table_state import TableNotReady
from beaker_dynamodb.dynamodb.transport import OPERATIONS, Transport
from beaker_dynamodb.exceptions import DynamoDBError, StoreUnavailable

#: Methods that do not take ``TableName``.
MULTI_TABLE = frozenset({"batch_get_item", "batch_write_item", "transact_write_items"})
#: Largest ``Limit`` that `TableCalls.read_all` grows to.
MAX_PAGE = 10_000
#: Attempts after creating the table, because a new table may not be found at first.
CREATED_ATTEMPTS = 6
CREATED_BACKOFF_SECONDS = 0.1
#: Retries of a write that conflicts with another one (`Contended`), which botocore does not retry.
CONTENDED_RETRIES = 8
CONTENDED_BACKOFF_SECONDS = 0.02

#: Attempts to make a table usable, by connection, client and table.
_attempts: PerProcess[dict[tuple[Any, ...], SharedAttempt[None]]] = PerProcess(dict)


def sleep(seconds: float) -> None:
    """Call `time.sleep`, which gevent may replace after this module is imported."""
    time.sleep(seconds)


class TableCalls:
    """Calls on one table.

    :param sleep: waits between attempts; takes seconds.
    """

    def __init__(self, options: Options, sleep: Callable[[float], None] = sleep) -> None:
        self.options = options
        self.sleep = sleep
        self.client = ClientSource(options)
        #: Attribute names of the primary key.
        self.key_names = [name for name in (options.hash_key, options.sort_key) if name is not None]
        #: Whether time to live must still be enabled, because the table was not ready in time.
        self._without_ttl = False

    def call(self, method: str, **params: Any) -> Any:
        """Make one call. If the table is missing, create it or wait for it, then call again."""
        if method not in MULTI_TABLE:
            params["TableName"] = self.options.table_name
        try:
            response = self._send(method, params)
        except MissingTable:
            self._make_usable()
            response = self._send_to_new_table(method, params)
        if self._without_ttl:
            self._without_ttl = False
            table.enable_time_to_live_or_warn(self.client(), self.options)
        return response

    def read_all(self, method: str, *, growth: int = 1, **params: Any) -> Iterator[Attributes]:
        """Yield the items from all pages of a Query or Scan.

        :param growth: factor by which ``Limit``, if there is one, grows with each page.
        """
        while True:
            page = self.call(method, **params)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            params["ExclusiveStartKey"] = page["LastEvaluatedKey"]
            if "Limit" in params:
                params["Limit"] = min(growth * params["Limit"], MAX_PAGE)

    def _send(self, method: str, params: dict[str, Any]) -> Any:
        retries: list[Remedy | None] = []
        while True:
            transport = self.client.transport()
            client = transport.client
            try:
                response = self._send_once(transport, method, params)
            except Exception as error:
                translated = translate(error, OPERATIONS[method], self.options.table_name)
                if self._should_retry(error, translated, client, retries):
                    continue
                if translated is error:
                    raise
                if isinstance(translated, DynamoDBError):
                    if translated.aws_code == "ValidationException":
                        translated = table.mismatch(client, self.options) or translated
                    raise translated from cause(error)
                if isinstance(translated, ConditionFailed):
                    self._note_accepted_credentials(retries)
                    translated = self._with_item(translated, params)
                raise translated from None
            self._note_accepted_credentials(retries)
            return response

    def _send_once(self, transport: Transport, method: str, params: dict[str, Any]) -> Any:
        """Make one call, unless the circuit breaker refuses it."""
        breaker = breaker_of(self.options)
        breaker.begin(OPERATIONS[method], self.options, self._probe)
        try:
            response = transport.call(method, params)
        except Exception as error:
            if _is_answer(error, OPERATIONS[method]):
                breaker.answered()
            raise
        finally:
            breaker.end()
        breaker.answered()
        return response

    def _probe(self) -> None:
        """Read an item that does not exist."""
        key = {name: {"S": f"{self.options.prefix or ''}|probe"} for name in self.key_names}
        params = {"TableName": self.options.table_name, "Key": key}
        self._send_once(self.client.transport(), "get_item", params)

    def _should_retry(
        self, error: Exception, translated: Exception, client: Any, retries: list[Remedy | None]
    ) -> bool:
        """Return whether to retry a failed call that botocore does not retry.

        Allow one retry per `Remedy`. If the call conflicts with another write of the item, sleep,
        and allow up to `CONTENDED_RETRIES` retries.

        :param retries: the reasons for this call's earlier retries: a `Remedy`, or None for a
            conflict. If the call is retried, the new reason is appended.
        """
        reason = remedy(error)
        if reason is None:
            attempt = retries.count(None)
            if not isinstance(translated, Contended) or attempt >= CONTENDED_RETRIES:
                return False
            self.sleep(random.uniform(0, CONTENDED_BACKOFF_SECONDS * 2**attempt))
        elif reason in retries or (
            reason is not Remedy.FRESH_SIGNATURE and not self.client.renew(client, reason)
        ):
            return False
        retries.append(reason)
        return True

    def _note_accepted_credentials(self, retries: list[Remedy | None]) -> None:
        if Remedy.FRESH_CREDENTIALS in retries:
            self.client.note_accepted()

    def _with_item(self, failed: ConditionFailed, params: dict[str, Any]) -> ConditionFailed:
        """Add the current item to a failed condition check if the error response lacks it.

        Either the item does not exist, or the server never returns it with the error. A consistent
        read shows which.
        """
        write = params
        if "TransactItems" in params:
            (write,) = params["TransactItems"][failed.action].values()
        requested = write.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
        if failed.attributes is not None or not requested:
            return failed
        written = write.get("Key") or write["Item"]
        read = {
            "TableName": self.options.table_name,
            "Key": {name: written[name] for name in self.key_names},
            "ConsistentRead": True,
        }
        item = self._send("get_item", read).get("Item")
        return ConditionFailed(item, failed.action, reported=False)

    def _send_to_new_table(self, method: str, params: dict[str, Any]) -> Any:
        for attempt in range(CREATED_ATTEMPTS):
            try:
                return self._send(method, params)
            except MissingTable:
                self.sleep(random.uniform(0, CREATED_BACKOFF_SECONDS * 2**attempt))
        raise StoreUnavailable(
            f"table {self.options.table_name!r} can be used, but {OPERATIONS[method]} does not "
            "find it yet; try again later",
            operation=OPERATIONS[method],
            table=self.options.table_name,
        )

    def _make_usable(self) -> None:
        """Create the table or wait until it can be used, in only one thread of this process."""
        options = self.options
        key = self.client.key, options.table_name
        attempt = _attempts().setdefault(key, SharedAttempt())
        try:
            attempt(lambda: table.make_usable(self.client(), options, self.sleep), options.clock)
        except TableNotReady:
            self._without_ttl = options.create_table
            raise


def _is_answer(error: Exception, operation: str) -> bool:
    """Return whether an error is a response from DynamoDB with a status below 500."""
    response = getattr(error, "response", None)
    if response is None or getattr(error, "operation_name", operation) != operation:
        return False  # not a response, or STS's response to a request for credentials
    status: int = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status < 500

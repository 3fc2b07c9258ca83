"""Batch writes and reads. Unprocessed items are retried with backoff."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from beaker_dynamodb.dynamodb.calls import TableCalls
from beaker_dynamodb.dynamodb.expressions import Attributes
from beaker_dynamodb.dynamodb.transport import OPERATIONS
from beaker_dynamodb.exceptions import StoreUnavailable

#: Largest number of requests in one BatchWriteItem (AWS API reference).
MAX_WRITES = 25
#: Largest number of keys in one BatchGetItem (AWS API reference).
MAX_READS = 100
#: Attempts before a batch fails. A read that returns items starts a new count; a write does not.
ATTEMPTS = 10
#: Base and maximum of the random backoff, whose upper bound doubles with each attempt.
BACKOFF_SECONDS, MAX_BACKOFF_SECONDS = 0.05, 1.0


def write(calls: TableCalls, requests: Sequence[dict[str, Any]]) -> None:
    """Put or delete items, up to 25 per call. BatchWriteItem does not support conditions.

    :param requests: as for BatchWriteItem: ``{"DeleteRequest": {"Key": …}}``, with distinct keys.
    :raises StoreUnavailable: DynamoDB left some requests unprocessed. Others may have succeeded.
    """
    for first in range(0, len(requests), MAX_WRITES):
        for _ in _answers(calls, "batch_write_item", list(requests[first : first + MAX_WRITES])):
            pass


def get(
    calls: TableCalls, keys: Sequence[Attributes], *, consistent_read: bool
) -> Iterator[Attributes]:
    """Yield the items that exist, in any order. Read up to 100 per call.

    :raises StoreUnavailable: DynamoDB left some keys unprocessed.
    """
    for first in range(0, len(keys), MAX_READS):
        batch = {"Keys": list(keys[first : first + MAX_READS]), "ConsistentRead": consistent_read}
        for answer in _answers(calls, "batch_get_item", batch):
            yield from answer.get("Responses", {}).get(calls.options.table_name, [])


def _answers(calls: TableCalls, method: str, request: Any) -> Iterator[dict[str, Any]]:
    """Send a batch, and resend what is left unprocessed; yield each response."""
    table, operation = calls.options.table_name, OPERATIONS[method]
    rest = {table: request}
    attempt = 0
    while rest:
        if attempt == ATTEMPTS:
            raise StoreUnavailable(
                f"{operation} on table {table!r} left items unprocessed {ATTEMPTS} times",
                operation=operation,
                table=table,
            )
        if attempt:
            calls.sleep(random.uniform(0, min(BACKOFF_SECONDS * 2**attempt, MAX_BACKOFF_SECONDS)))
        answer = calls.call(method, RequestItems=rest)
        yield answer
        rest = answer.get("UnprocessedItems") or answer.get("UnprocessedKeys")
        # BatchGetItem returns at most 16 MB. If it returned items, the rest needs no backoff.
        attempt = 0 if answer.get("Responses", {}).get(table) else attempt + 1

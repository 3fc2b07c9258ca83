"""Batches of writes or reads. Unprocessed items are sent again, with backoff."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from beaker_dynamodb.dynamodb.calls import TableCalls
from beaker_dynamodb.dynamodb.expressions import Attributes
from beaker_dynamodb.exceptions import StoreUnavailable

#: Largest number of requests in one BatchWriteItem (AWS API reference).
WRITES = 25
#: Largest number of keys in one BatchGetItem (AWS API reference).
READS = 100
#: Attempts until unprocessed items are an error.
ATTEMPTS = 10
#: The backoff doubles with each attempt, up to the maximum.
BACKOFF_SECONDS, MAX_BACKOFF_SECONDS = 0.05, 1.0


def write(calls: TableCalls, requests: Sequence[dict[str, Any]]) -> None:
    """Put or delete items, 25 per call. BatchWriteItem does not support conditions.

    :param requests: in the form of BatchWriteItem: ``{"DeleteRequest": {"Key": …}}``. The primary
        keys must differ.
    :raises StoreUnavailable: DynamoDB left some of them unprocessed. Others may be written.
    """
    table = calls.options.table_name
    for first in range(0, len(requests), WRITES):
        rest: dict[str, Any] = {table: list(requests[first : first + WRITES])}
        attempt = 0
        while rest:
            _back_off(calls, attempt, "BatchWriteItem")
            rest = calls.call("batch_write_item", RequestItems=rest).get("UnprocessedItems", {})
            attempt += 1


def get(
    calls: TableCalls, keys: Sequence[Attributes], *, consistent_read: bool
) -> Iterator[Attributes]:
    """Yield items, 100 per call, in any order. Items that do not exist are left out.

    :raises StoreUnavailable: DynamoDB left some of them unprocessed.
    """
    table = calls.options.table_name
    for first in range(0, len(keys), READS):
        batch = list(keys[first : first + READS])
        rest: dict[str, Any] = {table: {"Keys": batch, "ConsistentRead": consistent_read}}
        attempt = 0
        while rest:
            _back_off(calls, attempt, "BatchGetItem")
            answer = calls.call("batch_get_item", RequestItems=rest)
            found = answer.get("Responses", {}).get(table, [])
            yield from found
            rest = answer.get("UnprocessedKeys", {})
            # A response holds at most 16 MB. Items in it mean progress, which needs no backoff.
            attempt = 0 if found else attempt + 1


def _back_off(calls: TableCalls, attempt: int, operation: str) -> None:
    if attempt == ATTEMPTS:
        table = calls.options.table_name
        raise StoreUnavailable(
            f"{operation} on table {table!r} left items unprocessed {ATTEMPTS} times",
            operation=operation,
            table=table,
        )
    if attempt:
        calls.sleep(random.uniform(0, min(BACKOFF_SECONDS * 2**attempt, MAX_BACKOFF_SECONDS)))

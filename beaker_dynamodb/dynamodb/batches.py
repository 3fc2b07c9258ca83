"""Many writes, or reads, at once: what a batch leaves unprocessed is sent again."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.exceptions import StoreUnavailable

if TYPE_CHECKING:
    from beaker_dynamodb.items.item import Attributes
    from beaker_dynamodb.items.store import ItemStore

#: The pause between two tries, by a name that tests replace.
sleep = time.sleep

#: Writes in one BatchWriteItem (AWS API reference).
WRITES = 25
#: Reads in one BatchGetItem (AWS API reference).
READS = 100
#: Tries of what a batch left unprocessed; the longest wait before the first of them, which
#: doubles each time, and before any of them.
ATTEMPTS = 10
BACKOFF_SECONDS, MAX_BACKOFF_SECONDS = 0.05, 1.0


def write(items: ItemStore, requests: Sequence[dict[str, Any]]) -> None:
    """Put or delete items, 25 a call; BatchWriteItem takes no conditions.

    :param requests: as BatchWriteItem has them: ``{"DeleteRequest": {"Key": …}}``. No two of them
        may have the same primary key.
    :raises StoreUnavailable: some were left unprocessed ten times. Others may have been written.
    """
    for first in range(0, len(requests), WRITES):
        _write(items, list(requests[first : first + WRITES]))


def _write(items: ItemStore, requests: list[dict[str, Any]]) -> None:
    table = items.options.table_name
    rest: dict[str, Any] = {table: requests}
    for attempt in range(ATTEMPTS):
        if attempt:
            _back_off(attempt)
        rest = items.call("batch_write_item", RequestItems=rest).get("UnprocessedItems", {})
        if not rest:
            return
    raise _unprocessed("BatchWriteItem", table)


def get(
    items: ItemStore, keys: Sequence[Attributes], *, consistent_read: bool
) -> Iterator[Attributes]:
    """Read items, 100 a call, in any order; those that are not there are left out.

    :param keys: primary keys, as attributes.
    :raises StoreUnavailable: some were left unprocessed ten times.
    """
    for first in range(0, len(keys), READS):
        yield from _get(items, list(keys[first : first + READS]), consistent_read)


def _get(items: ItemStore, keys: list[Attributes], consistent_read: bool) -> Iterator[Attributes]:
    table = items.options.table_name
    rest: dict[str, Any] = {table: {"Keys": keys, "ConsistentRead": consistent_read}}
    attempt = 0
    while attempt < ATTEMPTS:
        if attempt:
            _back_off(attempt)
        answer = items.call("batch_get_item", RequestItems=rest)
        yield from (found := answer.get("Responses", {}).get(table, []))
        rest = answer.get("UnprocessedKeys", {})
        if not rest:
            return
        # An answer holds at most 16 MB: a rest beside items that came is no reason to wait.
        attempt = 0 if found else attempt + 1
    raise _unprocessed("BatchGetItem", table)


def _back_off(attempt: int) -> None:
    sleep(random.uniform(0, min(BACKOFF_SECONDS * 2**attempt, MAX_BACKOFF_SECONDS)))


def _unprocessed(operation: str, table: str) -> StoreUnavailable:
    return StoreUnavailable(
        f"{operation} on table {table!r} left items unprocessed {ATTEMPTS} times",
        operation=operation,
        table=table,
    )

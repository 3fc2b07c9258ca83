"""Many writes at once: what a batch leaves unprocessed is sent again."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.errors import StoreUnavailable

if TYPE_CHECKING:
    from beaker_dynamodb.storage.items import ItemStore

#: The pause between two tries, by a name that tests replace.
sleep = time.sleep

#: Writes in one BatchWriteItem (AWS API reference).
WRITES = 25
#: Tries of what a batch left unprocessed, and the longest wait, in seconds, before the first of
#: them; it doubles each time.
ATTEMPTS = 10
BACKOFF_SECONDS = 0.05


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
            sleep(random.uniform(0, BACKOFF_SECONDS * 2**attempt))
        rest = items.call("batch_write_item", RequestItems=rest).get("UnprocessedItems", {})
        if not rest:
            return
    raise StoreUnavailable(
        f"BatchWriteItem on table {table!r} left items unprocessed {ATTEMPTS} times",
        operation="BatchWriteItem",
        table=table,
    )

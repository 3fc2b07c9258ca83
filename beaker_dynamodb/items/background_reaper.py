"""The option ``reap_interval``: one thread per process deletes the expired items of a table."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from typing import Any

from beaker_dynamodb.dynamodb import calls
from beaker_dynamodb.dynamodb.forks import PerProcess
from beaker_dynamodb.items.reaper import reap
from beaker_dynamodb.items.store import ItemStore

log = logging.getLogger("beaker_dynamodb")


#: The clients, tables and prefixes that this process reaps. Threads do not survive a fork.
_started: PerProcess[set[tuple[Any, ...]]] = PerProcess(set)
_lock = PerProcess(threading.Lock)


def keep_reaping(items: ItemStore) -> None:
    """Start a thread that reaps a table every ``reap_interval`` seconds, unless one is running.

    Each process has one thread per table and prefix. These threads do not delay its exit.
    """
    options, started = items.options, _started()
    key = items.client.key, options.table_name, options.prefix
    if key in started:
        return
    with _lock():
        if key not in started:
            threading.Thread(
                target=run, args=(items,), name="beaker-dynamodb-reaper", daemon=True
            ).start()
            started.add(key)


def run(items: ItemStore, sleep: Callable[[float], object] = calls.sleep) -> None:
    """Reap every ``reap_interval`` seconds, until the main thread ends."""
    interval = items.options.reap_interval
    # Processes that start together should not scan the table at the same time.
    sleep(random.uniform(0, interval))
    while threading.main_thread().is_alive():
        reap_once(items)
        sleep(interval * random.uniform(0.9, 1.1))


def reap_once(items: ItemStore) -> None:
    """Delete the expired items, one call at a time; log an error instead of raising it."""
    try:
        *_, reaped = reap(items, segments=1, threads=1)
    except Exception as error:  # must not end the thread
        # Errors while the process exits are not worth a warning.
        if threading.main_thread().is_alive():
            log.warning("not all expired items were deleted: %s: %s", type(error).__name__, error)
        return
    log.info(
        "reaped table %r: %d items read, %d expired, %d deleted, %.1f capacity units",
        items.options.table_name,
        reaped.scanned,
        reaped.found,
        reaped.deleted,
        reaped.capacity_units,
    )

"""The option ``reap_interval``: one thread of a process deletes what has expired in a table."""

from __future__ import annotations

import logging
import random
import threading
import time
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.dynamodb.client import connection_key
from beaker_dynamodb.dynamodb.forks import after_fork, check_process
from beaker_dynamodb.items.reaper import reap

if TYPE_CHECKING:
    from beaker_dynamodb.items.store import ItemStore

log = logging.getLogger("beaker_dynamodb")

#: The pause between two runs, by a name that tests replace.
sleep = time.sleep

_threads: dict[tuple[Any, ...], threading.Thread] = {}
_lock = threading.Lock()


def keep_reaping(items: ItemStore) -> None:
    """Begin to reap a table every ``reap_interval`` seconds, if this process does not already.

    One thread for each table and prefix. It ends with the process, and holds its end up for
    nothing.
    """
    check_process()
    options = items.options
    key = (options.client, connection_key(options), options.table_name, options.prefix)
    if key in _threads:
        return
    with _lock:
        if key not in _threads:
            thread = threading.Thread(
                target=_run, args=(items,), name="beaker-dynamodb-reaper", daemon=True
            )
            thread.start()
            _threads[key] = thread


def _run(items: ItemStore) -> None:
    interval = items.options.reap_interval
    # Servers that were started together are not to read the table together.
    sleep(random.uniform(0, interval))
    while threading.main_thread().is_alive():
        reap_once(items)
        sleep(interval * random.uniform(0.9, 1.1))


def reap_once(items: ItemStore) -> None:
    """Delete what has expired, one call at a time; a fault is logged, and raised to nobody."""
    try:
        *_, reaped = reap(items, segments=1, threads=1)
    except Exception as error:  # whatever it is, it must not end the thread
        # A process that ends starts no thread any more, and nobody is to be alarmed by that.
        if threading.main_thread().is_alive():
            log.warning("expired items were not all deleted: %s: %s", type(error).__name__, error)
        return
    log.info(
        "reaped table %r: %d items read, %d expired, %d deleted, %.1f capacity units",
        items.options.table_name,
        reaped.scanned,
        reaped.found,
        reaped.deleted,
        reaped.capacity_units,
    )


def _after_fork() -> None:
    # The threads stay behind in the parent; the next use of a manager starts the child's own.
    global _lock
    _lock = threading.Lock()
    _threads.clear()


after_fork(_after_fork)

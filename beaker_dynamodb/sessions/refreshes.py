"""Skip and log failed refreshes of access times.

The application never asks for a refresh, so a failed one must not fail or delay its page: after a
failure the process skips refreshes for `PAUSE_SECONDS`, then one page tries again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from beaker_dynamodb.config.options import Options
from beaker_dynamodb.dynamodb.event_counter import EventCounter
from beaker_dynamodb.dynamodb.forks import PerProcess
from beaker_dynamodb.exceptions import DynamoDBError, ItemTooLarge, PayloadError

log = logging.getLogger("beaker_dynamodb")

PAUSE_SECONDS = 5.0


class Refreshes:
    """Decides whether this process refreshes access times in one table. Thread-safe.

    :param monotonic: the clock, in seconds.
    """

    def __init__(self, table: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._table = table
        self._monotonic = monotonic
        self._paused_until: float | None = None
        self._missed = EventCounter(monotonic)

    def allowed(self) -> bool:
        """Return whether the caller may refresh now. A refusal counts as a skipped refresh."""
        if self._paused_until is None:
            return True
        with _lock():
            now = self._monotonic()
            if now >= (self._paused_until or 0.0):
                # This caller tries. The others skip refreshes until it succeeds or the pause ends.
                self._paused_until = now + PAUSE_SECONDS
                return True
        self._missed.add(warn=False)
        return False

    def succeeded(self) -> None:
        """Allow all refreshes again."""
        self._paused_until = None

    def failed(self, error: DynamoDBError) -> None:
        """Pause refreshes if necessary, and log the failure, but at most once a minute."""
        # Size and encoding errors affect one session. Others can still be refreshed.
        if not isinstance(error, (ItemTooLarge, PayloadError)):
            self._paused_until = self._monotonic() + PAUSE_SECONDS
        missed = self._missed.add()
        if missed:
            log.warning(
                "table %r: cannot refresh a session's access time: %s, %s; refreshes that failed "
                "or were skipped since the last warning: %d. If none succeeds for "
                "session.timeout, active users are logged out",
                self._table,
                type(error).__name__,
                error.aws_code or "no AWS error code",
                missed,
            )


def refreshes_of(options: Options) -> Refreshes:
    """Return this process's `Refreshes` for a table, shared by all its configurations."""
    client = None if options.client is None else id(options.client)
    table = (options.table_name, options.region_name, options.endpoint_url, client)
    return _tables.setdefault(table, Refreshes(options.table_name))


_tables: dict[tuple[Any, ...], Refreshes] = {}
# Per process, because a thread of the parent may hold it during a fork.
_lock = PerProcess(threading.Lock)

"""Refreshes of sessions' access times that fail: skipped, logged, and not repeated at once.

No application asks for a refresh, so a failed one fails no page. Nor may every page wait for it:
after a failure this process tries none for some seconds, then one page tries.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.dynamodb.forks import after_fork
from beaker_dynamodb.exceptions import ItemTooLarge, PayloadError

if TYPE_CHECKING:
    from beaker_dynamodb.config.options import Options
    from beaker_dynamodb.exceptions import DynamoDBError

log = logging.getLogger("beaker_dynamodb")

#: The clock of pauses and warnings, in seconds; tests replace it.
monotonic = time.monotonic
#: Seconds after a failed refresh during which this process tries none.
PAUSE_SECONDS = 5.0
#: Least seconds between two warnings about one table.
WARNING_SECONDS = 60.0


class Refreshes:
    """Decides whether a process refreshes access times in one table. Thread-safe."""

    def __init__(self, table: str) -> None:
        self._table = table
        self._failing = False
        self._paused_until = self._quiet_until = float("-inf")
        #: Refreshes that failed or were skipped since the last warning.
        self._missed = 0

    def may_try(self) -> bool:
        """Return whether the caller may refresh now. If not, it counts as skipped."""
        if not self._failing:
            return True
        with _lock:
            now = monotonic()
            if now < self._paused_until:
                self._missed += 1
                return False
            # One page finds out whether it works again; meanwhile the others skip theirs.
            self._paused_until = now + PAUSE_SECONDS
        return True

    def succeeded(self) -> None:
        """Let every page refresh again."""
        self._failing = False

    def failed(self, error: DynamoDBError) -> None:
        """Log a failed refresh, at most once a minute, and pause the others."""
        with _lock:
            now = monotonic()
            # The other two are about one session, and about no other.
            if not isinstance(error, (ItemTooLarge, PayloadError)):
                self._failing, self._paused_until = True, now + PAUSE_SECONDS
            self._missed += 1
            if now < self._quiet_until:
                return
            self._quiet_until = now + WARNING_SECONDS
            missed, self._missed = self._missed, 0
        log.warning(
            "table %r: a session's access time was not refreshed: %s, %s; refreshes that failed or "
            "were skipped since the last such warning: %d. If none succeeds for the length of "
            "session.timeout, active users are logged out",
            self._table,
            type(error).__name__,
            error.aws_code or "no answer",
            missed,
        )


def refreshes_of(options: Options) -> Refreshes:
    """Return the one object of this process for a table, whatever the other options are."""
    client = None if options.client is None else id(options.client)
    place = (options.table_name, options.region_name, options.endpoint_url, client)
    return _places.setdefault(place, Refreshes(options.table_name))


_places: dict[tuple[Any, ...], Refreshes] = {}
_lock = threading.Lock()


def _after_fork() -> None:
    # Another thread of the parent may have held it.
    global _lock
    _lock = threading.Lock()


after_fork(_after_fork)

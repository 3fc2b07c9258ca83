"""Tolerated errors of DynamoDB: the option ``on_error = miss`` of caches."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from beaker_dynamodb.dynamodb.event_counter import EventCounter
from beaker_dynamodb.exceptions import StoreUnavailable

if TYPE_CHECKING:
    from beaker_dynamodb.config.options import Options

log = logging.getLogger("beaker_dynamodb")

#: After a call without a response, calls are skipped for this many seconds.
PAUSE_SECONDS = 5.0


class Outage:
    """Tolerates `StoreUnavailable` if ``on_error`` is ``miss``. Thread-safe.

    Tolerated errors are counted, and logged at most once a minute.

    :param monotonic: the clock of the pauses and warnings, in seconds.
    """

    def __init__(self, options: Options, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._tolerant = options.on_error == "miss"
        self._table = options.table_name
        self.monotonic = monotonic
        self._errors = EventCounter(monotonic)
        self._paused_until = float("-inf")

    @property
    def tolerated(self) -> int:
        """Number of tolerated errors and skipped calls."""
        return self._errors.total

    @property
    def active(self) -> bool:
        """Whether calls are skipped, because DynamoDB did not respond to a recent one."""
        return self.active_since(self.monotonic())

    def active_since(self, moment: float) -> bool:
        """Return whether calls were skipped at that moment or since then."""
        return moment < self._paused_until

    def skip_call(self) -> bool:
        """Return whether the caller must skip a call; if so, count it as an error."""
        if not self.active:
            return False
        self._errors.add(warn=False)
        return True

    def tolerates(self, error: StoreUnavailable) -> bool:
        """Return whether the caller must ignore an error; if so, count and log it."""
        if not self._tolerant:
            return False
        if error.aws_code is None:
            self._paused_until = self.monotonic() + PAUSE_SECONDS
        if unreported := self._errors.add():
            log.warning(
                "table %r: a cache continues without DynamoDB (option on_error): %s, %s; errors "
                "since the last such warning: %d",
                self._table,
                error.operation or "no client",
                error.aws_code or "no answer",
                unreported,
            )
        return True

"""Counts events, such as failed calls, and limits how often they are logged."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from beaker_dynamodb.dynamodb.forks import PerProcess

#: Minimum seconds between two warnings about the same kind of event.
WARNING_SECONDS = 60.0

# Per process, because another thread may hold the lock during a fork.
_lock = PerProcess(threading.Lock)


class EventCounter:
    """Counts events and decides when a warning about them is due. Thread-safe.

    :param monotonic: the clock, in seconds.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.total = 0
        self._monotonic = monotonic
        self._reported = 0
        self._next_warning = float("-inf")

    def add(self, *, warn: bool = True) -> int:
        """Count an event.

        :param warn: False if no warning is needed for this event.
        :returns: the number of events since the last warning if a warning is due, otherwise 0.
        """
        with _lock():
            self.total += 1
            now = self._monotonic()
            if not warn or now < self._next_warning:
                return 0
            self._next_warning = now + WARNING_SECONDS
            unreported, self._reported = self.total - self._reported, self.total
            return unreported

"""Limits how many capacity units several threads together consume per second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class RateLimiter:
    """Makes callers wait after they have consumed units, so that the average stays below a rate.

    :param units_per_second: None means no limit.
    :param clock: returns monotonic seconds.
    """

    def __init__(
        self,
        units_per_second: float | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        # Not threading.Event.wait: gevent may replace threading.Event after the import.
        wait: Callable[[threading.Event, float], object] = lambda event, s: event.wait(s),
    ) -> None:
        self._units_per_second = units_per_second
        self._clock = clock
        self._wait = wait
        self._lock = threading.Lock()
        #: The time at which the rate allows all units consumed so far.
        self._allowed_at = clock()

    def spend(self, units: float, stopped: threading.Event) -> None:
        """Wait until the rate allows the units just consumed, or until ``stopped`` is set.

        Unused capacity does not accumulate.
        """
        if self._units_per_second is None:
            return
        with self._lock:
            now = self._clock()
            self._allowed_at = max(self._allowed_at, now) + units / self._units_per_second
            seconds = self._allowed_at - now
        if seconds > 0:
            self._wait(stopped, seconds)

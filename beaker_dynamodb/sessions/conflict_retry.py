"""Retry policy for conflicting saves: when to retry, and for how long."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from beaker_dynamodb.dynamodb import calls

#: Time limit for the retries of one save.
CONFLICT_SECONDS = 5.0
#: With a slow store the limit is this many round trips instead, up to a maximum. Twenty processes
#: that save one session at the same moment need 30 to 40 round trips.
ROUND_TRIPS = 100
MAX_CONFLICT_SECONDS = 60.0
#: A save pauses before every fourth retry. The other retries follow at once and need no read: the
#: failed condition check returned the current item. In each round trip one writer succeeds.
RETRIES_PER_PAUSE = 4
#: A pause is random. Its upper limit is this times 2, then 4, then 8.
PAUSE_ROUND_TRIPS = 1.0
MIN_PAUSE_SECONDS = 0.005


class ConflictRetry:
    """The retries of one save. Its time limit starts now.

    :param monotonic: the clock, in seconds.
    """

    #: Whether `again` has paused, so that the item must be read again.
    paused: bool

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = calls.sleep,
    ) -> None:
        self._monotonic = monotonic
        self._sleep = sleep
        self._began = monotonic()
        self._call_seconds: list[float] = []
        self.conflicts = 0

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Measure the duration of a call."""
        began = self._monotonic()
        try:
            yield
        finally:
            self._call_seconds.append(self._monotonic() - began)

    @property
    def _round_trip_seconds(self) -> float:
        return sum(self._call_seconds) / max(1, len(self._call_seconds))

    @property
    def seconds_left(self) -> float:
        """Seconds left to start another retry. Zero or less if time has run out."""
        slow = min(ROUND_TRIPS * self._round_trip_seconds, MAX_CONFLICT_SECONDS)
        return self._began + max(CONFLICT_SECONDS, slow) - self._monotonic()

    def again(self) -> bool:
        """Count a conflict, and pause if necessary. Return whether to retry."""
        self.conflicts += 1
        left = self.seconds_left
        if left <= 0:
            return False
        pauses, rest = divmod(self.conflicts, RETRIES_PER_PAUSE)
        self.paused = rest == 0
        if self.paused:
            longest = PAUSE_ROUND_TRIPS * self._round_trip_seconds * 2 ** min(pauses, 3)
            self._sleep(random.uniform(0, min(max(longest, MIN_PAUSE_SECONDS), left)))
        return True

"""Retry policy for conflicting saves: when to try again, and for how long."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager

#: Longest time that one save spends on conflicts, unless the store is slow. Silence of the store
#: has its own bound, the timeouts of a call.
CONFLICT_SECONDS = 5.0
#: With a slow store it is the time of this many calls instead, within limits. Twenty processes that
#: save one session at the same moment need thirty to forty.
ROUND_TRIPS = 100
MAX_CONFLICT_SECONDS = 60.0
#: A save pauses before every fourth retry. The others are made at once, with the item that came
#: with the error: of all writers that do so one succeeds in each round trip.
RETRIES_PER_PAUSE = 4
#: The longest pause is this many round trips, doubled up to three times, and never less than this.
PAUSE_ROUND_TRIPS = 1.0
MIN_PAUSE_SECONDS = 0.005


class ConflictRetry:
    """The tries of one save; begins when it is made."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._call_seconds: list[float] = []
        #: Conflicts so far.
        self.conflicts = 0
        #: Whether time has passed since the last conflict, so that the item must be read again.
        self.waited = False

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Measure one call that the store answers, if only with a conflict."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._call_seconds.append(time.monotonic() - began)

    @property
    def round_trip_seconds(self) -> float:
        """Mean duration of the calls so far."""
        return sum(self._call_seconds) / max(1, len(self._call_seconds))

    @property
    def seconds_left(self) -> float:
        """Seconds in which another try may begin; zero or less if the time is over."""
        slow = min(ROUND_TRIPS * self.round_trip_seconds, MAX_CONFLICT_SECONDS)
        return self._began + max(CONFLICT_SECONDS, slow) - time.monotonic()

    def again(self) -> bool:
        """Pause if it is time to; return whether there is time for another try."""
        self.conflicts += 1
        left = self.seconds_left
        if left <= 0:
            return False
        pauses, rest = divmod(self.conflicts, RETRIES_PER_PAUSE)
        self.waited = rest == 0
        if self.waited:
            longest = PAUSE_ROUND_TRIPS * self.round_trip_seconds * 2 ** min(pauses, 3)
            time.sleep(random.uniform(0, min(max(longest, MIN_PAUSE_SECONDS), left)))
        return True

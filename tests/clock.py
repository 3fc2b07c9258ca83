"""A clock that tests advance instead of sleeping."""

from __future__ import annotations


class Clock:
    """Returns the time when called, like ``time.time``; only `advance` changes it.

    :param now: in epoch seconds.
    """

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Move the clock.

        :param seconds: may be negative: time servers sometimes set a clock back.
        """
        self.now += seconds

"""A clock that tests move by hand, instead of sleeping."""

from __future__ import annotations


class Clock:
    """Gives the time when called, like ``time.time``, and stands still in between.

    :param now: the time to begin with, in epoch seconds.
    """

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return the time, in epoch seconds."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Let so much time pass.

        :param seconds: how much; negative turns the clock back, as time servers sometimes do.
        """
        self.now += seconds

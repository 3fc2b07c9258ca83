"""Share one attempt among all threads of a process, and pause after a failure."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from beaker_dynamodb.exceptions import DynamoDBError, StoreUnavailable

T = TypeVar("T")

#: How long a `StoreUnavailable` is re-raised without a new attempt.
REMEMBER_SECONDS = 1.0


class Pause:
    """A period in which something is not attempted. Setting the clock back ends it."""

    def __init__(self) -> None:
        self.end()

    def begin(self, now: float, seconds: float) -> None:
        """Start the pause.

        :param now: epoch seconds.
        """
        self._since, self._until = now, now + seconds

    def end(self) -> None:
        """End the pause."""
        self._since = self._until = float("-inf")

    def is_active(self, now: float) -> bool:
        """Return whether the pause includes this time."""
        return self._since <= now < self._until


class SharedAttempt(Generic[T]):
    """Runs a function in one thread; other threads that call it wait for the result."""

    _result: T
    _error: DynamoDBError | None = None

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._completed = 0
        self._remembered = Pause()

    def __call__(self, function: Callable[[], T], clock: Callable[[], float]) -> T:
        """Return the function's result, from this thread or from the one already running it.

        :param clock: returns epoch seconds.
        :raises DynamoDBError: the function failed, now or in the last `REMEMBER_SECONDS`. Each
            thread gets its own exception.
        """
        completed = self._completed
        with self._lock:
            if self._error is not None and self._remembered.is_active(clock()):
                raise copy_of(self._error)
            if completed == self._completed:
                self._run(function, clock)
            # Another thread ran it while this one waited.
            elif self._error is not None:
                raise copy_of(self._error)
            return self._result

    def _run(self, function: Callable[[], T], clock: Callable[[], float]) -> None:
        try:
            self._result, self._error = function(), None
        except DynamoDBError as error:
            # Keep a copy, because the frames of the traceback may hold secrets.
            self._error = copy_of(error)
            if isinstance(error, StoreUnavailable):
                self._remembered.begin(clock(), REMEMBER_SECONDS)
            self._completed += 1
            raise
        # Any other exception skips this line, so that the next thread runs the function itself.
        self._completed += 1


def copy_of(error: DynamoDBError) -> DynamoDBError:
    """Return a copy without traceback; two threads must not extend the same traceback."""
    copied = copy.copy(error)
    copied.__cause__ = error.__cause__
    return copied

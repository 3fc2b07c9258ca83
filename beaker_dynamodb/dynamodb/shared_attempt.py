"""Share one attempt between all threads of a process, and pause after a failed one."""

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
        """Return whether the pause has not ended yet."""
        return self._since <= now < self._until


class _Running(Generic[T]):
    """An attempt in progress. If it ends without result and error, it was aborted."""

    def __init__(self) -> None:
        self.ended = threading.Event()
        self.result: T | None = None
        self.error: DynamoDBError | None = None


class SharedAttempt(Generic[T]):
    """Runs a function in one thread; other threads that call it wait for the result."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: _Running[T] | None = None
        self._error: DynamoDBError | None = None
        self._remembered = Pause()

    def __call__(self, function: Callable[[], T], clock: Callable[[], float]) -> T:
        """Return the function's result, from this thread or the one that already runs it.

        :param function: must not return None.
        :param clock: epoch seconds.
        :raises DynamoDBError: the function failed. Each thread gets its own exception.
        """
        while True:
            with self._lock:
                if self._error is not None and self._remembered.is_active(clock()):
                    raise copy_of(self._error)
                running = self._running
                if running is None:
                    own: _Running[T] = _Running()
                    self._running = own
            if running is None:
                return self._run(own, function, clock)
            running.ended.wait()
            if running.error is not None:
                raise copy_of(running.error)
            if running.result is not None:
                return running.result

    def _run(
        self, running: _Running[T], function: Callable[[], T], clock: Callable[[], float]
    ) -> T:
        try:
            running.result = function()
            return running.result
        except DynamoDBError as error:
            # Keep a copy, because the frames of the traceback may hold secrets.
            running.error = copy_of(error)
            if isinstance(error, StoreUnavailable):
                self._error = running.error
                self._remembered.begin(clock(), REMEMBER_SECONDS)
            raise
        finally:
            with self._lock:
                self._running = None
            running.ended.set()


def copy_of(error: DynamoDBError) -> DynamoDBError:
    """Return a copy without traceback; two threads must not extend the same traceback."""
    copied = copy.copy(error)
    copied.__cause__ = error.__cause__
    return copied

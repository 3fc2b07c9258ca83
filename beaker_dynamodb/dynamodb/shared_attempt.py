"""One attempt that all threads of a process share, and times in which nothing is attempted."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from beaker_dynamodb.exceptions import DynamoDBError, StoreUnavailable

T = TypeVar("T")

#: A `StoreUnavailable` is raised again for this long, without another attempt.
REMEMBER_SECONDS = 1.0


class Pause:
    """A time in which something is not tried. A clock that is set back ends it."""

    def __init__(self) -> None:
        self._since = self._until = float("-inf")

    def begin(self, now: float, seconds: float) -> None:
        """Start the pause.

        :param now: epoch seconds.
        """
        self._since, self._until = now, now + seconds

    def end(self) -> None:
        """End the pause."""
        self._since = self._until = float("-inf")

    def lasts(self, now: float) -> bool:
        """Return whether the pause is not over yet."""
        return self._since <= now < self._until


class _Running(Generic[T]):
    """An attempt under way; neither result nor error at its end means that it was aborted."""

    def __init__(self) -> None:
        self.ended = threading.Event()
        self.result: T | None = None
        self.error: DynamoDBError | None = None


class SharedAttempt(Generic[T]):
    """Runs a function in one thread; callers that arrive meanwhile wait for its result."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: _Running[T] | None = None
        self._error: DynamoDBError | None = None
        self._remembered = Pause()

    def __call__(self, function: Callable[[], T], clock: Callable[[], float]) -> T:
        """Return what the function returns, in this thread or in the one that already runs it.

        :param function: returns a result that is not None.
        :param clock: epoch seconds.
        :raises DynamoDBError: the function failed; each caller gets an exception of its own.
        """
        while True:
            with self._lock:
                if self._error is not None and self._remembered.lasts(clock()):
                    raise _again(self._error)
                others = self._running
                if others is None:
                    mine: _Running[T] = _Running()
                    self._running = mine
            if others is None:
                return self._run(mine, function, clock)
            others.ended.wait()
            if others.error is not None:
                raise _again(others.error)
            if others.result is not None:
                return others.result

    def _run(
        self, running: _Running[T], function: Callable[[], T], clock: Callable[[], float]
    ) -> T:
        try:
            running.result = function()
            return running.result
        except DynamoDBError as error:
            # A copy, because the frames of the traceback may hold secrets.
            running.error = _again(error)
            if isinstance(error, StoreUnavailable):
                self._error = running.error
                self._remembered.begin(clock(), REMEMBER_SECONDS)
            raise
        finally:
            with self._lock:
                self._running = None
            running.ended.set()


def _again(error: DynamoDBError) -> DynamoDBError:
    """Return a new exception for another thread: a traceback must not grow in two threads."""
    copied = copy.copy(error)
    copied.__cause__ = error.__cause__
    copied.__suppress_context__ = True
    return copied

"""How a save that met other requests' saves tries again: in turn, and for a bounded time.

Threads of one process take turns at a session, so that only the processes contend in DynamoDB,
each with one save at a time. The first try after a conflict is made at once, with the item that
the error brought; after any wait that item is old, and reading it again costs less than one more
write in vain.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Hashable
from types import TracebackType
from weakref import WeakValueDictionary

from beaker_dynamodb.storage.forks import after_fork

#: Longest pause between two tries, first and at most.
FIRST_PAUSE_SECONDS = 0.005
MAX_PAUSE_SECONDS = 0.1


class _Lock:
    """A lock that can be forgotten once nobody holds or awaits it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


_locks: WeakValueDictionary[Hashable, _Lock] = WeakValueDictionary()
_registry = threading.Lock()


class Patience:
    """The tries of one save.

    :param name: what the tries are about; those about the same take turns within the process.
    :param seconds: longest time for all of them.
    """

    def __init__(self, name: Hashable, seconds: float) -> None:
        self._name = name
        self._give_up = time.monotonic() + seconds
        self._turn: _Lock | None = None
        #: Conflicts so far.
        self.conflicts = 0
        #: Whether time has passed since the last conflict: what is known of the item is old.
        self.waited = False

    def again(self) -> bool:
        """Wait for the next try; False if there is no time for one."""
        self.conflicts += 1
        left = self._give_up - time.monotonic()
        if left <= 0:
            return False
        if self._turn is None:
            return self._take_turn(left)
        pause = min(MAX_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(self.conflicts, 10))
        time.sleep(random.uniform(0, min(pause, left)))
        self.waited = True
        return True

    def _take_turn(self, seconds: float) -> bool:
        with _registry:
            turn = _locks.get(self._name)
            if turn is None:
                turn = _locks[self._name] = _Lock()
        self.waited = not turn.lock.acquire(blocking=False)
        if self.waited and not turn.lock.acquire(timeout=seconds):
            return False
        self._turn = turn
        return True

    def __enter__(self) -> Patience:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._turn is not None:
            self._turn.lock.release()


def _forget_turns() -> None:
    # Whoever has a turn in the parent does not give it back here.
    global _locks, _registry
    _locks, _registry = WeakValueDictionary(), threading.Lock()


after_fork(_forget_turns)

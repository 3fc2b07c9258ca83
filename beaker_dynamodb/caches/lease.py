"""A lock that this process holds: renewed in the background until it is given back, or lost."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from beaker_dynamodb.caches.lock_items import LockItem, LockItems
from beaker_dynamodb.dynamodb.error_mapping import ConditionFailed
from beaker_dynamodb.dynamodb.forks import after_fork
from beaker_dynamodb.exceptions import DynamoDBError

if TYPE_CHECKING:
    from beaker_dynamodb.items.keys import Key

log = logging.getLogger("beaker_dynamodb")

#: The clock of locks, in seconds, by a name that tests replace.
monotonic = time.monotonic

#: A lock is renewed after this part of its lease; a renewal that failed is tried again after so
#: many seconds, or this part of the lease if that is less.
RENEW_PART, RETRY_PART, RETRY_SECONDS = 1 / 3, 1 / 10, 1.0
#: Renewals at once. Two thirds of a lease, 20 seconds, are left for one when it is due. So 64 locks
#: do not cost each other the lease as long as a call takes less than ten.
AT_ONCE = 32


class Held:
    """A lock that this process has taken.

    :param since: when the write that took it was begun.
    """

    def __init__(self, items: LockItems, key: Key, lock: LockItem, since: float) -> None:
        self._items, self._key, self._lock = items, key, lock
        # Held during each write, so that a renewal never comes after the release.
        self._mutex = threading.Lock()
        self._taken = self._renewed = since
        self._ended = False
        self.due = since + lock.lease * RENEW_PART

    @property
    def lost(self) -> bool:
        """Whether others may have taken the lock over, as far as we know."""
        return self._ended or monotonic() >= self.lost_at

    @property
    def lost_at(self) -> float:
        """When the lock is lost, if it is not renewed before."""
        return self._renewed + self._lock.lease

    @property
    def young(self) -> bool:
        """Whether the lock was taken less than one lease ago."""
        return monotonic() < self._taken + self._lock.lease

    def renew(self) -> bool:
        """Write the lock's next version, and say whether the lock has still to be renewed."""
        lock, started = self._next(), monotonic()
        with self._mutex:
            if self._ended:
                return False
            try:
                if self.lost:
                    raise ConditionFailed(None)
                self._items.renew(self._key, lock)
            except ConditionFailed:
                log.warning("a creation lock was lost: it could not be renewed within its lease")
                self._ended = True
                return False
            except Exception as error:  # the thread serves other locks too
                log.info("a creation lock was not renewed, trying again: %s", type(error).__name__)
                self.due = monotonic() + min(lock.lease * RETRY_PART, RETRY_SECONDS)
                return True
            self._lock, self._renewed = lock, started
            self.due = started + lock.lease * RENEW_PART
            return True

    def reclaim(self) -> bool:
        """Renew the lock although its lease may be over; False if another caller has taken it."""
        with self._mutex:
            lock, started = self._next(), monotonic()
            try:
                self._items.renew(self._key, lock)
            except ConditionFailed:
                self._ended = True
                return False
            self._lock, self._renewed, self._ended = lock, started, False
            return True

    def _next(self) -> LockItem:
        return LockItem(self._lock.owner, self._lock.version + 1, self._lock.lease)

    def abandon(self) -> None:
        """Renew the lock no longer: it ends with its lease."""
        self._ended = True

    def release(self) -> None:
        """Give the lock back, unless it is somebody else's by now."""
        with self._mutex:
            self._ended = True
            try:
                self._items.free(self._key, self._lock)
            except ConditionFailed as failed:
                # None: it was freed, and botocore sent it again since the answer was lost.
                if failed.attributes is not None:
                    log.warning("a creation lock had been taken over before it was released")
            except DynamoDBError as error:
                # The value was made: not the time to fail. The lock ends with its lease.
                log.warning("a creation lock was not released: %s", error)


class Heart:
    """Renews all locks of this process, in one thread that starts with the first of them.

    Where several are due at once, it has the help of others for a moment: a renewal that waits for
    its answer must not cost the next lock its lease.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held: set[Held] = set()
        self._thread: threading.Thread | None = None

    def add(self, held: Held) -> None:
        """Begin to renew a lock.

        :raises RuntimeError: no thread is to be had; the lock is then not renewed.
        """
        with self._changed:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="beaker-dynamodb", daemon=True)
                thread.start()
                self._thread = thread
            self._held.add(held)
            self._changed.notify()

    def remove(self, held: Held) -> None:
        """Renew a lock no longer; one renewal may be under way."""
        with self._changed:
            self._held.discard(held)

    def beat(self) -> None:
        """Renew the locks that are due, those that are lost first before the others."""
        with self._changed:
            due = [held for held in self._held if held.due <= monotonic()]
        left = deque(sorted(due, key=lambda held: held.lost_at))
        helpers = []
        for _ in range(min(len(due), AT_ONCE) - 1):
            helper = threading.Thread(target=self._renew, args=(left,), daemon=True)
            try:
                helper.start()
            except RuntimeError:
                break  # no more threads are to be had: this one does it
            helpers.append(helper)
        self._renew(left)
        for helper in helpers:
            helper.join()

    def _renew(self, left: deque[Held]) -> None:
        while True:
            try:
                held = left.popleft()
            except IndexError:
                return  # another thread has the last one
            if not held.renew():
                self.remove(held)

    def _run(self) -> None:
        while True:
            with self._changed:
                pause = min((held.due for held in self._held), default=None)
                if pause is None or (pause := pause - monotonic()) > 0:
                    self._changed.wait(pause)
            self.beat()


heart = Heart()


def _after_fork() -> None:
    # The thread, and the locks that it renews, stay behind in the parent.
    global heart
    heart = Heart()


after_fork(_after_fork)

"""The creation lock: across threads, processes and hosts, one caller makes a missing value.

Times are seconds of this process's own monotonic clock; the clocks of two hosts are never
compared. A lock is left to its holder as long as its item keeps changing.
"""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING
from uuid import uuid4

from beaker.synchronization import SynchronizerImpl

from beaker_dynamodb.caches import lease
from beaker_dynamodb.caches.lock_items import LockItem, LockItems
from beaker_dynamodb.dynamodb.forks import after_fork
from beaker_dynamodb.exceptions import LockTimeout, StoreUnavailable

if TYPE_CHECKING:
    from beaker_dynamodb.caches.entry_items import Making
    from beaker_dynamodb.caches.outage import Outage
    from beaker_dynamodb.items.keys import Key
    from beaker_dynamodb.items.store import ItemStore

#: The pause between two looks, by a name that tests replace.
sleep = time.sleep

#: First and longest pause between two looks at a lock that somebody else holds, in seconds.
POLL_FIRST, POLL_LONGEST = 0.05, 1.0
#: After "somebody else holds it", `acquire(wait=False)` says so again for so long without asking.
QUIET_SECONDS = 0.25
#: Locks of others that this process remembers having seen, so as to notice an abandoned one.
MAX_WATCHED = 1000


class DynamoDBSynchronizer(SynchronizerImpl):  # type: ignore[misc]  # Beaker has no type hints
    """A lock that one thread of all processes and hosts holds, by Beaker's contract.

    A thread that has it may take it again. A read lock is as exclusive as a write lock.

    :param items: the table; the option ``lock_timeout`` is its.
    :param key: the lock's primary key.
    :param outage: decides when DynamoDB does not answer; if that is to be passed over, one thread
        of this process has the lock, and other processes know nothing of it.
    """

    def __init__(self, items: ItemStore, key: Key, outage: Outage | None = None) -> None:
        super().__init__()
        self._items = LockItems(items)
        self._options = items.options
        self._key = key
        # What another process holds, and since when that very version.
        self._seen: LockItem | None = None
        self._since = 0.0
        self._quiet_until = 0.0
        self._outage = outage
        self.reset()

    def reset(self) -> None:
        """Begin anew in a forked process: what was held is the parent's."""
        # One thread of the process asks DynamoDB, the others wait for it here.
        self._turn = threading.Condition()
        self._turn_of: int | None = None  # a thread's ident
        self._waiting = 0
        self._held: lease.Held | None = None
        # What the threads with the lock have read of their entry, by ident: several at once if
        # DynamoDB does not answer.
        self._making: dict[int, Making] = {}
        # Whose turn it is has the lock without DynamoDB, which did not answer.
        self._alone = False
        #: Set by the holder when DynamoDB did not answer: it is then not told of the release, which
        #: would cost as many time-outs once more. The lock ends with its lease.
        self.silent = False

    @property
    def lost(self) -> bool:
        """Whether this thread holds the lock, but others may have taken it over."""
        mine = self._turn_of == threading.get_ident()
        return mine and self._held is not None and self._held.lost

    def reclaim(self) -> bool:
        """Renew a lock that is lost; False if another caller has it, or may have had it."""
        held = self._held
        return held is not None and held.reclaim()

    @property
    def making(self) -> Making | None:
        """What this thread has read under the lock; None: nothing yet."""
        return self._making.get(threading.get_ident())

    @making.setter
    def making(self, making: Making) -> None:
        self._making[threading.get_ident()] = making

    @property
    def mine(self) -> bool:
        """Whether this thread has acquired the lock."""
        return bool(self.state.reentrantcount)

    def do_acquire_write_lock(self, wait: bool) -> bool:
        """Take the lock, and say whether it was taken.

        :param wait: False: at once or not at all.
        :raises LockTimeout: others held it for the whole ``lock_timeout``.
        """
        began = lease.monotonic()
        give_up = began + self._options.lock_timeout
        try:
            if not self._enter(wait):
                return False
        except LockTimeout:
            if self._alone or (self._outage is not None and self._outage.until > began):
                return True  # a fault of the store keeps nobody from making the value
            raise
        taken = False
        try:
            if self._held is not None and self._held.lost:
                self._free()
            if self._held is None:
                self._held = self._ask(wait, give_up)
            taken = self._held is not None or self._alone
        finally:
            if not taken:
                self._leave()
        return taken

    def do_release_write_lock(self) -> None:
        """Give the lock back: for one lease to those who wait in this process, then to others.

        Most of those who waited only look whether the value is there.
        """
        self._making.pop(threading.get_ident(), None)
        with self._turn:
            if self._turn_of != threading.get_ident():
                # This process was forked while its parent held the lock, or the wait for those
                # who had it without DynamoDB was too long.
                return
            silent, self.silent = self.silent, False
            held = self._held
            if held is not None and self._waiting and held.young and not held.lost:
                self._turn_of = None
                self._turn.notify()
                return
        try:
            self._free(silent=silent)
        finally:
            self._leave()

    def _enter(self, wait: bool) -> bool:
        """Wait until no thread of this process has the lock or asks for it."""
        timeout = min(self._options.lock_timeout, threading.TIMEOUT_MAX) if wait else 0
        with self._turn:
            self._waiting += wait
            try:
                entered = self._turn.wait_for(lambda: self._turn_of is None, timeout)
            except BaseException:
                # As gevent's Timeout: whoever released may have counted on this thread.
                self._turn.notify()
                if self._waiting == 1 and self._turn_of is None and self._held is not None:
                    self._free()
                raise
            finally:
                self._waiting -= wait
            if not entered and wait:
                raise self._too_late()
            if entered:
                self._turn_of = threading.get_ident()
            return entered

    def _leave(self) -> None:
        with self._turn:
            self._turn_of = None
            self._turn.notify()

    def _free(self, *, silent: bool = False) -> None:
        held, self._held = self._held, None
        if held is not None:
            lease.heart.remove(held)
            if silent:
                held.abandon()
            else:
                held.release()

    do_acquire_read_lock = do_acquire_write_lock
    do_release_read_lock = do_release_write_lock

    def _ask(self, wait: bool, give_up: float) -> lease.Held | None:
        """Ask for the lock, and have it renewed; None where others hold it, or for a fault."""
        self._alone = self._outage is not None and self._outage.lasts
        if self._alone:
            return None
        try:
            held: lease.Held | None = None
            if wait:
                held = self._wait(give_up)
            elif lease.monotonic() >= self._quiet_until:
                held = self._try()
        except StoreUnavailable as error:
            if self._outage is None or not self._outage.passes(error):
                raise
            self._alone = True
            return None
        if held is not None:
            try:
                lease.heart.add(held)
            except BaseException:
                held.release()
                raise
        return held

    def _try(self) -> lease.Held | None:
        """Ask for the lock by one write."""
        started = lease.monotonic()
        abandoned = self._seen if started >= self._takeover else None
        lock = LockItem(uuid4().hex, 1, self._options.lock_lease)
        present = self._items.take(self._key, lock, abandoned)
        if present is None:
            self._see(None)
            return lease.Held(self._items, self._key, lock, started)
        self._see(present)
        self._quiet_until = lease.monotonic() + QUIET_SECONDS
        return None

    def _wait(self, give_up: float) -> lease.Held:
        """Ask for the lock, and look after it until it can be had."""
        pause = POLL_FIRST
        while (held := self._try()) is None:
            while (seen := self._seen) is not None and lease.monotonic() < self._takeover:
                left = min(give_up, self._takeover) - lease.monotonic()
                sleep(max(0.0, min(random.uniform(pause / 2, pause), left)))
                if lease.monotonic() >= give_up:
                    raise self._too_late()
                present = self._items.read(self._key)
                self._see(present)
                # Another owner: the lock goes from hand to hand, and may be free again soon.
                moved = present is None or present.owner != seen.owner
                pause = POLL_FIRST if moved else min(pause * 2, POLL_LONGEST)
        return held

    @property
    def _takeover(self) -> float:
        """When the lock, as it was seen, may be taken over: unchanged for its whole lease."""
        return self._since + (self._seen.lease if self._seen is not None else 0.0)

    def _see(self, present: LockItem | None) -> None:
        if present != self._seen:
            self._seen, self._since = present, lease.monotonic()
            _watch(self, present is not None)

    def _too_late(self) -> LockTimeout:
        return LockTimeout(
            f"a value is being made elsewhere for more than {self._options.lock_timeout:g} s "
            "(option lock_timeout)",
            table=self._options.table_name,
        )


# Beaker forgets a lock that it could not have; what we saw of its holder has to stay.
_watched: dict[DynamoDBSynchronizer, None] = {}
_watching = threading.Lock()


def _watch(lock: DynamoDBSynchronizer, on: bool) -> None:
    with _watching:
        _watched.pop(lock, None)
        if on:
            _watched[lock] = None
            if len(_watched) > MAX_WATCHED:
                del _watched[next(iter(_watched))]


def _after_fork() -> None:
    # Another thread of the parent may have held it.
    global _watching
    _watching = threading.Lock()


after_fork(_after_fork)

"""The creation lock: across threads, processes and hosts, one caller makes a missing value.

Times are seconds of this process's own monotonic clock; the clocks of two hosts are never
compared. A lock is left to its holder as long as its item keeps changing.
"""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4
from weakref import WeakValueDictionary

from beaker.synchronization import SynchronizerImpl

from beaker_dynamodb import lease
from beaker_dynamodb.errors import LockTimeout
from beaker_dynamodb.storage.client import connection_key
from beaker_dynamodb.storage.forks import after_fork, notice
from beaker_dynamodb.storage.lock_items import LockItem, LockItems

if TYPE_CHECKING:
    from beaker_dynamodb.storage.items import ItemStore
    from beaker_dynamodb.storage.keys import Key
    from beaker_dynamodb.storage.store import Store

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

    :param items: the table; the options ``lock_lease`` and ``lock_timeout`` are its.
    :param key: the lock's primary key.
    """

    def __init__(self, items: ItemStore, key: Key) -> None:
        super().__init__()
        self._items = LockItems(items)
        self._options = items.options
        self._key = key
        # What another process holds, and since when that very version.
        self._seen: LockItem | None = None
        self._since = 0.0
        self._quiet_until = 0.0
        self.reset()

    def reset(self) -> None:
        """Begin anew in a forked process: what was held is the parent's."""
        # One thread of the process asks DynamoDB, the others wait for it here.
        self._turn = threading.Condition()
        self._busy = False
        self._waiting = 0
        self._held: lease.Held | None = None

    @property
    def lost(self) -> bool:
        """Whether this thread holds the lock, but others may have taken it over."""
        return self.mine and self._held is not None and self._held.lost

    @property
    def mine(self) -> bool:
        """Whether this thread has acquired the lock."""
        return bool(self.state.reentrantcount)

    def do_acquire_write_lock(self, wait: bool = True) -> bool:
        """Take the lock, and say whether it was taken.

        :param wait: False: at once or not at all.
        :raises LockTimeout: others held it for the whole ``lock_timeout``.
        """
        give_up = lease.monotonic() + self._options.lock_timeout
        if not self._enter(wait):
            return False
        taken = False
        try:
            if self._held is not None and self._held.lost:
                self._free()
            if self._held is None:
                held = None
                if wait:
                    held = self._wait(give_up)
                elif lease.monotonic() >= self._quiet_until:
                    held = self._try()
                if held is not None:
                    lease.heart.add(held)
                self._held = held
            taken = self._held is not None
        finally:
            if not taken:
                self._leave()
        return taken

    def do_release_write_lock(self) -> None:
        """Give the lock back: for one lease to those who wait in this process, then to others.

        Most of those who waited only look whether the value is there.
        """
        with self._turn:
            if self._held is None:
                return  # this process was forked while its parent held the lock
            if self._waiting and self._held.young and not self._held.lost:
                self._busy = False
                self._turn.notify()
                return
        try:
            self._free()
        finally:
            self._leave()

    def _enter(self, wait: bool) -> bool:
        """Wait until no thread of this process has the lock or asks for it."""
        timeout = min(self._options.lock_timeout, threading.TIMEOUT_MAX) if wait else 0
        with self._turn:
            self._waiting += wait
            try:
                entered = self._turn.wait_for(lambda: not self._busy, timeout)
            except BaseException:
                # As gevent's Timeout: whoever released may have counted on this thread.
                self._turn.notify()
                if self._waiting == 1 and not self._busy and self._held is not None:
                    self._free()
                raise
            finally:
                self._waiting -= wait
            if not entered and wait:
                raise self._too_late()
            self._busy = self._busy or entered
            return entered

    def _leave(self) -> None:
        with self._turn:
            self._busy = False
            self._turn.notify()

    def _free(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            lease.heart.remove(held)
            held.release()

    do_acquire_read_lock = do_acquire_write_lock
    do_release_read_lock = do_release_write_lock

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


_registry = threading.Lock()
_locks: WeakValueDictionary[Any, DynamoDBSynchronizer] = WeakValueDictionary()
# Beaker forgets a lock that it could not have; what we saw of its holder has to stay.
_watched: dict[DynamoDBSynchronizer, None] = {}


def _watch(lock: DynamoDBSynchronizer, on: bool) -> None:
    with _registry:
        _watched.pop(lock, None)
        if on:
            _watched[lock] = None
            if len(_watched) > MAX_WATCHED:
                del _watched[next(iter(_watched))]


def creation_lock(store: Store, key: Key) -> DynamoDBSynchronizer:
    """Give the lock with this primary key: one object per process, table and set of limits."""
    notice()
    name = _name(store, key)
    with _registry:
        lock = _locks.get(name)
        if lock is None:
            lock = _locks[name] = DynamoDBSynchronizer(store.items, key)
        return lock


def held_lock(store: Store, key: Key) -> DynamoDBSynchronizer | None:
    """Give the lock with this primary key if this thread holds it."""
    if not _locks:
        return None
    lock = _locks.get(_name(store, key))
    return lock if lock is not None and lock.mine else None


def _name(store: Store, key: Key) -> tuple[Any, ...]:
    options = store.options
    limits = options.lock_lease, options.lock_timeout
    return connection_key(options), id(options.client), options.table_name, limits, key


def _after_fork() -> None:
    # Threads and what they hold stay behind in the parent.
    global _registry
    _registry = threading.Lock()
    for lock in list(_locks.values()):
        lock.reset()


after_fork(_after_fork)

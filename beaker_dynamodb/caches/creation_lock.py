"""The creation lock: among all processes and hosts, one thread computes a missing value."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from beaker.synchronization import SynchronizerImpl

from beaker_dynamodb.caches.computation import Computation
from beaker_dynamodb.caches.heartbeat import Heartbeat
from beaker_dynamodb.caches.lease import Clock, Lease, LeaseAcquirer
from beaker_dynamodb.caches.lock_items import LockItems
from beaker_dynamodb.dynamodb.circuit_breaker import breaker_of
from beaker_dynamodb.exceptions import LockTimeout, StoreUnavailable
from beaker_dynamodb.items.keys import Key
from beaker_dynamodb.items.store import ItemStore


class CreationLock(SynchronizerImpl):  # type: ignore[misc]  # Beaker has no type hints
    """A reentrant lock across threads, processes and hosts, with Beaker's lock methods.

    The threads of a process take turns, so only one of them calls DynamoDB at a time. A read lock
    is as exclusive as a write lock.

    :param on_not_acquired: called with this lock when another process holds it.
    """

    def __init__(
        self,
        items: ItemStore,
        key: Key,
        heartbeat: Heartbeat,
        clock: Clock,
        on_not_acquired: Callable[[CreationLock], object] = id,
    ) -> None:
        super().__init__()
        self._options = items.options
        self._acquirer = LeaseAcquirer(LockItems(items), key, clock)
        self._heartbeat = heartbeat
        self._clock = clock
        self._on_not_acquired = on_not_acquired
        self.reset()

    def reset(self) -> None:
        """Forget the lease in a forked process: it belongs to the parent."""
        self._turn = threading.Condition()
        self._holder: int | None = None  # ident of the thread that has the turn
        self._waiting = 0
        self._lease: Lease | None = None
        self._by_thread = _ByThread()

    @property
    def held(self) -> bool:
        """Whether this thread has acquired the lock."""
        return bool(self.state.reentrantcount)

    @property
    def lost(self) -> bool:
        """Whether this thread holds the lock, but another process may have taken it over."""
        mine = self._holder == threading.get_ident()
        return mine and self._lease is not None and self._lease.lost

    def reclaim(self) -> bool:
        """Renew a lost lease; return False if another process has taken the lock over."""
        return self._lease is not None and self._lease.reclaim()

    @property
    def computation(self) -> Computation:
        """This thread's computation under the lock."""
        return self._by_thread.computation

    def do_acquire_write_lock(self, wait: bool) -> bool:
        """Acquire the lock and return True, or return False if it is held and ``wait`` is false.

        :raises LockTimeout: the lock was held for the whole ``lock_timeout``.
        """
        started = self._clock.monotonic()
        if not self._take_turn(wait):
            if wait and not self._may_continue_without_turn(started):
                raise self._timeout()
            return wait
        taken = False
        try:
            taken = self._take_lease(wait, started + self._options.lock_timeout)
        finally:
            if not taken:
                self._pass_turn()
        if wait and not taken:
            raise self._timeout()
        return taken

    def _may_continue_without_turn(self, started: float) -> bool:
        """Return whether a caller that has waited since ``started`` may continue without a turn."""
        return False

    def _timeout(self) -> LockTimeout:
        return LockTimeout(
            "another thread or process has been computing the cache value for more than "
            f"{self._options.lock_timeout:g} s; if values take longer, increase lock_timeout",
            table=self._options.table_name,
        )

    def do_release_write_lock(self) -> None:
        """Hand the lease to a waiting thread of this process, or release it.

        Most waiting threads only check whether the value is stored. Once the lock has been held for
        the duration of a lease, it is released anyway: other processes must get a chance.
        """
        # After a call without an answer, do not wait for another: the lock item expires anyway.
        skip_call = self.computation.unanswered
        self._by_thread.computation = Computation()
        with self._turn:
            if self._holder != threading.get_ident():
                # This thread acquired it before a fork, or without a turn (see FallbackLock).
                return
            lease = self._lease
            if lease and self._waiting and lease.within_first_lease and not lease.lost:
                self._holder = None
                self._turn.notify()
                return
        try:
            self._end_lease(delete=not skip_call)
        finally:
            self._pass_turn()

    do_acquire_read_lock = do_acquire_write_lock
    do_release_read_lock = do_release_write_lock

    def _take_turn(self, wait: bool) -> bool:
        """Wait for this thread's turn in its process; return False if it does not come in time."""
        timeout = min(self._options.lock_timeout, threading.TIMEOUT_MAX) if wait else 0
        with self._turn:
            self._waiting += wait
            try:
                free = self._turn.wait_for(lambda: self._holder is None, timeout)
            except BaseException:
                # For example gevent's Timeout. This thread may have just received the lease.
                self._turn.notify()
                if self._waiting == 1 and self._holder is None:
                    self._end_lease()
                raise
            finally:
                self._waiting -= wait
            if free:
                self._holder = threading.get_ident()
            return free

    def _pass_turn(self) -> None:
        with self._turn:
            self._holder = None
            self._turn.notify()

    def _take_lease(self, wait: bool, until: float) -> bool:
        """Make sure that this process holds the lease; return whether it does."""
        if self._lease is not None and self._lease.lost:
            self._end_lease()
        if self._lease is None:
            self._lease = self._acquire_lease(wait, until)
        return self._lease is not None

    def _acquire_lease(self, wait: bool, until: float) -> Lease | None:
        lease = self._acquirer.wait(until) if wait else self._acquirer.try_once()
        if lease is None:
            self._on_not_acquired(self)
            return None
        try:
            self._heartbeat.add(lease)
        except BaseException:
            lease.release()
            raise
        return lease

    def _end_lease(self, *, delete: bool = True) -> None:
        lease, self._lease = self._lease, None
        if lease is not None:
            self._heartbeat.remove(lease)
            lease.release(delete=delete)


class FallbackLock(CreationLock):
    """A creation lock that works only within this process during an outage.

    For caches with ``on_error = miss``. During an outage, a thread that has waited ``lock_timeout``
    for its turn continues without it.

    :param tolerates: counts an error, and returns whether to ignore it (`CacheStorage.tolerates`).
    """

    #: Whether the thread whose turn it is holds the lock without a lease.
    _local = False

    def __init__(self, *args: Any, tolerates: Callable[[StoreUnavailable], bool]) -> None:
        super().__init__(*args)
        self._tolerates = tolerates

    def _may_continue_without_turn(self, started: float) -> bool:
        # An outage must not keep a caller from computing its value.
        return self._local or breaker_of(self._options).was_open_since(started)

    def _take_lease(self, wait: bool, until: float) -> bool:
        if self._lease is not None and self._lease.lost and breaker_of(self._options).is_open:
            self._end_lease(delete=False)  # the call would only wait
        return super()._take_lease(wait, until) or self._local

    def _acquire_lease(self, wait: bool, until: float) -> Lease | None:
        self._local = breaker_of(self._options).is_open
        if self._local:
            return None
        try:
            return super()._acquire_lease(wait, until)
        except StoreUnavailable as error:
            if not self._tolerates(error):
                raise
            self._local = True
            return None


class _ByThread(threading.local):
    # During an outage several threads can hold the lock at once.
    def __init__(self) -> None:
        self.computation = Computation()

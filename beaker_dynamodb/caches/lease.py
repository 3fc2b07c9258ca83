"""A lease: the right to hold a creation lock, which expires unless it is renewed.

Times are seconds of this process's monotonic clock. The clocks of two hosts are never compared: a
process takes a lock over once the lock item has not changed for the duration of a lease.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import NamedTuple
from uuid import uuid4

from beaker_dynamodb.caches.lock_items import LockItem, LockItems
from beaker_dynamodb.dynamodb import calls
from beaker_dynamodb.dynamodb.error_mapping import ConditionFailed
from beaker_dynamodb.exceptions import DynamoDBError
from beaker_dynamodb.items.keys import Key

log = logging.getLogger("beaker_dynamodb")

#: A lease is renewed after this fraction of its duration.
RENEW_FRACTION = 1 / 3
#: A failed renewal is retried after this many seconds, or this fraction of the lease if shorter.
RETRY_SECONDS, RETRY_FRACTION = 1.0, 1 / 10
#: Duration of a lease, as a fraction of `lock_timeout`. If not renewed by then, it is abandoned.
LEASE_FRACTION = 0.5
#: First and longest pause between two polls of a lock that another process holds, in seconds.
MIN_POLL_SECONDS, MAX_POLL_SECONDS = 0.05, 1.0
#: After another process was found to hold the lock, attempts that do not wait fail without a call
#: for this many seconds.
HELD_ELSEWHERE_SECONDS = 0.25


class Clock(NamedTuple):
    """A monotonic clock in seconds, and its sleep function."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = calls.sleep


class Lease:
    """A lock item that this process has written, and must renew until it releases it.

    :param acquired_at: when the write that acquired it was sent.
    :param monotonic: the clock, in seconds.
    """

    def __init__(
        self,
        items: LockItems,
        key: Key,
        lock: LockItem,
        acquired_at: float,
        monotonic: Callable[[], float],
    ) -> None:
        self._items, self._key, self._lock = items, key, lock
        self._monotonic = monotonic
        # Held during each write, so that no renewal is sent after the release.
        self._writing = threading.Lock()
        self._acquired_at = self._renewed_at = acquired_at
        self._ended = False
        self.renew_at = acquired_at + lock.lease * RENEW_FRACTION

    @property
    def expires_at(self) -> float:
        """When other processes may take the lock over, unless it is renewed first."""
        return self._renewed_at + self._lock.lease

    @property
    def lost(self) -> bool:
        """Whether other processes may have taken the lock over."""
        return self._ended or self._monotonic() >= self.expires_at

    @property
    def within_first_lease(self) -> bool:
        """Whether the lock was acquired less than one lease ago."""
        return self._monotonic() < self._acquired_at + self._lock.lease

    def renew(self) -> bool:
        """Write the next version of the lock item.

        :returns: whether the lease needs further renewals.
        """
        with self._writing:
            if self._ended:
                return False
            try:
                if self.lost:
                    raise ConditionFailed(None)
                self._write_next_version()
            except ConditionFailed:
                log.warning("a creation lock was lost: it was not renewed within its lease")
                self._ended = True
                return False
            except Exception as error:  # the heartbeat thread must continue with the other leases
                log.info("a creation lock was not renewed, will retry: %s", type(error).__name__)
                retry = min(self._lock.lease * RETRY_FRACTION, RETRY_SECONDS)
                self.renew_at = self._monotonic() + retry
            return True

    def reclaim(self) -> bool:
        """Renew the lease even if it has expired.

        :returns: False if another process has taken the lock over.
        """
        with self._writing:
            try:
                self._write_next_version()
            except ConditionFailed:
                self._ended = True
                return False
            self._ended = False
            return True

    def _write_next_version(self) -> None:
        started = self._monotonic()
        lock = LockItem(self._lock.owner, self._lock.version + 1, self._lock.lease)
        self._items.renew(self._key, lock)
        self._lock, self._renewed_at = lock, started
        self.renew_at = started + lock.lease * RENEW_FRACTION

    def release(self, *, delete: bool = True) -> None:
        """Stop renewing the lease, and delete the lock item unless another process owns it.

        A failed release is logged, not raised: the value was computed, and the lock expires.

        :param delete: if false, only stop the renewals, without a call.
        """
        if not delete:
            self._ended = True
            return
        with self._writing:
            self._ended = True
            try:
                self._items.release(self._key, self._lock)
            except ConditionFailed as failed:
                # No item: the first response was lost, and botocore sent the delete again.
                if failed.attributes is not None:
                    log.warning("a creation lock was taken over before it was released")
            except DynamoDBError as error:
                log.warning("a creation lock was not released: %s", error)


class LeaseAcquirer:
    """Acquires the lease of one lock, even from a holder that has stopped renewing it."""

    def __init__(self, items: LockItems, key: Key, clock: Clock) -> None:
        self._items, self._key, self._clock = items, key, clock
        # The lock item of another process, and when this version of it was first seen.
        self._seen: LockItem | None = None
        self._seen_at = 0.0
        self._next_attempt_at = 0.0

    def try_once(self) -> Lease | None:
        """Return the lease, or None if another process holds the lock. Sends at most one write."""
        return self._attempt() if self._clock.monotonic() >= self._next_attempt_at else None

    def wait(self, until: float) -> Lease | None:
        """Poll for the lease; return it, or None once ``until`` has passed."""
        pause = MIN_POLL_SECONDS
        while (lease := self._attempt()) is None:
            while (seen := self._seen) is not None and self._clock.monotonic() < self._abandoned_at:
                left = min(until, self._abandoned_at) - self._clock.monotonic()
                self._clock.sleep(max(0.0, min(random.uniform(pause / 2, pause), left)))
                if self._clock.monotonic() >= until:
                    return None
                current = self._items.read(self._key)
                self._remember(current)
                # If the lock has changed hands, it may soon be free again: poll faster.
                changed_hands = current is None or current.owner != seen.owner
                pause = MIN_POLL_SECONDS if changed_hands else min(pause * 2, MAX_POLL_SECONDS)
        return lease

    def _attempt(self) -> Lease | None:
        started = self._clock.monotonic()
        abandoned = self._seen if started >= self._abandoned_at else None
        lease = self._items.options.lock_timeout * LEASE_FRACTION
        lock = LockItem(uuid4().hex, 1, lease)
        current = self._items.acquire(self._key, lock, abandoned)
        self._remember(current)
        if current is None:
            return Lease(self._items, self._key, lock, started, self._clock.monotonic)
        self._next_attempt_at = self._clock.monotonic() + HELD_ELSEWHERE_SECONDS
        return None

    @property
    def _abandoned_at(self) -> float:
        return self._seen_at + (self._seen.lease if self._seen is not None else 0.0)

    def _remember(self, current: LockItem | None) -> None:
        if current != self._seen:
            self._seen, self._seen_at = current, self._clock.monotonic()

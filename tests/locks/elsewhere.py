"""Other processes, as the tests of the lock play them, and the time that passes for all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from beaker_dynamodb.caches import lease
from beaker_dynamodb.caches.creation_lock import DynamoDBSynchronizer
from beaker_dynamodb.caches.lock_items import LockItem
from tests.clock import Clock

#: Seconds without a renewal after which others take over: the option's default.
LEASE = 30.0
#: Makes a synchronizer that shares nothing with those made before, as another process's.
Process = Callable[[], DynamoDBSynchronizer]


class Time(Clock):
    """A monotonic clock that only moves in pauses, which take no time and are kept."""

    def __init__(self) -> None:
        super().__init__(0.0)
        self.pauses: list[float] = []
        self.during: Callable[[], object] = int

    def pause(self, seconds: float) -> None:
        """Move the clock in place of sleeping."""
        self.pauses.append(seconds)
        self.advance(seconds)
        self.during()


def die(holder: DynamoDBSynchronizer) -> None:
    """Let a holder's process end without a release: nobody renews its lock any more."""
    held = holder._held
    assert held is not None
    lease.heart.remove(held)


class Table:
    """Takes every renewal, as the test says.

    :param renew: is called with the key of the lock.
    """

    def __init__(self, renew: Callable[[object], object]) -> None:
        self._renew = renew

    def renew(self, key: object, lock: LockItem) -> None:
        """Take a renewal."""
        self._renew(key)


def hold(renew: Callable[[object], object], leases: Sequence[float]) -> list[lease.Held]:
    """Hold locks with these leases, taken now, whose keys are numbers."""
    table: Any = Table(renew)
    locks: list[lease.Held] = []
    for number, seconds in enumerate(leases):
        key: Any = number
        locks.append(lease.Held(table, key, LockItem(f"{number}", 1, seconds), lease.monotonic()))
        lease.heart.add(locks[-1])
    return locks

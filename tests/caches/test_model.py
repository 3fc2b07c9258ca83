"""A cache and its creation lock against an exact model: two processes, errors, and clocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from beaker.cache import Cache
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from beaker_dynamodb.caches import lock_registry
from beaker_dynamodb.caches.lease import Clock as LockClock
from beaker_dynamodb.caches.lock_registry import LockRegistry
from tests.caches.conftest import StoppedHeartbeat
from tests.chaos.inputs import HOW_MANY
from tests.chaos.scripted import PLANS, Machine, run_model
from tests.clock import Clock

#: Lifetimes in seconds: of an entry, its grace after that, a lease, a tombstone.
EXPIRE, GRACE, LEASE, TOMBSTONE = 10, 60, 30, 86_400
KEY = b"k"
ENTRY = "cache:news|k"
WHO = st.integers(0, 1)


@dataclass
class Stored:
    """What is stored under the key.

    :param value: None for a tombstone.
    :param at: when it was written.
    :param started: when its computation started.
    """

    value: int | None
    at: float
    started: float


@dataclass
class Computed:
    """A computation.

    :param saw: the number of the last change that it has read, or None if the read failed.
    """

    at: float
    saw: int | None = None
    finished: bool = False


class Process:
    """A process with a cache and its own locks."""

    def __init__(self, options: dict[str, Any], monotonic: Clock) -> None:
        self.cache = Cache("news", "ext:dynamodb", **options)
        self.locks = LockRegistry(LockClock(monotonic))
        self.locks.heartbeat = StoppedHeartbeat(monotonic)
        storage = self.cache.namespace._cache_storage()
        self.lock = self.locks.lock(storage, storage.keys.lock("news", KEY))
        self.computation: Computed | None = None


class Caches(Machine):
    """Two processes that read, write and remove one value, and take turns at its lock."""

    monotonic: Clock

    def __init__(self) -> None:
        super().__init__()
        self.monotonic.now = 0.0
        options = {"client": self.client, "table_name": self.table_name, "clock": self.clock}
        limits = {"expire": EXPIRE, "stale_grace": GRACE, "lock_timeout": 2 * LEASE}
        self.processes = [Process({**options, **limits}, self.monotonic) for _ in range(2)]
        self.entry: Stored | None = None
        self.changes = 0
        self.numbers = 0

    def attempt_by(self, who: int, plan: list[str], action: Callable[[], object]) -> bool:
        """Act in a process, and return whether the action was acknowledged."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lock_registry, "locks", self.processes[who].locks)
            return self.attempt(plan, action)

    def current(self, grace: float = 0) -> int | None:
        """Return the value that a reader gets, or None."""
        if self.entry is None:
            return None
        return self.entry.value if self.clock.now < self.entry.at + EXPIRE + grace else None

    def change(self, entry: Stored | None) -> None:
        self.entry = entry
        self.changes += 1

    def may_fill(self) -> bool:
        """Return whether there is neither an unexpired entry nor a tombstone."""
        if self.entry is None:
            return True
        lifetime = TOMBSTONE if self.entry.value is None else EXPIRE
        return self.clock.now >= self.entry.at + lifetime

    def may_store(self, process: Process) -> bool:
        """Return whether a value of this process is stored now, if no call fails."""
        computation, lease = process.computation, process.lock._lease
        if not process.lock.held:
            return True
        if process.lock.lost:
            item = self.lock_item()
            assert lease is not None
            if item is None or item["owner"] != {"S": lease._lock.owner}:
                return False
        elif computation is None:
            return True
        if computation is None or computation.saw is None:
            return self.may_fill()
        return computation.saw == self.changes

    # -- the value ----------------------------------------------------------------------------

    @rule(who=WHO, plan=PLANS)
    def put(self, who: int, plan: list[str]) -> None:
        """Store a value. One computed under the lock replaces nothing written since its read."""
        process = self.processes[who]
        self.numbers += 1
        value, computation, stores = self.numbers, process.computation, self.may_store(process)
        acknowledged = self.attempt_by(who, plan, lambda: process.cache.put("k", value))
        stored = ENTRY in self.script.put
        assert stores or not stored
        assert stored is stores or not acknowledged
        if stored:
            running = computation is not None and not computation.finished
            started = computation.at if computation and running else self.clock.now
            self.change(Stored(value, self.clock.now, started))
        if acknowledged and computation is not None:
            computation.finished = True
            computation.saw = self.changes if stored else computation.saw

    @rule(who=WHO, plan=PLANS)
    def get(self, who: int, plan: list[str]) -> None:
        """Read the last value, unless it has expired. Under the lock, a computation starts."""
        found: list[int | None] = []
        process = self.processes[who]
        answered = self.attempt_by(who, plan, lambda: found.append(read(process.cache)))
        if answered:
            assert found == [self.current()]
        if process.lock.held and (process.computation is None or process.computation.finished):
            process.computation = Computed(self.clock.now, self.changes if answered else None)

    @rule(who=WHO)
    def get_stale(self, who: int) -> None:
        kept = KEY in self.processes[who].cache.namespace
        assert (self.current(GRACE) is not None) is kept

    @rule(who=WHO, plan=PLANS)
    def remove(self, who: int, plan: list[str]) -> None:
        """Remove the value. A computation may remove its own key."""
        process = self.processes[who]
        acknowledged = self.attempt_by(who, plan, lambda: process.cache.remove_value("k"))
        if ENTRY in self.script.put:
            self.change(Stored(None, self.clock.now, self.clock.now))
        if acknowledged and process.computation is not None:
            process.computation.saw = self.changes

    @rule(who=WHO)
    def clear(self, who: int) -> None:
        """Clear: refuse a value being computed, and keep one whose computation started later."""
        locked = self.lock_item() is not None
        assert self.attempt_by(who, [], self.processes[who].cache.clear)
        assert locked is (ENTRY in self.script.put)
        if locked:
            self.change(Stored(None, self.clock.now, self.clock.now))
        elif self.entry and self.entry.value is not None and self.entry.started <= self.clock.now:
            self.change(None)

    # -- the lock -----------------------------------------------------------------------------

    @rule(who=WHO, plan=PLANS)
    def acquire(self, who: int, plan: list[str]) -> None:
        """Acquire the lock without waiting; a free one is acquired at once."""
        lock, other = self.processes[who].lock, self.processes[1 - who].lock
        if lock.held:
            return
        free = self.lock_item() is None and self.monotonic.now >= lock._acquirer._next_attempt_at
        acquired: list[bool] = []
        if self.attempt_by(who, plan, lambda: acquired.append(lock.acquire(wait=False))):
            assert acquired == [lock.held]
            assert acquired == [True] or not free
            if acquired == [True]:
                assert not other.held or other.lost

    @rule(who=WHO, plan=PLANS)
    def release(self, who: int, plan: list[str]) -> None:
        """Release the lock. A release never raises, and never deletes another process's lock."""
        lock, other = self.processes[who].lock, self.processes[1 - who].lock
        if not lock.held:
            return
        before = self.lock_item()
        held_by_other = other.held and not other.lost
        assert self.attempt_by(who, plan, lock.release)
        after = self.lock_item()
        self.processes[who].computation = None
        assert after in (None, before)
        assert after is not None or not held_by_other

    @precondition(lambda self: any(process.lock.held for process in self.processes))
    @rule(who=WHO, plan=PLANS)
    def renew(self, who: int, plan: list[str]) -> None:
        """Renew the lease, as the heartbeat does. A renewal never raises."""
        lease = self.processes[who].lock._lease
        if lease is not None:
            assert self.attempt_by(who, plan, lease.renew)

    @rule(seconds=st.sampled_from([0.25, 1, LEASE / 3, LEASE - 1, LEASE]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.monotonic.advance(seconds)

    @rule(seconds=st.sampled_from([3600, -3600, EXPIRE, 0.001]))
    def set_clock(self, seconds: float) -> None:
        """Set the wall clock, which locks do not use."""
        self.clock.advance(seconds)

    @invariant()
    def one_holder(self) -> None:
        """At most one process has a lock that it has not lost."""
        assert sum(p.lock.held and not p.lock.lost for p in self.processes) < 2

    def lock_item(self) -> dict[str, Any] | None:
        key = {"id": {"S": "cache:|lock|news|k"}}
        return self.client.get_item(TableName=self.table_name, Key=key).get("Item")

    def teardown(self) -> None:
        for process in self.processes:
            if process.lock.held:
                process.lock.release()
        super().teardown()


def read(cache: Cache) -> int | None:
    try:
        value: int = cache.get("k")
    except KeyError:
        return None
    return value


@pytest.mark.full
def test_reads_and_locks_follow_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr("beaker.container.time", SimpleNamespace(time=clock))
    Caches.monotonic = Clock()
    run_model(Caches, clock, HOW_MANY.caches)

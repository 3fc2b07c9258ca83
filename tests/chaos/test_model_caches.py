"""A cache and its creation lock against an exact model: two processes, faults, and clocks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import pytest
from beaker.cache import Cache
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from beaker_dynamodb import lease, locks
from beaker_dynamodb.lock import DynamoDBSynchronizer
from beaker_dynamodb.locks import creation_lock
from tests.chaos.inputs import HOW_MANY
from tests.chaos.scripted import FINE, PLANS, Machine, run_model
from tests.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds: an entry's life, its grace after that, and a lock's life without a renewal.
EXPIRE, GRACE, LEASE = 10, 60, 30
KEY = b"k"
WHO = st.integers(0, 1)


class Process:
    """What one process knows of locks."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.cache = Cache("news", "ext:dynamodb", **options)
        self.locks: WeakValueDictionary[Any, DynamoDBSynchronizer] = WeakValueDictionary()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(locks, "_locks", self.locks)
            store = self.cache.namespace.store
            self.lock = creation_lock(store, store.keys.lock("news", KEY))


class Caches(Machine):
    """Two processes that read, write and delete one value, and take turns at its lock."""

    monotonic: Clock

    def __init__(self) -> None:
        super().__init__()
        self.monotonic.now = 0.0
        options = {"client": self.client, "table_name": self.table_name, "clock": self.clock}
        limits = {"expire": EXPIRE, "stale_grace": GRACE, "lock_lease": LEASE}
        self.processes = [Process({**options, **limits}) for _ in range(2)]
        self.entry: tuple[int, float] | None = None  # the value and when it was stored
        self.numbers = 0

    def attempt_by(self, who: int, plan: list[str], action: Callable[[], object]) -> bool:
        """Do something in a process; whether it was acknowledged."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(locks, "_locks", self.processes[who].locks)
            return self.attempt(plan, action)

    def current(self, grace: float = 0) -> int | None:
        """Give the value that may be seen; None: there is none."""
        if self.entry is None:
            return None
        value, stored = self.entry
        return value if self.clock.now < stored + EXPIRE + grace else None

    # -- the value ----------------------------------------------------------------------------

    @rule(who=WHO, plan=PLANS)
    def put(self, who: int, plan: list[str]) -> None:
        """Store a value; one made under a lock that is lost gives way to a living one."""
        process = self.processes[who]
        self.numbers += 1
        value, late = self.numbers, process.lock.lost
        acknowledged = self.attempt_by(who, plan, lambda: process.cache.put("k", value))
        gives_way = late and self.current() is not None
        if acknowledged and FINE == (plan or [FINE])[0]:
            assert gives_way is not self.script.wrote
        if self.script.wrote:
            assert not gives_way
            self.entry = value, self.clock.now

    @rule(who=WHO, plan=PLANS)
    def get(self, who: int, plan: list[str]) -> None:
        """Read: what was stored last, unless it has expired."""
        found: list[int | None] = []
        cache = self.processes[who].cache
        if self.attempt_by(who, plan, lambda: found.append(look(cache))):
            assert [self.current()] == found

    @rule(who=WHO)
    def get_stale(self, who: int) -> None:
        """In its grace the namespace still gives what Beaker knows to be old, and then no more."""
        kept = KEY in self.processes[who].cache.namespace
        assert (self.current(GRACE) is not None) is kept

    @rule(who=WHO, plan=PLANS)
    def remove(self, who: int, plan: list[str]) -> None:
        """Delete."""
        cache = self.processes[who].cache
        self.attempt_by(who, plan, lambda: cache.remove_value("k"))
        if self.script.wrote:
            self.entry = None

    # -- the lock -----------------------------------------------------------------------------

    @rule(who=WHO, plan=PLANS)
    def acquire(self, who: int, plan: list[str]) -> None:
        """Ask for the lock, without waiting; a free one is had at once."""
        mine, other = self.processes[who].lock, self.processes[1 - who].lock
        if mine.mine:
            return
        free = self.lock_item() is None
        quiet = self.monotonic.now < mine._quiet_until
        got: list[bool] = []
        if self.attempt_by(who, plan, lambda: got.append(mine.acquire(wait=False))):
            assert [mine.mine] == got
            if free and not quiet:
                assert got == [True]
            if got == [True]:
                assert not other.mine or other.lost

    @rule(who=WHO, plan=PLANS)
    def release(self, who: int, plan: list[str]) -> None:
        """Give the lock back; that never fails, and frees nobody else's."""
        mine, other = self.processes[who].lock, self.processes[1 - who].lock
        if not self.processes[who].lock.mine:
            return
        before = self.lock_item()
        others = other.mine and not other.lost
        assert self.attempt_by(who, plan, mine.release)
        after = self.lock_item()
        assert not mine.mine
        assert after in (None, before)
        if others:
            assert after is not None

    @precondition(lambda self: any(process.lock.mine for process in self.processes))
    @rule(who=WHO, plan=PLANS)
    def renew(self, who: int, plan: list[str]) -> None:
        """Renew the lock in the background; that never raises."""
        held = self.processes[who].lock._held
        if held is not None:
            assert self.attempt_by(who, plan, held.renew)

    @rule(seconds=st.sampled_from([0.25, 1, LEASE / 3, LEASE - 1, LEASE]))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)
        self.monotonic.advance(seconds)

    @rule(seconds=st.sampled_from([3600, -3600, EXPIRE, 0.001]))
    def jump(self, seconds: float) -> None:
        """Set the wall clock; no lock cares."""
        self.clock.advance(seconds)

    @invariant()
    def one_holder(self) -> None:
        """Never do both processes have the lock for all they know."""
        assert 2 > sum(process.lock.mine and not process.lock.lost for process in self.processes)

    def lock_item(self) -> dict[str, Any] | None:
        """Give the lock's item."""
        key = {"id": {"S": "cache:|lock|news|k"}}
        return self.client.get_item(TableName=self.table_name, Key=key).get("Item")

    def teardown(self) -> None:
        """Give the locks back, and empty the table."""
        for process in self.processes:
            if process.lock.mine:
                process.lock.release()
        super().teardown()


def look(cache: Cache) -> int | None:
    """Read the value, if there is one."""
    try:
        value: int = cache.get("k")
    except KeyError:
        return None
    return value


@pytest.mark.full
def test_caches_and_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every read gives what the model says, and no two processes have the lock at once."""
    clock, monotonic = Clock(), Clock()
    monkeypatch.setattr("beaker.container.time", SimpleNamespace(time=clock))
    monkeypatch.setattr(lease, "monotonic", monotonic)
    heart = lease.Heart()
    monkeypatch.setattr(heart, "_run", int)  # renewals happen when the machine says so
    monkeypatch.setattr(lease, "heart", heart)
    Caches.monotonic = monotonic
    run_model(Caches, clock, HOW_MANY.caches)

"""A cache and its creation lock against an exact model: two processes, faults, and clocks."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import pytest
from beaker.cache import Cache
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from beaker_dynamodb.caches import lease, lock_registry
from beaker_dynamodb.caches.creation_lock import DynamoDBSynchronizer
from beaker_dynamodb.caches.lock_registry import creation_lock
from beaker_dynamodb.caches.storage import cache_storage
from tests.chaos.inputs import HOW_MANY
from tests.chaos.scripted import PLANS, Machine, run_model
from tests.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds: an entry's life, its grace after that, and a lock's life without a renewal.
EXPIRE, GRACE, LEASE = 10, 60, 30
KEY = b"k"
ENTRY = "cache:news|k"
WHO = st.integers(0, 1)
#: Seconds for which a tombstone is left alone.
TOMBSTONE = 86_400


@dataclass
class Stored:
    """What is under the key.

    :param value: None: a tombstone.
    :param at: when it was written, and
    :param begun: when its making began.
    """

    value: int | None
    at: float
    begun: float


@dataclass
class Begun:
    """A making: what its maker has read.

    :param saw: the number of the last change; None: the read failed.
    """

    at: float
    saw: int | None = None
    finished: bool = False


class Process:
    """What one process knows of lock_registry."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.cache = Cache("news", "ext:dynamodb", **options)
        self.locks: WeakValueDictionary[Any, DynamoDBSynchronizer] = WeakValueDictionary()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lock_registry, "_locks", self.locks)
            store = cache_storage(self.cache.namespace.backend)
            self.lock = creation_lock(store, store.keys.lock("news", KEY))
        self.making: Begun | None = None


class Caches(Machine):
    """Two processes that read, write and delete one value, and take turns at its lock."""

    monotonic: Clock

    def __init__(self) -> None:
        super().__init__()
        self.monotonic.now = 0.0
        options = {"client": self.client, "table_name": self.table_name, "clock": self.clock}
        limits = {"expire": EXPIRE, "stale_grace": GRACE, "lock_timeout": 2 * LEASE}
        self.processes = [Process({**options, **limits}) for _ in range(2)]
        self.entry: Stored | None = None
        self.changes = 0
        self.numbers = 0

    def attempt_by(self, who: int, plan: list[str], action: Callable[[], object]) -> bool:
        """Do something in a process; whether it was acknowledged."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lock_registry, "_locks", self.processes[who].locks)
            return self.attempt(plan, action)

    def current(self, grace: float = 0) -> int | None:
        """Give the value that may be seen; None: there is none."""
        if self.entry is None:
            return None
        return self.entry.value if self.clock.now < self.entry.at + EXPIRE + grace else None

    def change(self, entry: Stored | None) -> None:
        self.entry = entry
        self.changes += 1

    def may_fill(self) -> bool:
        """Whether there is nothing alive, nor a tombstone."""
        if self.entry is None:
            return True
        life = TOMBSTONE if self.entry.value is None else EXPIRE
        return self.clock.now >= self.entry.at + life

    def may_store(self, process: Process) -> bool:
        """Whether what a process puts now is stored, if nothing fails."""
        making, held = process.making, process.lock._held
        if not process.lock.mine:
            return True
        if process.lock.lost:
            assert held is not None
            item = self.lock_item()
            if item is None or item["owner"] != {"S": held._lock.owner}:
                return False
        elif making is None:
            return True
        if making is None or making.saw is None:
            return self.may_fill()
        return making.saw == self.changes

    # -- the value ----------------------------------------------------------------------------

    @rule(who=WHO, plan=PLANS)
    def put(self, who: int, plan: list[str]) -> None:
        """Store a value; one made under the lock gives way to all that has happened since."""
        process = self.processes[who]
        self.numbers += 1
        value, making, stores = self.numbers, process.making, self.may_store(process)
        acknowledged = self.attempt_by(who, plan, lambda: process.cache.put("k", value))
        stored = ENTRY in self.script.put
        assert stores or not stored
        assert stored is stores or not acknowledged
        if stored:
            made = making is not None and not making.finished
            begun = making.at if made and making is not None else self.clock.now
            self.change(Stored(value, self.clock.now, begun))
        if acknowledged and making is not None:
            making.finished = True
            making.saw = self.changes if stored else making.saw

    @rule(who=WHO, plan=PLANS)
    def get(self, who: int, plan: list[str]) -> None:
        """Read: what was stored last, unless it has expired. Under the lock a making begins."""
        found: list[int | None] = []
        process = self.processes[who]
        answered = self.attempt_by(who, plan, lambda: found.append(look(process.cache)))
        if answered:
            assert [self.current()] == found
        if process.lock.mine and (process.making is None or process.making.finished):
            process.making = Begun(self.clock.now, self.changes if answered else None)

    @rule(who=WHO)
    def get_stale(self, who: int) -> None:
        """In its grace the namespace still gives what Beaker knows to be old, and then no more."""
        kept = KEY in self.processes[who].cache.namespace
        assert (self.current(GRACE) is not None) is kept

    @rule(who=WHO, plan=PLANS)
    def remove(self, who: int, plan: list[str]) -> None:
        """Remove; the maker's own removal does not refuse its value."""
        process = self.processes[who]
        acknowledged = self.attempt_by(who, plan, lambda: process.cache.remove_value("k"))
        if ENTRY in self.script.put:
            self.change(Stored(None, self.clock.now, self.clock.now))
        if acknowledged and process.making is not None:
            process.making.saw = self.changes

    @rule(who=WHO)
    def clear(self, who: int) -> None:
        """Clear; what is being made is refused, what was made later by the clock stays."""
        locked = self.lock_item() is not None
        assert self.attempt_by(who, [], self.processes[who].cache.clear)
        assert locked is (ENTRY in self.script.put)
        if locked:
            self.change(Stored(None, self.clock.now, self.clock.now))
        elif (
            self.entry is not None
            and self.entry.value is not None
            and self.entry.begun <= self.clock.now
        ):
            self.change(None)

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
        self.processes[who].making = None
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

"""Combine the saves of one session that wait in one process into one write.

The first try of a save does not wait. A save that met another one's joins the queue of its session.
The first in the queue writes for all that wait in it; the others return as soon as their data is
stored. They hand over bytes, so that no thread reads objects that another thread may change.

If the writing thread ends for a reason of its own (an exception that aborts it, or its time is
over), the next in the queue takes over.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Hashable
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from beaker_dynamodb.dynamodb.forks import after_fork
from beaker_dynamodb.exceptions import (
    DynamoDBError,
    ItemTooLarge,
    PayloadError,
    SessionConflict,
    SpecialKeyError,
)

if TYPE_CHECKING:
    from beaker_dynamodb.items.item import Item
    from beaker_dynamodb.sessions.conflict_retry import ConflictRetry

#: A waiting save looks at its state at least this often, even if no other thread wakes it.
POLL_SECONDS = 1.0
#: Errors that concern one save and not the store: the others go on.
OWN_ERRORS = (ItemTooLarge, PayloadError, SessionConflict, SpecialKeyError)


@dataclass(frozen=True)
class Stored:
    """What is in the table.

    :param payload: the item's payload, decoded from its data.
    """

    item: Item
    payload: Any


@dataclass(eq=False)
class Save:
    """A save as bytes.

    :param payload: what the application wants to store.
    :param seen_payload: what it loaded, or saved last; None if there was no session.
    :param rebased: see `merge.merge`.
    :param terms: what two saves must have in common to be written as one item.
    """

    payload: Any = field(repr=False)
    seen_payload: Any = field(repr=False)
    rebased: bool
    terms: Any = field(repr=False)
    #: When the session was created that this save changes.
    created_ms: int | None = None
    #: Writer tokens of the writes that contained this save.
    tried: set[str | None] = field(default_factory=set)
    #: Whether another thread is writing it right now.
    in_flight: bool = False
    #: Whether its time is over: it returns when the write that contains it has ended.
    withdrawn: bool = False
    #: What became of it; None as long as that is open.
    outcome: Stored | Dropped | DynamoDBError | None = None


class Dropped:
    """The session is gone, so its save was dropped."""


@dataclass(eq=False)
class _Queue:
    """The waiting saves of one session, in order of arrival.

    :param stored: what the last write of this process stored.
    """

    condition: threading.Condition = field(default_factory=threading.Condition)
    saves: list[Save] = field(default_factory=list)
    stored: Stored | None = None


_queues: WeakValueDictionary[Hashable, _Queue] = WeakValueDictionary()
_registry = threading.Lock()


def _queue_of(name: Hashable) -> _Queue:
    with _registry:
        queue = _queues.get(name)
        if queue is None:
            queue = _queues[name] = _Queue()
        return queue


class CombinedSave:
    """One thread's save, which may have to write others' as well.

    :param name: the session: client, table and key.
    :param save: is alone until it joins the queue.
    """

    def __init__(self, name: Hashable, save: Save) -> None:
        self._name = name
        self.save = save
        self._queue: _Queue | None = None
        #: The others' saves in the present write.
        self.others: list[Save] = []
        self._most_others: int | None = None
        self._left_out: set[int] = set()

    def join(self, retry: ConflictRetry) -> bool:
        """Wait until the save is settled or this thread must write; False if its time is over."""
        if self._queue is None:
            self._queue = _queue_of(self._name)
            with self._queue.condition:
                self._queue.saves.append(self.save)
        queue, save = self._queue, self.save
        with queue.condition:
            while save.outcome is None and queue.saves[0] is not save:
                left = retry.seconds_left
                if left <= 0:
                    save.withdrawn = True
                    if not save.in_flight:
                        return False
                    left = POLL_SECONDS
                queue.condition.wait(min(left, POLL_SECONDS))
        return True

    @property
    def last_stored(self) -> Stored | None:
        """What this process stored last, as far as the queue knows."""
        return None if self._queue is None else self._queue.stored

    def take(self) -> list[Save]:
        """Return the others' saves that the next write must contain, in order of arrival."""
        if self._queue is None:
            return []
        with self._queue.condition:
            self._release()
            fitting = [
                other
                for other in self._queue.saves
                if other is not self.save
                and not other.withdrawn
                and id(other) not in self._left_out
                and (other.created_ms, other.terms) == (self.save.created_ms, self.save.terms)
            ]
            self.others = fitting[: self._most_others]
            for other in self.others:
                other.in_flight = True
        return list(self.others)

    def leave_out(self, other: Save) -> None:
        """Take a save out of this thread's writes: it writes itself later."""
        self._left_out.add(id(other))
        self.others.remove(other)
        other.in_flight = False

    def halve(self) -> bool:
        """Let the next write contain half as many saves; False if it contained only one."""
        if not self.others:
            return False
        self._most_others = len(self.others) // 2
        return True

    def begin(self, writer: str | None) -> None:
        """Note the token of a write before it is sent."""
        for save in (self.save, *self.others):
            save.tried.add(writer)

    def contains(self, writer: str | None) -> bool:
        """Return whether the write with this token contained this save, or one that waits."""
        if self._queue is None:
            return writer in self.save.tried
        with self._queue.condition:
            return any(writer in save.tried for save in self._queue.saves)

    def settle(self, outcome: Stored | Dropped, writer: str | None = None) -> None:
        """Record the outcome of saves: of those a write contained, or of all of the session.

        :param writer: the token of the write.
        """
        if self._queue is None:
            self.save.outcome = outcome
            return
        queue = self._queue
        with queue.condition:
            # Another thread may write from now on.
            self._release()
            if isinstance(outcome, Stored):
                queue.stored = outcome
                settled = [save for save in queue.saves if writer in save.tried]
            else:
                created_ms = self.save.created_ms
                settled = [save for save in queue.saves if save.created_ms == created_ms]
            for save in settled:
                self._finish(save, outcome)
            queue.condition.notify_all()

    def __enter__(self) -> CombinedSave:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        queue = self._queue
        if queue is None:
            return
        with queue.condition:
            if isinstance(exc, DynamoDBError) and not isinstance(exc, OWN_ERRORS):
                for other in self.others:
                    self._finish(other, _copy(exc))
            self._release()
            if self.save in queue.saves:
                queue.saves.remove(self.save)
            if not queue.saves:
                queue.stored = None
            queue.condition.notify_all()

    def _finish(self, save: Save, outcome: Stored | Dropped | DynamoDBError) -> None:
        save.outcome = outcome
        if self._queue is not None and save in self._queue.saves:
            self._queue.saves.remove(save)

    def _release(self) -> None:
        for other in self.others:
            other.in_flight = False
        self.others = []


def _copy(error: DynamoDBError) -> DynamoDBError:
    """Return an exception for another thread: one that two threads raise gets both tracebacks."""
    copied = copy.copy(error)
    copied.__cause__ = error.__cause__
    return copied


def _forget_queues() -> None:
    # The threads that wait and write in the parent are not in this process.
    global _queues, _registry
    _queues, _registry = WeakValueDictionary(), threading.Lock()


after_fork(_forget_queues)

"""Combine the waiting saves of one session in this process into one write.

A save's first attempt does not wait. After a conflict, the save joins the queue of its session.
The first save in the queue is written together with the others. Each thread returns as soon as
its data is stored. If the writing thread is aborted or runs out of time, the next one in the queue
takes over.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from beaker_dynamodb.dynamodb.forks import PerProcess
from beaker_dynamodb.dynamodb.shared_attempt import copy_of
from beaker_dynamodb.exceptions import (
    DynamoDBError,
    ItemTooLarge,
    PayloadError,
    SessionConflict,
    SpecialKeyError,
)
from beaker_dynamodb.sessions.conflict_retry import ConflictRetry
from beaker_dynamodb.sessions.payload import Payload
from beaker_dynamodb.sessions.state import Stored

if TYPE_CHECKING:
    from typing_extensions import Self

#: A waiting save checks its state at least this often, even if no other thread wakes it.
POLL_SECONDS = 1.0
#: Errors that apply to one save only. Any other error applies to every save in the write.
SINGLE_SAVE_ERRORS = (ItemTooLarge, PayloadError, SessionConflict, SpecialKeyError)


class Dropped:
    """The outcome of a save that was dropped because its session is gone."""


@dataclass(eq=False)
class Save:
    """One request's save.

    :param payload: the payload to store.
    :param seen: the payload that the request loaded or saved last; None if there was no session.
    :param rebased: see `merge`.
    :param terms: options, lifetime and cookie name; saves are combined only if these are equal.
    """

    payload: Payload = field(repr=False)
    seen: Payload | None = field(repr=False)
    rebased: bool
    terms: Any = field(repr=False)
    #: Creation time of the session that this save changes, or None if it creates one.
    created_ms: int | None = None
    #: Writer tokens of the writes that contained this save.
    tried: set[str | None] = field(default_factory=set)
    #: Whether its time has run out. No further write may contain it.
    withdrawn: bool = False
    outcome: Stored | Dropped | DynamoDBError | None = None


@dataclass(eq=False)
class _Queue:
    """The waiting saves of one session, in order of arrival.

    :param in_flight: the saves in the current write, except the writing thread's own. The same
        list as that thread's `CombinedSave.others`.
    :param stored: the last state stored since the queue was empty, or None.
    """

    condition: threading.Condition = field(default_factory=threading.Condition)
    saves: list[Save] = field(default_factory=list)
    in_flight: list[Save] = field(default_factory=list)
    stored: Stored | None = None

    def finish(self, save: Save, outcome: Stored | Dropped | DynamoDBError) -> None:
        save.outcome = outcome
        if save in self.saves:
            self.saves.remove(save)


_queues: PerProcess[WeakValueDictionary[Hashable, _Queue]] = PerProcess(WeakValueDictionary)
_registry = PerProcess(threading.Lock)


def _queue_of(name: Hashable) -> _Queue:
    with _registry():
        return _queues().setdefault(name, _Queue())


class CombinedSave:
    """One thread's save, whose write may include other threads' saves.

    :param name: client, table and key of the session.
    """

    def __init__(self, name: Hashable, save: Save) -> None:
        self._name = name
        self._save = save
        #: None until the save's first conflict.
        self._queue: _Queue | None = None
        #: Other threads' saves in the current write.
        self.others: list[Save] = []
        self._max_others: int | None = None  # no limit

    def join(self, retry: ConflictRetry) -> bool:
        """Wait until the save has an outcome or is first in line; return False if time runs out."""
        if self._queue is None:
            self._queue = _queue_of(self._name)
            with self._queue.condition:
                self._queue.saves.append(self._save)
        queue, save = self._queue, self._save
        with queue.condition:
            while save.outcome is None and queue.saves[0] is not save:
                left = retry.seconds_left
                if left <= 0:
                    save.withdrawn = True
                    if save not in queue.in_flight:
                        return False
                    # The write that contains it decides the outcome.
                    left = POLL_SECONDS
                queue.condition.wait(min(left, POLL_SECONDS))
        return True

    @property
    def last_stored(self) -> Stored | None:
        """The last state that this process stored while saves were queued, or None."""
        return None if self._queue is None else self._queue.stored

    def take(self) -> list[Save]:
        """Return other threads' saves for the next write, in order of arrival."""
        queue, own = self._queue, self._save
        if queue is None:
            return []
        with queue.condition:
            combinable = [
                other
                for other in queue.saves
                if other is not own
                and not other.withdrawn
                and (other.created_ms, other.terms) == (own.created_ms, own.terms)
            ]
            self.others = queue.in_flight = combinable[: self._max_others]
        return list(self.others)

    def halve(self) -> bool:
        """Halve the number of other saves in the next write; return False if this one had none."""
        if not self.others:
            return False
        self._max_others = len(self.others) // 2
        return True

    def begin(self, writer: str | None) -> None:
        """Record the token of a write before it is sent."""
        for save in (self._save, *self.others):
            save.tried.add(writer)

    def contains(self, writer: str | None) -> bool:
        """Return whether the write with this token contained this save or one that is waiting."""
        if self._queue is None:
            return writer in self._save.tried
        with self._queue.condition:
            return any(writer in save.tried for save in self._queue.saves)

    def settle(self, outcome: Stored | Dropped, writer: str | None = None) -> None:
        """Set the outcome of the saves that a write contained, or of all saves of a gone session.

        :param writer: the write's token; not used with `Dropped`.
        """
        queue, own = self._queue, self._save
        if queue is None:
            own.outcome = outcome
            return
        with queue.condition:
            self.others.clear()
            if isinstance(outcome, Stored):
                queue.stored = outcome
                settled = [save for save in queue.saves if writer in save.tried]
            else:
                settled = [save for save in queue.saves if save.created_ms == own.created_ms]
            for save in settled:
                queue.finish(save, outcome)
            queue.condition.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        queue = self._queue
        if queue is None:
            return
        with queue.condition:
            if isinstance(error, DynamoDBError) and not isinstance(error, SINGLE_SAVE_ERRORS):
                for other in self.others:
                    queue.finish(other, copy_of(error))
            self.others.clear()
            if self._save in queue.saves:
                queue.saves.remove(self._save)
            if not queue.saves:
                queue.stored = None
            queue.condition.notify_all()

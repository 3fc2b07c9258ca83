"""Copy sessions to the new store, but never overwrite changes or undo a log-out there."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from beaker_dynamodb.dynamodb.error_mapping import ConditionFailed
from beaker_dynamodb.dynamodb.rate_limiter import RateLimiter
from beaker_dynamodb.exceptions import ConfigurationError, ItemTooLarge
from beaker_dynamodb.items import chunks
from beaker_dynamodb.items.conditions import Condition
from beaker_dynamodb.items.item import MARKER, SESSION, Attributes, Item, item_size
from beaker_dynamodb.items.layout import milliseconds
from beaker_dynamodb.migrate.copies import WRITER, LiveSession, copy_of, live_session, target_key
from beaker_dynamodb.migrate.records import Records, Stored
from beaker_dynamodb.migrate.report import Report
from beaker_dynamodb.migrate.source import Damaged, SourceSession
from beaker_dynamodb.sessions.storage import SessionStorage

#: ``verify = sample`` reads back one in this many copies.
SAMPLE_EVERY = 100
#: Bytes per write unit (AWS developer guide, read/write capacity).
UNIT_BYTES = 1024
#: Factor by which a transaction makes a write more expensive (same guide).
TRANSACTION_FACTOR = 2

NO_RECORDS = (
    "the target holds copies of these sessions, but no records of an earlier run: sessions that "
    "users have logged out of since would come back. Copy to another table or prefix, or accept "
    "that with --accept-missing-records"
)


@dataclass(frozen=True, slots=True)
class Planned:
    """A session and the decision whether to write it.

    :param recorded: whether the target has a record of it.
    :param outcome: why the session is not written, or None if it is, subject to ``condition``.
    """

    session: LiveSession
    recorded: bool
    outcome: str | None
    condition: Condition


@dataclass(eq=False)
class Copier:
    """Copies sessions and counts their outcomes. Thread-safe; `Migration` starts the threads."""

    target: SessionStorage
    records: Records
    limiter: RateLimiter
    dry_run: bool
    verify: str
    accept_missing_records: bool

    def __post_init__(self) -> None:
        self._verify_every = {"sample": SAMPLE_EVERY, "all": 1, "none": 0}[self.verify]
        self._copies = count()
        self.report = Report()
        # Wakes threads that wait for the rate limiter.
        self._stopped = threading.Event()
        self._lock = threading.Condition()
        self._writing = 0

    def plan(self, entries: Iterable[SourceSession | Damaged]) -> list[Planned]:
        """Look up sessions in the target and decide what to do. Count those not to copy.

        :raises ConfigurationError: the records of an earlier run are missing.
        """
        sessions = []
        for entry in entries:
            found = "unreadable" if isinstance(entry, Damaged) else live_session(entry, self.target)
            if isinstance(found, LiveSession):
                sessions.append(found)
            else:
                self._count(found)
        keys = {each.entry.digest: target_key(each.entry, self.target) for each in sessions}
        stored = self.records.look_up(keys)
        for digest, one in stored.items():
            if _is_copy(one.attributes) and not one.recorded and not self.accept_missing_records:
                # Read again: another run may have copied it between the two reads.
                stored[digest] = self.records.look_up({digest: keys[digest]})[digest]
                if not stored[digest].recorded:
                    raise ConfigurationError(NO_RECORDS)
        return [self._plan(each, stored[each.entry.digest]) for each in sessions]

    def _plan(self, session: LiveSession, stored: Stored) -> Planned:
        items, found = self.target.items, stored.attributes
        expired = found is None or items.layout.expired(found, items.now_ms())
        accessed_ms = session.accessed_ms or 0
        outcome: str | None = None
        condition: Condition = {}
        if _ended(found) and (stored.recorded or not expired):
            outcome = "logged_out_since"
        elif found is None or expired:
            condition = items.if_new()
        elif _is_copy(found) and milliseconds(found["accessed"]) < accessed_ms:
            condition = items.if_copied(WRITER, accessed_ms)
        else:
            outcome = "already_there"
        return Planned(session, stored.recorded, outcome, condition)

    def write(self, planned: Iterable[Planned]) -> None:
        """Copy sessions, and count the outcomes.

        :raises DynamoDBError: the new store cannot be written.
        """
        for plan in planned:
            with self._lock:
                if self._stopped.is_set():
                    return
                self._writing += 1
            try:
                outcome = plan.outcome
                if outcome is None:
                    outcome = self._write(plan)
                elif not plan.recorded:
                    self._record(plan.session)
                self._count(outcome)
                if outcome == "copied" and plan.session.values is None:
                    self._count("opaque")
            finally:
                with self._lock:
                    self._writing -= 1
                    self._lock.notify_all()

    def stop(self) -> None:
        """Start no more writes, and wait for those in progress. The next run copies the rest."""
        self._stopped.set()
        # Do not wait for the thread pool: a pool that is interrupted while it starts a thread loses
        # track of that thread.
        with self._lock:
            self._lock.wait_for(lambda: self._writing == 0)

    def copy(self, entries: Iterable[SourceSession | Damaged]) -> None:
        """Copy one batch: `plan` and `write`."""
        self.write(self.plan(entries))

    def _write(self, plan: Planned) -> str:
        """Write a copy and its record, subject to the plan's condition. Return the outcome."""
        items, session = self.target.items, plan.session
        item = copy_of(session, self.target)
        record = self.records.record(session.entry.digest, session.deadline_ms)
        units = TRANSACTION_FACTOR * (_units(items.layout.attributes(item)) + _units(record))
        self._spend(units)
        if self.dry_run:
            return "too_large" if len(item.data) > chunks.MAX_VALUE_BYTES else "copied"
        if_record = {} if plan.recorded else items.if_absent()
        try:
            items.put_with_record(item, plan.condition, record, if_record)
        except ItemTooLarge:
            return "too_large"
        except ConditionFailed as failed:
            self._count("refused_writes")
            self._count("refused_units", units)
            if not plan.recorded:
                self._record(session)
            return "logged_out_since" if _ended(failed.attributes) else "already_there"
        self._verify(session, item)
        return "copied"

    def _record(self, session: LiveSession) -> None:
        """Record that the target had this session, so that no later run creates it again."""
        record = self.records.record(session.entry.digest, session.deadline_ms)
        self._spend(_units(record))
        if not self.dry_run:
            self.target.items.call("put_item", Item=record)

    def _spend(self, units: int) -> None:
        self._count("write_units", units)
        if not self.dry_run:
            self.limiter.spend(units, self._stopped)

    def _verify(self, session: LiveSession, item: Item) -> None:
        if not self._verify_every or next(self._copies) % self._verify_every:
            return
        stored = self.target.items.get(item.key, SESSION, consistent_read=True)
        if stored is None or stored.writer != item.writer:
            self._count("changed_since")
        elif self.target.codec.decode(stored) == session.entry.payload:
            self._count("verified")
        else:
            self._count("differing")

    def _count(self, name: str, number: int = 1) -> None:
        with self._lock:
            setattr(self.report, name, getattr(self.report, name) + number)


def _units(attributes: Attributes) -> int:
    return -(-item_size(attributes) // UNIT_BYTES)


def _ended(attributes: Mapping[str, Any] | None) -> bool:
    """Return whether the item is missing or is the marker of an ended session."""
    return attributes is None or attributes.get("type") == {"S": MARKER}


def _is_copy(attributes: Mapping[str, Any] | None) -> bool:
    """Return whether the item is a copy whose data no request has changed yet."""
    writer: str = (attributes or {}).get("writer", {}).get("S", "")
    return writer.startswith(WRITER)

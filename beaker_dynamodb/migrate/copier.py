"""Copies one session to the new store, if it may be written there."""

from __future__ import annotations

import secrets
import threading
from itertools import count
from typing import Any

from beaker_dynamodb.dynamodb.error_mapping import ConditionFailed
from beaker_dynamodb.dynamodb.rate_limiter import RateLimiter
from beaker_dynamodb.exceptions import ConfigurationError, ItemTooLarge, SpecialKeyError
from beaker_dynamodb.items import chunks
from beaker_dynamodb.items.item import MARKER, SESSION, Item, item_size
from beaker_dynamodb.migrate.from_dynamodb import DIGEST
from beaker_dynamodb.migrate.inert_pickle import session_values
from beaker_dynamodb.migrate.report import Report
from beaker_dynamodb.migrate.source import Damaged, SourceSession
from beaker_dynamodb.migrate.state import State
from beaker_dynamodb.sessions.merge import ACCESSED, BOOKKEEPING, CREATED
from beaker_dynamodb.sessions.storage import SessionStorage

#: Start of a copy's writer token. The first change of the session replaces the token.
WRITER = "migrated-"
#: ``verify = sample`` reads one copy in this many.
SAMPLE = 100
#: Beaker's times are earlier than this; epoch seconds, the year 5138.
LATEST = 1e11
#: Bytes per write unit (AWS developer guide, read/write capacity).
UNIT_BYTES = 1024


class Copier:
    """Copies sessions in several threads and counts their outcomes.

    :param limiter: limits the write units per second.
    :param verify: ``sample`` reads back the first of every hundred copies, ``all``, ``none``.
    """

    def __init__(
        self,
        target: SessionStorage,
        state: State,
        limiter: RateLimiter,
        *,
        dry_run: bool,
        verify: str,
    ) -> None:
        self._target = target
        self._state = state
        self._limiter = limiter
        self._dry_run = dry_run
        self._verify_every = {"sample": SAMPLE, "all": 1, "none": 0}[verify]
        self._copies = count()
        self._lock = threading.Lock()
        self.report = Report()
        #: Ends the waits for the limiter.
        self.stopped = threading.Event()

    def copy(self, entry: SourceSession | Damaged) -> None:
        """Copy a session unless it has ended, and count the outcome.

        :raises DynamoDBError: the new store cannot be written.
        """
        if isinstance(entry, Damaged):
            self._count("unreadable")
            return
        values = session_values(entry.payload)
        if values is not None and values.keys() <= BOOKKEEPING:
            self._count("empty")
            return
        now_ms = self._target.items.now_ms()
        accessed_ms = _time_ms(values, ACCESSED, entry.accessed_ms)
        if accessed_ms is not None:
            accessed_ms = min(accessed_ms, now_ms)  # another machine's clock may be ahead
        deadline_ms = self._deadline_ms(entry, accessed_ms, now_ms)
        if deadline_ms is not None and deadline_ms <= now_ms:
            self._count("expired")
            return
        item = self._item(entry, values, accessed_ms, now_ms, deadline_ms)
        outcome = self._write(entry, item, accessed_ms)
        if outcome in ("copied", "already_there") and not self._dry_run:
            with self._lock:
                self._state.copied(entry.digest, accessed_ms)
        if outcome == "copied" and values is None:
            self._count("opaque")
        self._count(outcome)

    def _deadline_ms(
        self, entry: SourceSession, accessed_ms: int | None, now_ms: int
    ) -> int | None:
        """Return the expiry in the new store, or None if the session never expires."""
        if entry.expires_ms is not None and (entry.expires_ms <= now_ms or accessed_ms is None):
            return entry.expires_ms
        return self._target.deadline_ms(now_ms if accessed_ms is None else accessed_ms, None)

    def _item(
        self,
        entry: SourceSession,
        values: dict[str, Any] | None,
        accessed_ms: int | None,
        now_ms: int,
        deadline_ms: int | None,
    ) -> Item:
        target = self._target
        if entry.session_id is not None:
            key = target.keys.session(entry.session_id)
        elif target.options.hash_ids:
            key = target.keys.of_digest(DIGEST + entry.digest)
        else:
            raise ConfigurationError(
                "the old table contains only hashes of the session ids (hash_ids): set hash_ids "
                "for the new store too"
            )
        data, codec = target.codec.encode_session(entry.payload)
        try:
            special = target.special.attributes(values)
        except (SpecialKeyError, ConfigurationError):
            # The payload is encrypted or lacks a special key. Keep the user logged in; the next
            # save writes the keys.
            special = {}
        item = Item(
            key=key,
            kind=SESSION,
            data=data,
            codec=codec,
            created_ms=_time_ms(values, CREATED, None) or now_ms,
            deadline_ms=deadline_ms,
            accessed_ms=now_ms if accessed_ms is None else accessed_ms,
            version=1,
            writer=WRITER + secrets.token_urlsafe(9),
            special=special,
        )
        target.codec.sign(item)
        return item

    def _write(self, entry: SourceSession, item: Item, accessed_ms: int | None) -> str:
        """Write a session if it may be written, and return the outcome."""
        items, state = self._target.items, self._state
        known = state.has(entry.digest)
        if known and state.is_current(entry.digest, accessed_ms):
            return "already_there"
        if accessed_ms is None:
            condition = items.if_new()
        else:
            # If an earlier run has copied the session and it is missing, the user logged out.
            condition = items.if_copied(WRITER, accessed_ms, or_new=not known)
        self._spend(item)
        if self._dry_run:
            return "too_large" if len(item.data) > chunks.MAX_VALUE_BYTES else "copied"
        try:
            items.put(item, condition)
        except ItemTooLarge:
            return "too_large"
        except ConditionFailed as failed:
            if failed.attributes is None or failed.attributes["type"] == {"S": MARKER}:
                return "logged_out_since"
            # The same writer: botocore repeated this write because the first answer was lost.
            if failed.attributes.get("writer") != {"S": item.writer}:
                return "already_there"
        self._verify(entry, item)
        return "copied"

    def _spend(self, item: Item) -> None:
        units = -(-item_size(self._target.items.layout.attributes(item)) // UNIT_BYTES)
        self._count("write_units", units)
        if not self._dry_run:
            self._limiter.spend(units, self.stopped)

    def _verify(self, entry: SourceSession, item: Item) -> None:
        if not self._verify_every or next(self._copies) % self._verify_every:
            return
        stored = self._target.items.get(item.key, SESSION, consistent_read=True)
        if stored is None or stored.writer != item.writer:
            self._count("changed_since")
        elif self._target.codec.decode(stored) == entry.payload:
            self._count("verified")
        else:
            self._count("differing")

    def _count(self, name: str, number: int = 1) -> None:
        with self._lock:
            self.report.add(name, number)


def _time_ms(values: dict[str, Any] | None, name: str, default: int | None) -> int | None:
    """Return a time that Beaker's Session stores, in milliseconds since the epoch."""
    time = None if values is None else values.get(name)
    if isinstance(time, (int, float)) and 0 < time < LATEST:
        return round(time * 1000)
    return default

"""Copies the live sessions of another store to DynamoDB, and logs nobody out.

The old store is only read. A session is written on the condition that it is not there yet, so a
user who is active on the new store keeps what they did, and an interrupted run is simply run
again. One exception: a session that nobody but an earlier run has written, and that was used in
the old store since then, is copied once more. So most of the work can be done while the old
application still runs, and the rest between its end and the new one's start.
"""

from __future__ import annotations

import secrets
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import count
from typing import Any

from beaker_dynamodb.dynamodb.error_mapping import ConditionFailed
from beaker_dynamodb.dynamodb.rate_limiter import RateLimiter
from beaker_dynamodb.exceptions import ConfigurationError, ItemTooLarge, SpecialKeyError
from beaker_dynamodb.items.item import MARKER, SESSION, Item, item_size
from beaker_dynamodb.migrate.inert_pickle import session_values
from beaker_dynamodb.migrate.report import Report
from beaker_dynamodb.migrate.sources import Entry, Foreign, Found, Mark, Source, Unreadable
from beaker_dynamodb.migrate.sources.dynamodb import DIGEST
from beaker_dynamodb.migrate.state import State
from beaker_dynamodb.sessions.merge import ACCESSED, BOOKKEEPING, CREATED
from beaker_dynamodb.sessions.storage import SessionStorage

#: What the writer token of a copy begins with; it goes with the first change of the session.
WRITER = "migrated-"
#: Of so many sessions one is read back, unless all are.
SAMPLE = 100
#: Sessions for each thread that are read ahead.
AHEAD = 4
#: No time of Beaker's is later than this; epoch seconds, the year 5138.
LATEST = 1e11
#: Bytes of one write unit (AWS developer guide, read/write capacity).
UNIT_BYTES = 1024


class Migration:
    """Copies sessions; made for one run.

    :param source: the old store.
    :param target: the new one.
    :param threads: writes at the same time.
    :param limiter: limits the write units per second.
    :param dry_run: only read the old store, and make no call to the new one.
    :param verify: ``sample``: read one of a hundred copies back, and the first; ``all``; ``none``.
    :param state: what earlier runs did; None: nothing is known, and nothing kept.
    """

    def __init__(
        self,
        source: Source,
        target: SessionStorage,
        *,
        threads: int = 8,
        limiter: RateLimiter | None = None,
        dry_run: bool = False,
        verify: str = "sample",
        state: State | None = None,
    ) -> None:
        self._source = source
        self._target = target
        self._threads = threads
        self._limiter = limiter or RateLimiter(None)
        self._stopped = threading.Event()
        self._dry_run = dry_run
        self._verify_each = {"sample": SAMPLE, "all": 1, "none": 0}[verify]
        self._state = state or State(None, "", "")
        self._lock = threading.Lock()
        self._copies = count()
        self.report = Report()

    def run(self, progress: Callable[[int], None] = lambda _: None) -> Report:
        """Copy everything, and give the report, which `report` is from the beginning on.

        :param progress: is called with the number of sessions that were dealt with since the last
            call.
        :raises DynamoDBError: one of the two stores could not be reached. What was done is done;
            a second run goes on.
        """
        with self._copiers() as submit, closing(self._entries()) as entries:
            for entry in entries:
                if isinstance(entry, Foreign):
                    self.report.foreign += 1
                    continue
                if not isinstance(entry, Mark):
                    self.report.found += 1
                    progress(1)
                submit(entry)
        if not self._dry_run:
            self._state.end()
        return self.report

    def _entries(self) -> Generator[Entry, None, None]:
        yield from self._source.entries(self._state.marks)

    @contextmanager
    def _copiers(self) -> Iterator[Callable[[Found | Unreadable | Mark], None]]:
        """Give the function that has an entry dealt with; all have been at the end.

        Results are taken in the order of the entries, so that at a mark everything before it is
        done, and only so many are under way that memory is bounded.
        """
        pending: deque[Future[None] | Mark] = deque()

        def settle() -> None:
            first = pending.popleft()
            if isinstance(first, Future):
                first.result()
            elif not self._dry_run:
                self._state.mark(first.segment, first.last_key)

        with ThreadPoolExecutor(self._threads, "beaker-dynamodb-migrate") as pool:

            def submit(entry: Found | Unreadable | Mark) -> None:
                if isinstance(entry, Mark):
                    pending.append(entry)
                else:
                    pending.append(pool.submit(self._deal_with, entry))
                while len(pending) > AHEAD * self._threads:
                    settle()

            try:
                yield submit
                while pending:
                    settle()
            except BaseException:
                # Those that are being written are waited for, the others are left to the next run.
                self._stopped.set()
                pool.shutdown(cancel_futures=True)
                raise

    # -- one session, in a thread -------------------------------------------------------------

    def _deal_with(self, entry: Found | Unreadable) -> None:
        if isinstance(entry, Unreadable):
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
        outcome = self._copy(entry, item, accessed_ms)
        if outcome in ("copied", "already_there") and not self._dry_run:
            self._remember(entry, accessed_ms)
        self._count(outcome, opaque=outcome == "copied" and values is None)

    def _deadline_ms(self, entry: Found, accessed_ms: int | None, now_ms: int) -> int | None:
        """Give a session's expiry in the new store; None: never."""
        if entry.expires_ms is not None and (entry.expires_ms <= now_ms or accessed_ms is None):
            return entry.expires_ms
        used_ms = now_ms if accessed_ms is None else accessed_ms
        return self._target.deadline_ms(used_ms, None)

    def _item(
        self,
        entry: Found,
        values: dict[str, Any] | None,
        accessed_ms: int | None,
        now_ms: int,
        deadline_ms: int | None,
    ) -> Item:
        store = self._target
        if entry.session_id is not None:
            key = store.keys.session(entry.session_id)
        elif store.options.hash_ids:
            key = store.keys.of_digest(DIGEST + entry.digest)
        else:
            raise ConfigurationError(
                "the old table has its sessions under digests of their ids (hash_ids), which give "
                "no id back: set hash_ids for the new one too"
            )
        data, codec = store.codec.encode_session(entry.payload)
        try:
            special = store.special.attributes(values)
        except (SpecialKeyError, ConfigurationError):
            # Encrypted, or without a key that the new application wants: the user stays logged in
            # all the same, and the next save has the keys.
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
        store.codec.sign(item)
        return item

    def _copy(self, entry: Found, item: Item, accessed_ms: int | None) -> str:
        """Write a session, if it may be; give the name of the count that it belongs to."""
        items, state = self._target.items, self._state
        known = state.has(entry.digest)
        if known and state.is_as_copied(entry.digest, accessed_ms):
            return "already_there"
        if accessed_ms is None:
            condition = items.if_new()
        else:
            # One that an earlier run has copied and that is gone was logged out.
            condition = items.if_copied(WRITER, accessed_ms, or_new=not known)
        self._spend(item)
        if self._dry_run:
            return "too_large" if len(item.data) > items.options.max_value_size else "copied"
        try:
            items.put(item, condition)
        except ItemTooLarge:
            return "too_large"
        except ConditionFailed as failed:
            if failed.attributes is None or failed.attributes["type"] == {"S": MARKER}:
                return "logged_out_since"
            # The same writer: our own write, which botocore sent again since its answer was lost.
            if failed.attributes.get("writer") != {"S": item.writer}:
                return "already_there"
        self._verify(entry, item)
        return "copied"

    def _spend(self, item: Item) -> None:
        """Wait until the units of a write are to be had."""
        units = -(-item_size(self._target.items.layout.attributes(item)) // UNIT_BYTES)
        with self._lock:
            self.report.write_units += units
        if not self._dry_run:
            self._limiter.spend(units, self._stopped)

    def _verify(self, entry: Found, item: Item) -> None:
        if not self._verify_each or next(self._copies) % self._verify_each:
            return
        stored = self._target.items.get(item.key, SESSION, consistent_read=True)
        if stored is None or stored.writer != item.writer:
            self._count("changed_since")
        elif self._target.codec.decode(stored) == entry.payload:
            self._count("verified")
        else:
            self._count("differing")

    # -- what the threads share ---------------------------------------------------------------

    def _count(self, name: str, *, opaque: bool = False) -> None:
        with self._lock:
            setattr(self.report, name, getattr(self.report, name) + 1)
            self.report.opaque += opaque

    def _remember(self, entry: Found, accessed_ms: int | None) -> None:
        with self._lock:
            self._state.copied(entry.digest, accessed_ms)


def _time_ms(values: dict[str, Any] | None, name: str, otherwise: int | None) -> int | None:
    """Give a time that Beaker's Session keeps in a session, in milliseconds since the epoch."""
    time = None if values is None else values.get(name)
    if isinstance(time, (int, float)) and 0 < time < LATEST:
        return round(time * 1000)
    return otherwise

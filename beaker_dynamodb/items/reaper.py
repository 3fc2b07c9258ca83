"""Deletes expired items, for tables without DynamoDB's time to live."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import Any

from beaker_dynamodb.dynamodb.error_mapping import ConditionFailed
from beaker_dynamodb.dynamodb.expressions import Attr, read_params, write_params
from beaker_dynamodb.dynamodb.rate_limiter import RateLimiter
from beaker_dynamodb.dynamodb.scan import Page, scan
from beaker_dynamodb.exceptions import ConfigurationError
from beaker_dynamodb.items.item import CACHE, CHUNK, MARKER, MIGRATION, SESSION, TOMBSTONE, USER
from beaker_dynamodb.items.layout import seconds
from beaker_dynamodb.items.store import ItemStore

#: Estimated units of a DeleteItem whose condition fails; DynamoDB does not return the real ones.
FAILED_UNITS = 1.0


@dataclass(frozen=True, slots=True)
class Reaped:
    """The progress of a run.

    :param scanned: items read, including those that the filter removed.
    :param found: expired items of this prefix.
    :param deleted: how many of them were deleted.
    :param capacity_units: consumed units, reads and writes together.
    :param state: where to resume, as JSON types, or None at the end. It contains primary keys, and
        therefore session ids: protect it like the table.
    """

    scanned: int = 0
    found: int = 0
    deleted: int = 0
    capacity_units: float = 0.0
    state: dict[str, Any] | None = field(default=None, repr=False)


def reap(
    items: ItemStore,
    *,
    segments: int = 4,
    threads: int = 8,
    limiter: RateLimiter | None = None,
    dry_run: bool = False,
    state: Mapping[str, Any] | None = None,
) -> Iterator[Reaped]:
    """Delete the expired items of a prefix, and yield the totals after each page.

    Locks are kept: they are taken over, not deleted.

    :param segments: parts of the table that are read in parallel.
    :param threads: number of items deleted in parallel.
    :param limiter: limits the units of reads and deletes together. One page of each segment is read
        ahead.
    :param state: `Reaped.state` of an incomplete run, with its number of segments.
    :raises ConfigurationError: the state is not from a reaper.
    :raises DynamoDBError: a call failed; a run with the last state resumes there.
    """
    last_keys: dict[int, Any] = {}
    if state is not None:
        segments, last_keys = _read_state(state)
    run = _Run(items, threads, limiter, dry_run)
    totals = Reaped()
    with (
        closing(run),
        closing(scan(items, run.params(), segments=segments, start=last_keys)) as pages,
    ):
        for page in pages:
            found, deleted, units = run.page(page)
            last_keys[page.segment] = page.last_key
            done = len(last_keys) == segments and not any(last_keys.values())
            totals = Reaped(
                totals.scanned + page.scanned,
                totals.found + found,
                totals.deleted + deleted,
                totals.capacity_units + units,
                None if done else _state(segments, last_keys),
            )
            yield totals


def _state(segments: int, last_keys: Mapping[int, Any]) -> dict[str, Any]:
    return {
        "segments": segments,
        "last_keys": {str(segment): key for segment, key in last_keys.items()},
    }


def _read_state(state: Mapping[str, Any]) -> tuple[int, dict[int, Any]]:
    try:
        segments = int(state["segments"])
        last_keys = {int(segment): key for segment, key in state["last_keys"].items()}
        if set(last_keys) <= set(range(segments)):
            return segments, last_keys
    except (KeyError, ValueError, TypeError, AttributeError):
        pass
    raise ConfigurationError("this is not the state of a reaper: start again without a state")


class _Run:
    """One run: its items, threads and limiter."""

    def __init__(
        self, items: ItemStore, threads: int, limiter: RateLimiter | None, dry_run: bool
    ) -> None:
        self._items, self._options = items, items.options
        self._dry_run = dry_run
        self._limiter = limiter or RateLimiter(None)
        self._stopped = threading.Event()
        # One thread means the caller's own, because a process that is exiting cannot start threads.
        self._pool = ThreadPoolExecutor(threads, "beaker-dynamodb-reap") if threads > 1 else None

    def close(self) -> None:
        """Wait for the deletes in progress, and cancel the others."""
        self._stopped.set()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def params(self) -> dict[str, Any]:
        """Return the parameters of the Scan."""
        options, now = self._options, seconds(self._items.now_ms())
        # Chunks have a time-to-live attribute, but no deadline.
        kinds = (SESSION, MARKER, CACHE, TOMBSTONE, MIGRATION, USER)
        condition = (Attr("type").is_in(kinds) & Attr("deadline").lte(now)) | (
            Attr("type").eq(CHUNK) & Attr(options.ttl_attribute).lte(now)
        )
        prefixes = list(dict.fromkeys(self._items.keys.prefixes))
        if all(prefixes):
            key = Attr(options.hash_key)
            condition &= reduce(or_, (key.begins_with(prefix) for prefix in prefixes))
        shown = [*self._items.key_names, "type", "deadline", "grace", options.ttl_attribute]
        return read_params(filter=condition, projection=shown)

    def page(self, page: Page) -> tuple[int, int, float]:
        """Delete a page's expired items; return the numbers found and deleted, and the units."""
        self._limiter.spend(page.capacity_units, self._stopped)
        found = [attributes for attributes in page.items if self._is_expired(attributes)]
        if self._dry_run:
            return len(found), 0, page.capacity_units
        done = self._pool.map(self._delete, found) if self._pool else map(self._delete, found)
        deleted, units = 0, page.capacity_units
        for success, consumed in done:
            deleted += success
            units += consumed
        return len(found), deleted, units

    def _is_expired(self, attributes: Mapping[str, Any]) -> bool:
        """Return whether an item has this prefix and has expired; False if it is damaged."""
        keys, layout, now_ms = self._items.keys, self._items.layout, self._items.now_ms()
        try:
            kind, key = attributes["type"]["S"], layout.key(attributes)
        except (KeyError, ValueError, TypeError):
            return False
        if kind == CHUNK:
            return keys.is_chunk(key) and layout.sweepable(attributes, now_ms)
        others = {
            CACHE: keys.is_entry,
            TOMBSTONE: keys.is_entry,
            MIGRATION: keys.is_migration,
            USER: keys.is_user,
        }
        is_own = others.get(kind, keys.is_session)
        return is_own(key) and layout.expired(attributes, now_ms, with_grace=True)

    def _delete(self, attributes: Mapping[str, Any]) -> tuple[bool, float]:
        chunk = attributes["type"]["S"] == CHUNK
        name = self._options.ttl_attribute if chunk else "deadline"
        layout = self._items.layout
        # No write has changed the item's expiry since the item was read.
        unchanged = Attr(name).eq(attributes[name])
        deleted = True
        try:
            answer = self._items.call(
                "delete_item",
                Key=layout.key_attributes(layout.key(attributes)),
                ReturnConsumedCapacity="TOTAL",
                **write_params(unchanged, return_item=False),
            )
            units = answer.get("ConsumedCapacity", {}).get("CapacityUnits", 0.0)
        except ConditionFailed:
            deleted, units = False, FAILED_UNITS
        self._limiter.spend(units, self._stopped)
        return deleted, units

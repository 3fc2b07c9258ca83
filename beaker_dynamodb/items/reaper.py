"""Deletes what has expired, for tables without DynamoDB's time to live: a Scan, and DeleteItems."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.dynamodb.error_mapping import ConditionFailed
from beaker_dynamodb.dynamodb.rate_limiter import RateLimiter
from beaker_dynamodb.dynamodb.scan import Page, scan
from beaker_dynamodb.exceptions import ConfigurationError
from beaker_dynamodb.items.item import CACHE, CHUNK, MARKER, SESSION, TOMBSTONE
from beaker_dynamodb.items.layout import milliseconds, seconds

if TYPE_CHECKING:
    from beaker_dynamodb.items.item import Attributes
    from beaker_dynamodb.items.store import ItemStore

#: Units of a DeleteItem whose condition fails: DynamoDB does not tell, and the item is a small one.
FAILED_UNITS = 1.0


@dataclass(frozen=True, slots=True)
class Reaped:
    """What was done so far.

    :param scanned: items that were read, of whatever kind; what the Scan is billed for.
    :param found: sessions, cache entries, tombstones and chunks of this prefix that have expired.
    :param deleted: those of them that are deleted.
    :param capacity_units: units consumed, of reads and of writes.
    :param state: where to go on, in JSON's types; None: all is done. It has primary keys in it,
        so session ids: keep it as safe as the table.
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
    """Delete the expired items of a prefix: sessions, cache entries, tombstones and chunks.

    Gives the sums after every page, the last time with all. Locks are left alone: they have no
    expiry, but are taken over. An item goes on the condition that it is still the one that was
    found to have expired.

    :param segments: how many parts of the table are read at once.
    :param threads: how many items are deleted at once.
    :param limiter: limits the capacity units of reads and deletes together. One page of each
        segment is read ahead.
    :param dry_run: only count.
    :param state: `Reaped.state` of a run that was left; its number of segments is kept.
    :raises ConfigurationError: the state is none of ours.
    :raises DynamoDBError: a call failed; a new run with the last state goes on from there.
    """
    last_keys: dict[int, Any] = {}
    if state is not None:
        segments, last_keys = _read_state(state)
    run = _Run(items, threads, limiter, dry_run)
    sums = Reaped()
    with (
        closing(run),
        closing(scan(items, run.params(), segments=segments, start=last_keys)) as pages,
    ):
        for page in pages:
            found, deleted, units = run.page(page)
            last_keys[page.segment] = page.last_key
            done = len(last_keys) == segments and not any(last_keys.values())
            sums = Reaped(
                sums.scanned + page.scanned,
                sums.found + found,
                sums.deleted + deleted,
                sums.capacity_units + units,
                None if done else _state(segments, last_keys),
            )
            yield sums


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
    raise ConfigurationError("the state to go on from is none that a reaper has given")


class _Run:
    """What the pages of one run share."""

    def __init__(
        self, items: ItemStore, threads: int, limiter: RateLimiter | None, dry_run: bool
    ) -> None:
        self._items, self._options = items, items.options
        self._dry_run = dry_run
        self._limiter = limiter or RateLimiter(None)
        self._stopped = threading.Event()
        # One thread is the caller's own: at the end of a process no other can be begun.
        self._pool = ThreadPoolExecutor(threads, "beaker-dynamodb-reap") if threads > 1 else None

    def close(self) -> None:
        """Wait for the deletes that are under way, and begin no other."""
        self._stopped.set()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def params(self) -> dict[str, Any]:
        """Give the parameters of the Scan."""
        options = self._options
        now_ms = self._items.now_ms()
        names = {"#key": options.hash_key, "#type": "type", "#deadline": "deadline"}
        names |= {"#grace": "grace", "#swept": options.ttl_attribute}
        values: dict[str, Attributes] = {
            ":session": {"S": SESSION},
            ":marker": {"S": MARKER},
            ":cache": {"S": CACHE},
            ":tombstone": {"S": TOMBSTONE},
            ":chunk": {"S": CHUNK},
            ":now": seconds(now_ms),
        }
        # Sessions, cache entries, and what marks the end of either, past their deadline; chunks
        # that DynamoDB may sweep, since they have no deadline of their own.
        expired = (
            "(#type IN (:session, :marker, :cache, :tombstone) AND #deadline <= :now"
            " OR #type = :chunk AND #swept <= :now)"
        )
        beginnings = dict.fromkeys(self._items.keys.prefixes)
        if all(beginnings):
            # ... of this prefix.
            ours = [f"begins_with(#key, :b{n})" for n in range(len(beginnings))]
            values |= {f":b{n}": {"S": beginning} for n, beginning in enumerate(beginnings)}
            expired += f" AND ({' OR '.join(ours)})"
        projection = "#key, #type, #deadline, #grace, #swept"
        if options.sort_key is not None:
            names["#sort"] = options.sort_key
            projection += ", #sort"
        return {
            "FilterExpression": expired,
            "ProjectionExpression": projection,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
        }

    def page(self, page: Page) -> tuple[int, int, float]:
        """Delete what has expired on a page: how many that are, how many went, units consumed."""
        self._limiter.spend(page.capacity_units, self._stopped)
        found = [attributes for attributes in page.items if self._expired(attributes)]
        if self._dry_run:
            return len(found), 0, page.capacity_units
        done = self._pool.map(self._delete, found) if self._pool else map(self._delete, found)
        deleted, units = 0, page.capacity_units
        for went, consumed in done:
            deleted += went
            units += consumed
        return len(found), deleted, units

    def _expired(self, attributes: Mapping[str, Any]) -> bool:
        """Whether an item is ours, and over; one that is damaged is left to whoever reads it."""
        keys, now_ms = self._items.keys, self._items.now_ms()
        try:
            kind, key = attributes["type"]["S"], self._items.layout.key(attributes)
            if kind == CHUNK:
                over_ms = milliseconds(attributes[self._options.ttl_attribute])
                return keys.is_chunk(key) and over_ms <= now_ms
            over_ms = milliseconds(attributes["deadline"])
            if "grace" in attributes:
                over_ms += milliseconds(attributes["grace"])
            ours = (keys.is_entry if kind in (CACHE, TOMBSTONE) else keys.is_session)(key)
        except (KeyError, ValueError, TypeError, OverflowError):
            return False
        return ours and over_ms <= now_ms

    def _delete(self, attributes: Mapping[str, Any]) -> tuple[bool, float]:
        name = "deadline"
        if attributes["type"]["S"] == CHUNK:
            name = self._options.ttl_attribute
        layout, deleted = self._items.layout, True
        try:
            answer = self._items.call(
                "delete_item",
                Key=layout.key_attributes(layout.key(attributes)),
                # Holds when nobody has written the item since it was found to have expired.
                ConditionExpression="#over = :over",
                ExpressionAttributeNames={"#over": name},
                ExpressionAttributeValues={":over": attributes[name]},
                ReturnConsumedCapacity="TOTAL",
            )
            units = answer.get("ConsumedCapacity", {}).get("CapacityUnits", 0.0)
        except ConditionFailed:
            deleted, units = False, FAILED_UNITS
        self._limiter.spend(units, self._stopped)
        return deleted, units

"""Count the items of a table by prefix, kind and cache namespace."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any
from urllib.parse import unquote

from beaker_dynamodb.caches.lock_items import LOCK
from beaker_dynamodb.cli.capacity import READ_UNIT_BYTES, WRITE_UNIT_BYTES
from beaker_dynamodb.cli.times import iso
from beaker_dynamodb.config.options import Options
from beaker_dynamodb.items.item import (
    CACHE,
    CHUNK,
    MARKER,
    MIGRATION,
    SESSION,
    TOMBSTONE,
    USER,
    item_size,
)
from beaker_dynamodb.items.layout import milliseconds

#: Upper limits of the histogram's bars, in bytes; the last is DynamoDB's limit for an item.
BARS = tuple(1024 * kb for kb in (1, 2, 4, 8, 16, 32, 64, 128, 256, 400))
#: Kinds of items by their attribute `type`. Other types that begin with "beaker-" are shown as is.
KINDS = {
    SESSION: "sessions",
    MARKER: "markers of ended sessions",
    CACHE: "cache entries",
    TOMBSTONE: "tombstones of removed cache entries",
    LOCK: "creation locks of cache entries",
    CHUNK: "chunks of large values",
    MIGRATION: "records of migrated sessions",
    USER: "users' log-ins",
}


@dataclass
class Group:
    """Totals for one prefix and kind, or one cache namespace."""

    live: int = 0
    expired: int = 0
    bytes: int = 0
    largest: int = 0
    read_units: float = 0.0
    write_units: float = 0.0
    oldest: float | None = None  # creation in epoch seconds, or None if unknown
    newest: float | None = None
    sizes: Counter[int] = field(default_factory=Counter)
    namespaces: dict[str, Group] = field(default_factory=dict)

    def add(self, size: int, *, expired: bool, created: float | None, consistent: bool) -> None:
        """Count an item.

        :param size: bytes.
        :param created: epoch seconds, or None if unknown.
        :param consistent: whether requests read it consistently.
        """
        self.expired += expired
        self.live += not expired
        self.bytes += size
        self.largest = max(self.largest, size)
        self.read_units += math.ceil(size / READ_UNIT_BYTES) * (1 if consistent else 0.5)
        self.write_units += math.ceil(size / WRITE_UNIT_BYTES)
        self.sizes[next((end for end in BARS if size <= end), BARS[-1])] += 1
        if created is not None:
            self.oldest = created if self.oldest is None else min(self.oldest, created)
            self.newest = created if self.newest is None else max(self.newest, created)

    def as_json(self) -> dict[str, Any]:
        """Return the group for JSON output, with the largest cache namespaces first."""
        items = max(self.live + self.expired, 1)
        shown: dict[str, Any] = {
            "live": self.live,
            "expired": self.expired,
            "bytes": self.bytes,
            "largest": self.largest,
            "oldest": _time(self.oldest),
            "newest": _time(self.newest),
            "read_units_per_request": round(self.read_units / items, 2),
            "write_units_per_request": round(self.write_units / items, 2),
            "sizes": {str(end): self.sizes[end] for end in BARS},
        }
        if self.namespaces:
            shown["namespaces"] = [
                {"namespace": name, **group.as_json()} for name, group in self.largest_namespaces()
            ]
        return shown

    def largest_namespaces(self) -> list[tuple[str, Group]]:
        """Return the cache namespaces, the largest first."""
        return sorted(self.namespaces.items(), key=lambda found: (-found[1].bytes, found[0]))


@dataclass
class Counts:
    """Counts items by prefix and kind; other applications' items only in total.

    :param now_ms: milliseconds since the epoch.
    :param foreign: number of items of other applications.
    :param number: number of all items.
    """

    options: Options
    now_ms: int
    groups: dict[tuple[str, str], Group] = field(default_factory=dict)
    foreign: int = 0
    number: int = 0

    def add(self, items: Iterable[Mapping[str, Any]]) -> None:
        """Count the items of a page."""
        for item in items:
            self.number += 1
            kind = item.get("type", {}).get("S", "")
            if not kind.startswith("beaker-"):
                self.foreign += 1
                continue
            key = item.get(self.options.hash_key, {}).get("S", "")
            group = self.groups.setdefault((prefix(key), kind), Group())
            counted = [group]
            if kind == CACHE:
                counted.append(group.namespaces.setdefault(namespace(item, key), Group()))
            size, expired, created = item_size(dict(item)), self._expired(item), _created(item)
            for each in counted:
                each.add(
                    size,
                    expired=expired,
                    created=created,
                    consistent=bool(self.options.consistent_read),
                )

    def _expired(self, item: Mapping[str, Any]) -> bool:
        # Locks and chunks have no deadline, only DynamoDB's time to live.
        attribute = "deadline" if "deadline" in item else self.options.ttl_attribute
        try:
            return attribute in item and milliseconds(item[attribute]) <= self.now_ms
        except (KeyError, ValueError, OverflowError):
            return False


def prefix(key: str) -> str:
    """Return the prefix of a key: everything up to the last colon before the first ``|``."""
    head, colon, _ = key.partition("|")[0].rpartition(":")
    return head + colon


def namespace(item: Mapping[str, Any], key: str) -> str:
    """Return the namespace of a cache entry.

    :param key: its partition key.
    """
    if "B" in item.get("namespace", ()):  # too long for a key
        return bytes(item["namespace"]["B"]).decode("utf-8", "replace")
    encoded = key.partition("|")[0][len(prefix(key)) :]
    return "" if encoded == "%" else unquote(encoded)


def _created(item: Mapping[str, Any]) -> float | None:
    try:
        return float(item["created"]["N"])
    except (KeyError, ValueError):
        return None


def _time(seconds: float | None) -> str | None:
    try:
        return None if seconds is None else iso(datetime.fromtimestamp(seconds, timezone.utc))
    except (ValueError, OverflowError, OSError):
        return None

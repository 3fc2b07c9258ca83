"""What a table holds: how many items of whom, how large, how old, and what a request costs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from beaker_dynamodb.config.parse import Options
from beaker_dynamodb.items.item import TOMBSTONE, item_size, milliseconds
from beaker_dynamodb.testing.meter import READ_UNIT_BYTES, WRITE_UNIT_BYTES

#: Upper ends of the histogram's bars, in bytes; the last is DynamoDB's limit of an item.
BARS = tuple(1024 * kb for kb in (1, 2, 4, 8, 16, 32, 64, 128, 256, 400))
TYPES = ("beaker-session", "beaker-marker", "beaker-cache", "beaker-lock", "beaker-chunk")


@dataclass
class Group:
    """The items of one prefix and type."""

    live: int = 0
    expired: int = 0
    bytes: int = 0
    largest: int = 0
    read_units: float = 0.0
    write_units: float = 0.0
    oldest: float | None = None
    newest: float | None = None
    sizes: list[int] = field(default_factory=lambda: [0] * len(BARS))

    @property
    def items(self) -> int:
        """How many there are, expired ones as well: they are paid for until they are swept."""
        return self.live + self.expired

    def as_json(self) -> dict[str, Any]:
        """Give it for a JSON answer; times are epoch seconds, sizes bytes."""
        mean = max(self.items, 1)
        return {
            "live": self.live,
            "expired": self.expired,
            "bytes": self.bytes,
            "largest": self.largest,
            "oldest": self.oldest,
            "newest": self.newest,
            "read_units_per_request": round(self.read_units / mean, 2),
            "write_units_per_request": round(self.write_units / mean, 2),
            "sizes": dict(zip(map(str, BARS), self.sizes, strict=True)),
        }


class Stats:
    """Counts items; those that are not ours only by number, and no tombstones.

    :param options: name the attributes, and say whether reads are strongly consistent.
    :param now_ms: the time, milliseconds since the epoch.
    """

    def __init__(self, options: Options, now_ms: int) -> None:
        self._options = options
        self._now_ms = now_ms
        self.groups: dict[tuple[str, str], Group] = {}
        self.foreign = 0

    def count(self, items: Iterable[Mapping[str, Any]]) -> None:
        """Count the items of a page."""
        for item in items:
            kind = item.get("type", {}).get("S", "")
            key = item.get(self._options.hash_key, {}).get("S", "")
            if kind in TYPES:
                self._count(self.groups.setdefault((prefix(key), kind), Group()), item)
            elif kind != TOMBSTONE:
                self.foreign += 1

    def _count(self, group: Group, item: Mapping[str, Any]) -> None:
        size = item_size(dict(item))
        if self._expired(item):
            group.expired += 1
        else:
            group.live += 1
        group.bytes += size
        group.largest = max(group.largest, size)
        consistency = 1 if self._options.consistent_read else 0.5
        group.read_units += math.ceil(size / READ_UNIT_BYTES) * consistency
        group.write_units += math.ceil(size / WRITE_UNIT_BYTES)
        bar = next((n for n, end in enumerate(BARS) if size <= end), len(BARS) - 1)
        group.sizes[bar] += 1
        created = _number(item, "created")
        if created is not None:
            group.oldest = created if group.oldest is None else min(group.oldest, created)
            group.newest = created if group.newest is None else max(group.newest, created)

    def _expired(self, item: Mapping[str, Any]) -> bool:
        # A lock has no deadline, only DynamoDB's time to live.
        attribute = "deadline" if "deadline" in item else self._options.ttl_attribute
        try:
            return attribute in item and milliseconds(item[attribute]) <= self._now_ms
        except (KeyError, ValueError, OverflowError):
            return False


def prefix(key: str) -> str:
    """Give the prefix of a key of ours: up to the last colon before the first ``|``."""
    head, colon, _ = key.partition("|")[0].rpartition(":")
    return head + colon


def _number(item: Mapping[str, Any], name: str) -> float | None:
    try:
        return float(item[name]["N"])
    except (KeyError, ValueError):
        return None

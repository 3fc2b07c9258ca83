"""`beaker-dynamodb stats`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from beaker_dynamodb.cli.capacity import READ_UNIT_BYTES, WRITE_UNIT_BYTES
from beaker_dynamodb.cli.command import command, json_flag
from beaker_dynamodb.cli.console import print_json, printable, progress
from beaker_dynamodb.cli.flags import with_scan, with_settings
from beaker_dynamodb.cli.settings import Settings
from beaker_dynamodb.config.parse import Options
from beaker_dynamodb.dynamodb.rate_limiter import RateLimiter
from beaker_dynamodb.dynamodb.scan import scan
from beaker_dynamodb.items.item import TOMBSTONE, item_size
from beaker_dynamodb.items.layout import milliseconds
from beaker_dynamodb.items.store import ItemStore

#: Upper limits of the histogram's bars, in bytes; the last is DynamoDB's limit for an item.
BARS = tuple(1024 * kb for kb in (1, 2, 4, 8, 16, 32, 64, 128, 256, 400))
#: Length of the longest bar, in characters.
BAR_WIDTH = 40
TYPES = ("beaker-session", "beaker-marker", "beaker-cache", "beaker-lock", "beaker-chunk")


@command(
    "stats",
    example="stats --ini production.ini\nstats --table-name sessions --units-per-second 50 --json",
)
@with_scan
@json_flag
@with_settings
def stats(settings: Settings, segments: int, units_per_second: float | None, as_json: bool) -> None:
    """Count the table's items: live and expired, sizes, ages, cost of a request.

    Reads the whole table, and says what that cost. Expired items are those that DynamoDB has not
    deleted yet. Sizes include attribute names, as DynamoDB bills them.
    """
    items = ItemStore(settings.existing)
    found = Stats(settings.options, items.now_ms())
    units = 0.0
    with progress("items") as advance:
        pages = scan(items, {}, segments=segments, limiter=RateLimiter(units_per_second))
        with closing(pages):
            for page in pages:
                found.count(page.items)
                units += page.capacity_units
                advance(page.scanned)
    if as_json:
        groups = [
            {"prefix": prefix, "type": kind, **group.as_json()}
            for (prefix, kind), group in sorted(found.groups.items())
        ]
        print_json({"groups": groups, "foreign": found.foreign, "capacity_units": units})
    else:
        _show(found, units)


# -- counting -------------------------------------------------------------------------------------


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

    def as_json(self) -> dict[str, Any]:
        """Return times in epoch seconds, sizes in bytes."""
        items = max(self.live + self.expired, 1)
        return {
            "live": self.live,
            "expired": self.expired,
            "bytes": self.bytes,
            "largest": self.largest,
            "oldest": self.oldest,
            "newest": self.newest,
            "read_units_per_request": round(self.read_units / items, 2),
            "write_units_per_request": round(self.write_units / items, 2),
            "sizes": dict(zip(map(str, BARS), self.sizes, strict=True)),
        }


class Stats:
    """Counts items by prefix and type; other applications' items are only counted as a number.

    :param now_ms: milliseconds since the epoch.
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
    """Return the prefix of a key: everything up to the last colon before the first ``|``."""
    head, colon, _ = key.partition("|")[0].rpartition(":")
    return head + colon


def _number(item: Mapping[str, Any], name: str) -> float | None:
    try:
        return float(item[name]["N"])
    except (KeyError, ValueError):
        return None


# -- output ---------------------------------------------------------------------------------------


def _show(found: Stats, units: float) -> None:
    # No markup: a prefix such as "[prod]:" looks like a style.
    console = Console(highlight=False, markup=False)
    for (prefix, kind), group in sorted(found.groups.items()):
        title = Text(f"{printable(prefix) or '(no prefix)'} {kind}")
        table = Table(title=title, title_justify="left", box=None, show_header=False)
        table.add_column("", style="dim")
        table.add_column("")
        for name, value in _rows(group):
            table.add_row(name, value)
        console.print(table)
        console.print(_histogram(group.sizes))
        console.print()
    if not found.groups:
        console.print("This table has no items of Beaker.")
    if found.foreign:
        console.print(f"{found.foreign:,} of the items are not of this package.")
    console.print(f"The scan used {units:g} read units.")


def _rows(group: Group) -> list[tuple[str, str]]:
    shown = group.as_json()
    mean = group.bytes // max(group.live + group.expired, 1)
    return [
        ("live", f"{group.live:,}"),
        ("expired", f"{group.expired:,}, not deleted yet"),
        ("size", f"{_size(group.bytes)}, on average {_size(mean)}"),
        ("largest", _size(group.largest)),
        ("oldest", _time(group.oldest)),
        ("newest", _time(group.newest)),
        ("a read", f"{shown['read_units_per_request']:g} units, on average"),
        ("a write", f"{shown['write_units_per_request']:g} units, on average"),
    ]


def _histogram(sizes: list[int]) -> Table:
    table = Table(box=None, show_header=False)
    table.add_column(justify="right", style="dim")
    table.add_column()
    table.add_column(justify="right")
    last = max((n for n, number in enumerate(sizes) if number), default=0)
    for end, number in list(zip(BARS, sizes, strict=True))[: last + 1]:
        # At least one character where there is an item.
        width = max(round(BAR_WIDTH * number / max(sizes)), 1) if number else 0
        table.add_row(f"to {end // 1024} KB", "█" * width, f"{number:,}")
    return table


def _size(size: int) -> str:
    for unit, bytes in (("GB", 1024**3), ("MB", 1024**2), ("KB", 1024)):
        if size >= bytes:
            return f"{size / bytes:.1f} {unit}"
    return f"{size} bytes"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "unknown"
    try:
        return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return "unknown"

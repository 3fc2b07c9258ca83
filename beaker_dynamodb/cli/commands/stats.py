"""`beaker-dynamodb stats`."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime, timezone

from rich.console import Console
from rich.table import Table
from rich.text import Text

from beaker_dynamodb.cli.console import print_json, printable, progress
from beaker_dynamodb.cli.frame import command, json_flag
from beaker_dynamodb.cli.scan_flags import with_scan
from beaker_dynamodb.cli.settings import Settings
from beaker_dynamodb.cli.settings_flags import with_settings
from beaker_dynamodb.cli.statistics import BARS, Group, Stats
from beaker_dynamodb.dynamodb.rate_limiter import RateLimiter
from beaker_dynamodb.dynamodb.scan import scan
from beaker_dynamodb.items.store import ItemStore

#: Characters of the longest bar.
BAR_WIDTH = 40


@command(
    "stats",
    example="stats --ini production.ini\nstats --table-name sessions --units-per-second 50 --json",
)
@with_scan
@json_flag
@with_settings
def stats(settings: Settings, segments: int, units_per_second: float | None, as_json: bool) -> None:
    """Count what the table holds: live and expired items, sizes, ages, cost of a request.

    Reads the whole table, and says what that cost. Expired items are those that DynamoDB has not
    deleted yet; sizes are DynamoDB's, attribute names counted.
    """
    items = ItemStore(settings.existing)
    counted = Stats(settings.options, items.now_ms())
    used = 0.0
    with progress("items") as advance:
        pages = scan(items, {}, segments=segments, limiter=RateLimiter(units_per_second))
        with closing(pages):
            for page in pages:
                counted.count(page.items)
                used += page.capacity_units
                advance(page.scanned)
    if as_json:
        print_json(
            {
                "groups": [
                    {"prefix": prefix, "type": kind, **group.as_json()}
                    for (prefix, kind), group in sorted(counted.groups.items())
                ],
                "foreign": counted.foreign,
                "capacity_units": used,
            }
        )
    else:
        _show(counted, used)


def _show(counted: Stats, used: float) -> None:
    # No markup: a prefix may look like a style, "[prod]:".
    console = Console(highlight=False, markup=False)
    for (prefix, kind), group in sorted(counted.groups.items()):
        table = Table(
            title=Text(f"{printable(prefix) or '(no prefix)'} {kind}"),
            title_justify="left",
            box=None,
            show_header=False,
        )
        table.add_column("", style="dim")
        table.add_column("")
        for name, text in _rows(group):
            table.add_row(name, text)
        console.print(table)
        console.print(histogram(group))
        console.print()
    if not counted.groups:
        console.print("No items of Beaker's in this table.")
    if counted.foreign:
        console.print(f"{counted.foreign:,} of the items are not of this package.")
    console.print(f"The scan used {used:g} read units.")


def _rows(group: Group) -> list[tuple[str, str]]:
    told = group.as_json()
    reads, writes = told["read_units_per_request"], told["write_units_per_request"]
    return [
        ("live", f"{group.live:,}"),
        ("expired", f"{group.expired:,}, not deleted yet"),
        ("size", f"{_size(group.bytes)}, on average {_size(group.bytes // max(group.items, 1))}"),
        ("largest", _size(group.largest)),
        ("oldest", _moment(group.oldest)),
        ("newest", _moment(group.newest)),
        ("a read", f"{reads:g} units, on average"),
        ("a write", f"{writes:g} units, on average"),
    ]


def histogram(group: Group) -> Table:
    """Draw how many items have which size."""
    table = Table(box=None, show_header=False)
    table.add_column(justify="right", style="dim")
    table.add_column()
    table.add_column(justify="right")
    last = max((n for n, number in enumerate(group.sizes) if number), default=0)
    most = max(group.sizes)
    for end, number in list(zip(BARS, group.sizes, strict=True))[: last + 1]:
        # Not nothing where there is something.
        width = max(round(BAR_WIDTH * number / most), 1) if number else 0
        table.add_row(f"to {end // 1024} KB", "█" * width, f"{number:,}")
    return table


def _size(size: int) -> str:
    for unit, bytes in (("GB", 1024**3), ("MB", 1024**2), ("KB", 1024)):
        if size >= bytes:
            return f"{size / bytes:.1f} {unit}"
    return f"{size} bytes"


def _moment(seconds: float | None) -> str:
    if seconds is None:
        return "unknown"
    try:
        return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return "unknown"

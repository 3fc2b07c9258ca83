"""`beaker-dynamodb stats`."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from beaker_dynamodb.cli.command import command, json_flag
from beaker_dynamodb.cli.console import counted, print_json, printable
from beaker_dynamodb.cli.counts import BARS, KINDS, Counts, Group
from beaker_dynamodb.cli.flags import with_scan, with_settings
from beaker_dynamodb.cli.scans import ESTIMATED, consistent_flag, metered, size, table_size
from beaker_dynamodb.cli.settings import Settings
from beaker_dynamodb.dynamodb.rate_limiter import RateLimiter
from beaker_dynamodb.dynamodb.scan import scan
from beaker_dynamodb.items.store import ItemStore

#: Length of the longest bar, in characters.
BAR_WIDTH = 40
#: Maximum number of cache namespaces in human-readable output. JSON has all of them.
SHOWN_NAMESPACES = 20


@command(
    "stats",
    example="stats --ini production.ini\n"
    "stats --ini production.ini --estimate\n"
    "stats --table-name sessions --units-per-second 50 --json",
)
@click.option("--estimate", is_flag=True, help="Show only DynamoDB's own count; read no items.")
@with_scan
@consistent_flag
@json_flag
@with_settings
def stats(
    settings: Settings,
    estimate: bool,
    segments: int,
    units_per_second: float | None,
    consistent: bool,
    as_json: bool,
) -> None:
    """Count the table's items by kind and cache namespace: sizes, ages, cost of a request.

    Scans the whole table. Expired items are those that DynamoDB has not deleted yet. Sizes include
    attribute names, as DynamoDB bills them.
    """
    if estimate:
        _estimate(settings, as_json)
        return
    items = ItemStore(settings.existing())
    found = Counts(settings.options, items.now_ms())
    pages = scan(
        items,
        {"ConsistentRead": consistent},
        segments=segments,
        limiter=RateLimiter(units_per_second),
    )
    with metered(settings.existing(), scan=True, consistent=consistent) as used, closing(pages):
        try:
            for page in pages:
                found.add(page.items)
        finally:  # also after Ctrl-C
            number = counted(found.number, "item")
            click.echo(f"{number} counted; {used} used.", err=True)
    if as_json:
        groups = [
            {"prefix": prefix, "type": kind, **group.as_json()}
            for (prefix, kind), group in sorted(found.groups.items())
        ]
        units = used.as_json()
        print_json({"groups": groups, "foreign": found.foreign, "capacity_units": units})
    else:
        _show(found)


def _estimate(settings: Settings, as_json: bool) -> None:
    found = table_size(settings.existing())
    if as_json:
        units = found.read_units()
        print_json({"items": found.items, "bytes": found.bytes, "scan_read_units": units})
    else:
        click.echo(f"Table {settings.options.table_name!r}: {found.described()}; {ESTIMATED}.")


# -- human-readable output ------------------------------------------------------------------------


def _show(found: Counts) -> None:
    # No markup: a prefix such as "[prod]:" looks like a style.
    console = Console(highlight=False, markup=False)
    for (prefix, kind), group in sorted(found.groups.items()):
        title = Text(f"{printable(prefix) or '(no prefix)'} {KINDS.get(kind, printable(kind))}")
        table = Table(title=title, title_justify="left", box=None, show_header=False)
        table.add_column("", style="dim")
        table.add_column("")
        for name, value in _rows(group):
            table.add_row(name, value)
        console.print(table)
        console.print(_histogram(group))
        if group.namespaces:
            console.print(_namespaces(group))
        console.print()
    if not found.groups:
        console.print("This table has no Beaker items.")
    if found.foreign:
        items = counted(found.foreign, "item belongs", "items belong")
        console.print(f"{items} to another program.")


def _rows(group: Group) -> list[tuple[str, str]]:
    shown: dict[str, Any] = group.as_json()
    mean = group.bytes // max(group.live + group.expired, 1)
    return [
        ("live", f"{group.live:,}"),
        ("expired", f"{group.expired:,}, not deleted yet"),
        ("size", f"{size(group.bytes)}, on average {size(mean)}"),
        ("largest", size(group.largest)),
        ("oldest", shown["oldest"] or "unknown"),
        ("newest", shown["newest"] or "unknown"),
        ("a read", _units(shown["read_units_per_request"])),
        ("a write", _units(shown["write_units_per_request"])),
    ]


def _units(number: float) -> str:
    return f"{number:g} {'unit' if number == 1 else 'units'}, on average"


def _histogram(group: Group) -> Table:
    table = Table(box=None, show_header=False)
    table.add_column(justify="right", style="dim")
    table.add_column()
    table.add_column(justify="right")
    last, most = max(group.sizes), max(group.sizes.values())
    for end in BARS[: BARS.index(last) + 1]:
        number = group.sizes[end]
        # At least one character where there is an item.
        width = max(round(BAR_WIDTH * number / most), 1) if number else 0
        table.add_row(f"to {end // 1024} KB", "█" * width, f"{number:,}")
    return table


def _namespaces(group: Group) -> Table:
    found = group.largest_namespaces()
    table = Table("namespace", box=None, header_style="dim")
    for name in ("live", "expired", "size"):
        table.add_column(name, justify="right")
    for name, one in found[:SHOWN_NAMESPACES]:
        text = Text(printable(name) or "(empty)")
        table.add_row(text, f"{one.live:,}", f"{one.expired:,}", size(one.bytes))
    if len(found) > SHOWN_NAMESPACES:
        more = counted(len(found) - SHOWN_NAMESPACES, "namespace")
        table.add_row(f"and {more} more; see --json")
    return table

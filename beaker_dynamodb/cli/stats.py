"""`beaker-dynamodb stats`."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import click
from rich.bar import Bar
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from beaker_dynamodb.cli.command import command, json_flag
from beaker_dynamodb.cli.console import counted, print_json, printable
from beaker_dynamodb.cli.counts import BARS, KINDS, Counts, Group
from beaker_dynamodb.cli.scans import metered, rate_flag
from beaker_dynamodb.cli.settings import Settings, with_settings
from beaker_dynamodb.dynamodb.rate_limiter import RateLimiter
from beaker_dynamodb.dynamodb.scan import scan
from beaker_dynamodb.items.store import ItemStore

#: Length of the longest bar, in characters.
BAR_WIDTH = 40
#: Maximum number of cache namespaces in the readable output. JSON has all of them.
SHOWN_NAMESPACES = 20


@command(
    "stats",
    example="stats --ini production.ini\nstats --table-name sessions --units-per-second 50 --json",
)
@rate_flag
@json_flag
@with_settings
def stats(settings: Settings, units_per_second: float | None, as_json: bool) -> None:
    """Count the table's items by kind and cache namespace: sizes, ages, cost of a request.

    Scans the whole table. Expired items are those that DynamoDB has not deleted yet. Sizes include
    attribute names, as DynamoDB bills them.
    """
    items = ItemStore(settings.existing(consistent_read=False))
    found = Counts(settings.options, items.now_ms())
    limiter = RateLimiter(units_per_second)
    pages = scan(items, {}, limiter=limiter)
    with metered(items.options, scan=True) as used, closing(pages):
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
        ("size", f"{decimal(group.bytes)}, on average {decimal(mean)}"),
        ("largest", decimal(group.largest)),
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
        bar = Bar(most, begin=0, end=number, width=BAR_WIDTH)
        table.add_row(f"to {end // 1024} KB", bar, f"{number:,}")
    return table


def _namespaces(group: Group) -> Table:
    found = group.largest_namespaces()
    table = Table("namespace", box=None, header_style="dim")
    for name in ("live", "expired", "size"):
        table.add_column(name, justify="right")
    for name, one in found[:SHOWN_NAMESPACES]:
        text = Text(printable(name) or "(empty)")
        table.add_row(text, f"{one.live:,}", f"{one.expired:,}", decimal(one.bytes))
    if len(found) > SHOWN_NAMESPACES:
        more = counted(len(found) - SHOWN_NAMESPACES, "namespace")
        table.add_row(f"and {more} more; see --json")
    return table

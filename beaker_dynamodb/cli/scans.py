"""Announce a Scan and its cost, and show its progress and the capacity it consumes."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import click

from beaker_dynamodb.cli.capacity import READ_UNIT_BYTES, Capacity
from beaker_dynamodb.cli.console import counted, progress
from beaker_dynamodb.config.options import Options
from beaker_dynamodb.dynamodb import table_state
from beaker_dynamodb.dynamodb.client import ClientSource
from beaker_dynamodb.exceptions import AccessDenied, ConfigurationError

consistent_flag = click.option(
    "--consistent", is_flag=True, help="Read consistently, at twice the price."
)

#: Source of a `TableSize`, for messages.
ESTIMATED = "DescribeTable's figures, up to six hours old"


@dataclass(frozen=True)
class TableSize:
    """A table's size as DescribeTable returns it; DynamoDB updates it every six hours."""

    items: int
    bytes: int

    def read_units(self, consistent: bool = False) -> int:
        """Estimate the read units that a Scan of the table consumes."""
        return math.ceil(self.bytes / READ_UNIT_BYTES / (1 if consistent else 2))

    def described(self, consistent: bool = False) -> str:
        """Describe the size and the read units of a Scan."""
        units = counted(self.read_units(consistent), "read unit")
        items = counted(self.items, "item")
        return f"about {items}, {size(self.bytes)}, {units} to scan"


def table_size(options: Options) -> TableSize:
    """Return a table's size.

    :raises ConfigurationError: the table does not exist.
    """
    described = table_state.describe(ClientSource(options)(), options.table_name)
    if described is None:
        raise ConfigurationError(
            f"table {options.table_name!r} does not exist",
            table=options.table_name,
            aws_code="ResourceNotFoundException",
        )
    return TableSize(described.get("ItemCount", 0), described.get("TableSizeBytes", 0))


@contextmanager
def metered(
    options: Options,
    *,
    scan: bool = False,
    consistent: bool = False,
    until: str = "",
    long: bool = False,
    rows: bool = False,
) -> Iterator[Capacity]:
    """Measure the capacity that calls consume inside the block.

    :param scan: say on stderr that the whole table is read, and how large it is; show progress.
    :param until: when the Scan stops early.
    :param long: show progress of a Query too.
    :param rows: rows appear on stdout meanwhile; on a terminal they replace the progress.
    """
    total = _announce(options, consistent, until) if scan else None
    hidden = not (scan or long) or (rows and sys.stdout.isatty())
    shown = nullcontext(lambda _: None) if hidden else progress("items read", total)
    with (
        shown as advance,
        Capacity(
            ClientSource(options)(),
            on_call=lambda call: advance(call.response.get("ScannedCount", 0)),
        ) as used,
    ):
        yield used


def _announce(options: Options, consistent: bool, until: str) -> int | None:
    """Announce the Scan; return the number of items, or None if it is unknown."""
    try:
        found = table_size(options)
    except AccessDenied:
        known, total = "size unknown: dynamodb:DescribeTable is not allowed", None
    else:
        known, total = f"{found.described(consistent)}; {ESTIMATED}", found.items
    stops = f" until {until}" if until else ""
    click.echo(f"Scanning table {options.table_name!r}{stops} ({known}).", err=True)
    return total


def size(bytes: int) -> str:
    """Return a human-readable size: "1.5 MB", "1 byte"."""
    for unit, length in (("GB", 1024**3), ("MB", 1024**2), ("KB", 1024)):
        if bytes >= length:
            return f"{bytes / length:.1f} {unit}"
    return counted(bytes, "byte")

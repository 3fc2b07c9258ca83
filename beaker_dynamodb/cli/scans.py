"""Announce the cost of a Scan before it starts, and show its progress and its cost."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import click
from rich.filesize import decimal

from beaker_dynamodb.cli.capacity import READ_UNIT_BYTES, Capacity
from beaker_dynamodb.cli.console import counted, progress
from beaker_dynamodb.config.options import Options
from beaker_dynamodb.dynamodb import table_state
from beaker_dynamodb.dynamodb.client import ClientSource
from beaker_dynamodb.exceptions import AccessDenied, ConfigurationError

rate_flag = click.option(
    "--units-per-second",
    type=click.FloatRange(min=0, min_open=True),
    metavar="UNITS",
    help="Limit of the consumed capacity, on average, of reads and deletes together; default: no "
    "limit.",
)


@contextmanager
def metered(
    options: Options,
    *,
    scan: bool = False,
    until: str = "",
    long: bool = False,
    rows: bool = False,
) -> Iterator[Capacity]:
    """Measure the capacity that the calls of a command consume.

    :param scan: say on stderr that the whole table is read, and how large it is; show progress.
    :param until: when the Scan stops early.
    :param long: show progress of a Query too.
    :param rows: rows appear on stdout meanwhile; on a terminal they show the progress.
    """
    total = _announce(options, until) if scan else None
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


def _announce(options: Options, until: str) -> int | None:
    """Say what is read; return the number of items, or None if it is unknown.

    :raises ConfigurationError: the table does not exist.
    """
    name, items = options.table_name, None
    try:
        described = table_state.describe(ClientSource(options)(), name)
    except AccessDenied:
        size = "size unknown: dynamodb:DescribeTable is not allowed"
    else:
        if described is None:
            code = "ResourceNotFoundException"
            raise ConfigurationError(f"table {name!r} does not exist", table=name, aws_code=code)
        # DynamoDB updates both every six hours.
        items, length = described.get("ItemCount", 0), described.get("TableSizeBytes", 0)
        units = math.ceil(length / READ_UNIT_BYTES / (1 if options.consistent_read else 2))
        size = (
            f"about {counted(items, 'item')}, {decimal(length)}, {counted(units, 'read unit')} to "
            "scan; ItemCount, up to six hours old"
        )
    click.echo(f"Scanning table {name!r}{f' until {until}' if until else ''} ({size}).", err=True)
    return items

"""`beaker-dynamodb reap`."""

from __future__ import annotations

from contextlib import closing

import click

from beaker_dynamodb.cli.capacity import Capacity
from beaker_dynamodb.cli.command import command, json_flag
from beaker_dynamodb.cli.console import counted, print_json
from beaker_dynamodb.cli.scans import metered, rate_flag
from beaker_dynamodb.cli.settings import Settings, with_settings
from beaker_dynamodb.dynamodb.rate_limiter import RateLimiter
from beaker_dynamodb.items import reaper
from beaker_dynamodb.items.store import ItemStore


@command(
    "reap",
    changes=True,
    example="reap --ini production.ini --dry-run\nreap --ini production.ini --units-per-second 50",
)
@click.option("--dry-run", is_flag=True, help="Only count expired items.")
@rate_flag
@json_flag
@with_settings
def reap(settings: Settings, dry_run: bool, units_per_second: float | None, as_json: bool) -> None:
    """Delete expired sessions and cache entries, on tables without time to live.

    Deletes only items with the prefix, and none that is written meanwhile. Reads the whole table;
    DynamoDB's own time to live does the same at no cost.
    """
    items = ItemStore(settings.existing(consistent_read=False))
    sums = reaper.Reaped()
    with (
        metered(items.options, scan=True) as used,
        closing(reaper.reap(items, limiter=RateLimiter(units_per_second), dry_run=dry_run)) as runs,
    ):
        try:
            for progress in runs:
                sums = progress
        except BaseException:  # also Ctrl-C
            click.echo(_summary(sums, used, dry_run), err=True)
            raise
    if as_json:
        print_json(
            {
                "scanned": sums.scanned,
                "expired": sums.found,
                "deleted": sums.deleted,
                "capacity_units": used.as_json(),
            }
        )
    else:
        click.echo(_summary(sums, used, dry_run))


def _summary(sums: reaper.Reaped, used: Capacity, dry_run: bool) -> str:
    done, number = ("would be deleted", sums.found) if dry_run else ("deleted", sums.deleted)
    return f"{counted(number, 'expired item')} {done}, of {sums.scanned:,} read; {used} used."

"""`beaker-dynamodb reap`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import click

from beaker_dynamodb.cli.command import command, json_flag
from beaker_dynamodb.cli.console import counted, print_json, progress
from beaker_dynamodb.cli.flags import with_scan, with_settings
from beaker_dynamodb.cli.scans import item_count
from beaker_dynamodb.cli.settings import Settings
from beaker_dynamodb.dynamodb.rate_limiter import RateLimiter
from beaker_dynamodb.items import reaper
from beaker_dynamodb.items.store import ItemStore
from beaker_dynamodb.migrate.from_dynamodb import location
from beaker_dynamodb.migrate.state import State

#: Marks a segment that is not begun, so that the state file has the number of segments.
START: dict[str, Any] = {}


@command(
    "reap",
    changes=True,
    example="reap --ini production.ini --dry-run\n"
    "reap --ini production.ini --units-per-second 50 --state reap.json",
)
@click.option("--dry-run", is_flag=True, help="Only count expired items.")
@click.option(
    "--state",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Save the progress in this file, and continue from it; deleted when all is done. It "
    "contains ids: keep it safe.",
)
@with_scan
@json_flag
@with_settings
def reap(
    settings: Settings,
    dry_run: bool,
    state: Path | None,
    segments: int,
    units_per_second: float | None,
    as_json: bool,
) -> None:
    """Delete expired sessions and cache entries, on tables without time to live.

    Deletes only items with the prefix, and none that is written meanwhile. Reads the whole table;
    DynamoDB's own time to live does the same at no cost.
    """
    if dry_run and state is not None:
        raise click.UsageError("--state does not go with --dry-run")
    items = ItemStore(settings.existing)
    sums = reaper.Reaped()
    with (
        State(state, "reap", location(items)) as saved,
        progress(
            "items read", item_count(items.options), more=lambda: f", {sums.deleted:,} deleted"
        ) as advance,
    ):
        if not saved.marks:
            for segment in range(segments):
                saved.mark(segment, START)
        runs = reaper.reap(
            items,
            limiter=RateLimiter(units_per_second),
            dry_run=dry_run,
            state={
                "segments": len(saved.marks),
                "last_keys": {n: key for n, key in saved.marks.items() if key != START},
            },
        )
        with closing(runs):  # type: ignore[type-var]  # an Iterator, which is a generator
            for now in runs:
                advance(now.scanned - sums.scanned)
                sums = now
                for name, key in sums.state["last_keys"].items() if sums.state else ():
                    saved.mark(int(name), key)
    if state is not None:
        state.unlink()
    if as_json:
        print_json(
            {
                "scanned": sums.scanned,
                "expired": sums.found,
                "deleted": sums.deleted,
                "capacity_units": sums.capacity_units,
            }
        )
        return
    done = "would be deleted" if dry_run else "deleted"
    number = sums.found if dry_run else sums.deleted
    click.echo(
        f"{counted(number, 'expired item')} {done}, of {sums.scanned:,} read; "
        f"{sums.capacity_units:g} units used."
    )

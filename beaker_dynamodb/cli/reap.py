"""`beaker-dynamodb reap`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click

from beaker_dynamodb.cli.command import command, json_flag
from beaker_dynamodb.cli.console import counted, print_json, progress
from beaker_dynamodb.cli.flags import with_scan, with_settings
from beaker_dynamodb.cli.scans import table_size
from beaker_dynamodb.cli.settings import Settings
from beaker_dynamodb.dynamodb.rate_limiter import RateLimiter
from beaker_dynamodb.exceptions import AccessDenied, ConfigurationError
from beaker_dynamodb.items import reaper
from beaker_dynamodb.items.store import ItemStore
from beaker_dynamodb.migrate.from_dynamodb import location


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
    help="Save the progress in this file, and continue from it; the file is deleted at the "
    "end. It contains session ids: keep it safe.",
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

    Deletes only items with the prefix, and none that was written again after it was read.
    Reads the whole table; DynamoDB's own time to live does the same at no cost.
    """
    if dry_run and state is not None:
        raise click.UsageError("--state does not work with --dry-run")
    items = ItemStore(settings.existing())
    sums = reaper.Reaped()
    file = None if state is None else _StateFile(state, location(items))
    start: Mapping[str, Any] = {"segments": segments, "last_keys": {}}
    if file is not None:
        start = file.read() or start
        file.write(start)
    steps = reaper.reap(items, limiter=RateLimiter(units_per_second), dry_run=dry_run, state=start)
    try:
        total = table_size(items.options).items
    except AccessDenied:
        total = None
    with (
        progress("items read", total, more=lambda: f", {sums.deleted:,} deleted") as advance,
        closing(steps),  # type: ignore[type-var]  # it is a generator
    ):
        for latest in steps:
            advance(latest.scanned - sums.scanned)
            sums = latest
            if file is not None and sums.state is not None:
                file.write(sums.state)
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


@dataclass
class _StateFile:
    """A JSON file that says where to resume. Private to its owner: keys contain session ids.

    :param location: identifies the table and prefix; a file with another location is refused.
    """

    path: Path
    location: str

    def read(self) -> dict[str, Any] | None:
        """Return where an earlier run stopped, or None if the file does not exist."""
        saved = None
        try:
            saved = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigurationError(f"state file {self.path}: {error}") from None
        except ValueError:
            pass  # not JSON
        if not isinstance(saved, dict) or saved.get("location") != self.location:
            raise ConfigurationError(
                f"state file {self.path}: belongs to another command, table or prefix"
            )
        return dict(saved["state"])

    def write(self, state: Mapping[str, Any]) -> None:
        """Replace the file atomically, so that a killed process leaves a complete one."""
        new = self.path.with_name(f"{self.path.name}.new")
        try:
            with open(new, "w", encoding="utf-8", opener=partial(os.open, mode=0o600)) as file:
                json.dump({"location": self.location, "state": state}, file)
            new.replace(self.path)
        except OSError as error:
            raise ConfigurationError(f"state file {self.path}: {error}") from None

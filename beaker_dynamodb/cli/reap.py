"""`beaker-dynamodb reap`."""

from __future__ import annotations

import json
import os
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from beaker_dynamodb.cli.command import command, json_flag
from beaker_dynamodb.cli.console import counted, print_json, progress
from beaker_dynamodb.cli.flags import with_scan, with_settings
from beaker_dynamodb.cli.settings import Settings
from beaker_dynamodb.dynamodb.rate_limiter import RateLimiter
from beaker_dynamodb.exceptions import ConfigurationError
from beaker_dynamodb.items import reaper
from beaker_dynamodb.items.store import ItemStore
from beaker_dynamodb.migrate.location import fingerprint, location


@command(
    "reap",
    example="reap --ini production.ini --dry-run\n"
    "reap --ini production.ini --units-per-second 50 --state reap.json",
)
@click.option("--dry-run", is_flag=True, help="Only count expired items.")
@click.option(
    "--state",
    type=click.Path(dir_okay=False),
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
    state: str | None,
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
    file = None if state is None else StateFile(Path(state), location(items), segments)
    sums = reaper.Reaped()
    runs = reaper.reap(
        items,
        segments=segments,
        limiter=RateLimiter(units_per_second),
        dry_run=dry_run,
        state=None if file is None else file.state,
    )
    with progress("items read") as advance, closing(runs):  # type: ignore[type-var]
        for now in runs:
            advance(now.scanned - sums.scanned)
            sums = now
            if file is not None:
                file.write(sums.state)
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
        f"{counted(number, 'expired item', 'expired items')} {done}, of {sums.scanned:,} read; "
        f"{sums.capacity_units:g} units used."
    )


class StateFile:
    """The position of an interrupted run.

    :param where: the table and prefix.
    :param segments: number of segments of a new run.
    :raises ConfigurationError: the file cannot be read or written, or has another ``where``.
    """

    def __init__(self, path: Path, where: str, segments: int) -> None:
        self._path = path
        self._of = fingerprint(where)
        try:
            self.state = self._read() or {"segments": segments, "last_keys": {}}
            # Fail now if the file cannot be written, not after deleting items.
            self.write(self.state)
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"state file {path}: {error}") from None

    def _read(self) -> dict[str, Any] | None:
        try:
            state: Any = json.loads(self._path.read_text())
        except FileNotFoundError:
            return None
        if not isinstance(state, dict) or state.get("of") != self._of:
            raise ValueError("was not written by reap for this table and prefix")
        found: dict[str, Any] = state
        return found

    def write(self, state: dict[str, Any] | None) -> None:
        """Save a state; None deletes the file, because all is done."""
        if state is None:
            self._path.unlink(missing_ok=True)
            return
        # Written atomically. Readable by the owner only: an id gives access to its session.
        new = self._path.with_name(f"{self._path.name}.new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
            json.dump({"of": self._of, **state}, stream)
        new.replace(self._path)

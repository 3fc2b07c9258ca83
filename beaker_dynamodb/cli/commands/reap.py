"""`beaker-dynamodb reap`."""

from __future__ import annotations

import json
import os
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from beaker_dynamodb.cli.console import counted, print_json, progress
from beaker_dynamodb.cli.frame import command, json_flag
from beaker_dynamodb.cli.scan_flags import with_scan
from beaker_dynamodb.cli.settings import Settings
from beaker_dynamodb.cli.settings_flags import with_settings
from beaker_dynamodb.dynamodb.rate_limiter import RateLimiter
from beaker_dynamodb.exceptions import ConfigurationError
from beaker_dynamodb.items.reaper import Reaped
from beaker_dynamodb.items.reaper import reap as reaped
from beaker_dynamodb.items.store import ItemStore
from beaker_dynamodb.migrate.location import fingerprint, location


@command(
    "reap",
    example="reap --ini production.ini --dry-run\n"
    "reap --ini production.ini --units-per-second 50 --state reap.json",
)
@click.option("--dry-run", is_flag=True, help="Only count what has expired.")
@click.option(
    "--state",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Remember here how far it has come, and go on from there; gone when all is done. It has "
    "ids in it: nobody else may read it.",
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
    """Delete the sessions and cache entries that have expired, for tables without time to live.

    Those of the prefix only; what is written meanwhile stays. It reads the whole table:
    DynamoDB's own time to live does the same for nothing.
    """
    if dry_run and state is not None:
        raise click.UsageError("--state remembers what was deleted: it does not go with --dry-run")
    items = ItemStore(settings.existing)
    file = None if state is None else StateFile(Path(state), location(items), segments)
    sums = Reaped()
    runs = reaped(
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
    told = "would be deleted" if dry_run else "deleted"
    number = sums.found if dry_run else sums.deleted
    click.echo(
        f"{counted(number, 'expired item', 'expired items')} {told}, of {sums.scanned:,} read; "
        f"{sums.capacity_units:g} units used."
    )


class StateFile:
    """Where a reaper is to go on.

    :param where: the table and prefix that it is about.
    :param segments: of a run that begins.
    :raises ConfigurationError: it cannot be read or written, or is about another place.
    """

    def __init__(self, path: Path, where: str, segments: int) -> None:
        self._path = path
        self._of = fingerprint(where)
        try:
            self.state = self._read() or {"segments": segments, "last_keys": {}}
            # Rather now than when the first items are deleted.
            self.write(self.state)
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"state file {path}: {error}") from None

    def _read(self) -> dict[str, Any] | None:
        try:
            state: Any = json.loads(self._path.read_text())
        except FileNotFoundError:
            return None
        if not isinstance(state, dict) or state.get("of") != self._of:
            raise ValueError("is not of a reaper of this table and prefix")
        found: dict[str, Any] = state
        return found

    def write(self, state: dict[str, Any] | None) -> None:
        """Keep a state; None: all is done, and the file goes."""
        if state is None:
            self._path.unlink(missing_ok=True)
            return
        # Whole or not at all, and for its owner only: whoever has an id has the session.
        new = self._path.with_name(f"{self._path.name}.new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
            json.dump({"of": self._of, **state}, stream)
        new.replace(self._path)

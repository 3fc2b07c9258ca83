"""What `beaker-dynamodb migrate` prints."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import click

from beaker_dynamodb.cli.capacity import Capacity
from beaker_dynamodb.cli.console import counted
from beaker_dynamodb.cli.times import iso
from beaker_dynamodb.migrate.from_dynamodb import location
from beaker_dynamodb.migrate.migration import Migration

#: Labels of the counts in a report.
LABELS = {
    "found": "found in the old store",
    "copied": "copied",
    "already_there": "already there",
    "logged_out_since": "logged out in the new store since",
    "expired": "expired",
    "empty": "logged out before",
    "unreadable": "damaged",
    "too_large": "too large",
    "missing": "unaccounted for",
    "verified": "copies read back, the same",
    "changed_since": "copies read back, changed by their users",
    "differing": "copies read back, different",
}
#: Counts that are printed even if they are 0.
ALWAYS = ("found", "copied", "already_there", "logged_out_since", "expired")


def outcome_as_json(migration: Migration, used: Capacity) -> dict[str, Any]:
    """Return everything that is known; times in ISO 8601, UTC."""
    last = migration.last_run
    return {
        "dry_run": migration.dry_run,
        "from": migration.source.name,
        "to": location(migration.target.items),
        "table_created": bool(used.created_tables),
        "last_run": last and {"started": _iso(last.started_ms), "ended": _iso(last.ended_ms)},
        "lifetime": _lifetime(migration),
        **migration.report.as_dict(),
        "capacity_units": used.as_json(),
    }


def show_outcome(migration: Migration, used: Capacity) -> None:
    """Print the counts for people."""
    new_table = ""
    if migration.records.no_table:
        new_table = ", which does not exist and would be created"
    elif used.created_tables:
        new_table = ", which did not exist and was created"
    click.echo(f"from {migration.source.name}")
    click.echo(f"to {location(migration.target.items)}{new_table}")
    if last := migration.last_run:
        ended = "was interrupted" if last.ended_ms is None else f"ended {_iso(last.ended_ms)}"
        click.echo(f"an earlier run started {_iso(last.started_ms)} and {ended}")
    if migration.target.options.timeout is None:
        click.echo(
            f"copies expire {_lifetime(migration):,.0f} s after their last access, because no "
            "timeout is given (--timeout)"
        )
    report = migration.report
    labels = {**LABELS, "copied": "would be copied"} if migration.dry_run else LABELS
    counts = report.as_dict()
    for name, label in labels.items():
        if counts[name] or name in ALWAYS:
            click.echo(f"{counts[name]:>10,}  {label}")
    if report.opaque:
        opaque = counted(report.opaque, "copy is", "copies are")
        click.echo(f"{opaque} encrypted: only the application can read them")
    if report.foreign:
        foreign = counted(report.foreign, "entry", "entries")
        click.echo(f"{foreign} of the old store: not sessions")
    if migration.dry_run:
        units = counted(report.write_units, "write unit")
        click.echo(
            f"dry run: nothing was written; a real run would use {units}, by the sizes of the "
            "sessions"
        )
    if report.refused_writes:
        refused = counted(report.refused_writes, "write was", "writes were")
        units = counted(report.refused_units, "unit")
        click.echo(
            f"{refused} refused because a user or another run was first: about {units} more, "
            "which DynamoDB bills but does not report"
        )
    click.echo(f"{used} used")


def show_unfinished(migration: Migration, used: Capacity) -> None:
    """Say on stderr what was done before an error or Ctrl-C."""
    report = migration.report
    if report.found:
        copied = counted(report.copied, "session")
        done = "would be copied" if migration.dry_run else "copied"
        click.echo(f"{copied} {done} so far, of {report.found:,} found; {used} used", err=True)


def _lifetime(migration: Migration) -> float | None:
    """Return the lifetime of copies in seconds, or None if they never expire."""
    deadline_ms = migration.target.deadline_ms(0)
    return None if deadline_ms is None else deadline_ms / 1000


def _iso(time_ms: int | None) -> str | None:
    return None if time_ms is None else iso(datetime.fromtimestamp(time_ms // 1000, timezone.utc))

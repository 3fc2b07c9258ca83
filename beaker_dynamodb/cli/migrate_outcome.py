"""What `beaker-dynamodb migrate` prints."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import click

from beaker_dynamodb.cli.capacity import Capacity
from beaker_dynamodb.cli.console import counted
from beaker_dynamodb.cli.times import iso
from beaker_dynamodb.migrate.location import location
from beaker_dynamodb.migrate.migration import Migration
from beaker_dynamodb.sessions.storage import SessionStorage

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


@dataclass
class Outcome:
    """The outcome of a migration, for people and as JSON."""

    migration: Migration
    source: str
    target: SessionStorage
    used: Capacity
    dry_run: bool

    def as_json(self) -> dict[str, Any]:
        """Return everything that is known; times in ISO 8601, UTC."""
        last = self.migration.last_run
        return {
            "dry_run": self.dry_run,
            "from": self.source,
            "to": location(self.target.items),
            "table_created": bool(self.used.created_tables),
            "last_run": None
            if last is None
            else {"started": _iso(last.started_ms), "ended": _iso(last.ended_ms)},
            "lifetime": self._lifetime(),
            **self.migration.report.as_dict(),
            "capacity_units": self.used.as_json(),
        }

    def show(self) -> None:
        """Print the counts for people."""
        click.echo(f"from {self.source}")
        click.echo(f"to {location(self.target.items)}{self._new_table()}")
        if last := self.migration.last_run:
            ended = "was interrupted" if last.ended_ms is None else f"ended {_iso(last.ended_ms)}"
            click.echo(f"an earlier run started {_iso(last.started_ms)} and {ended}")
        if self.target.options.timeout is None:
            click.echo(
                f"copies expire {self._lifetime():,.0f} s after their last access, because no "
                "timeout is given (--timeout)"
            )
        self._show_counts()
        report, write_units = self.migration.report, self.migration.report.write_units
        if self.dry_run:
            click.echo(
                "dry run: nothing was written; a real run would use "
                f"{counted(write_units, 'write unit', 'write units')}, by the sizes of the sessions"
            )
        if report.refused_writes:
            refused = counted(report.refused_writes, "write was", "writes were")
            units = counted(report.refused_units, "unit", "units")
            click.echo(
                f"{refused} refused because a user or another run was first: about {units} more, "
                "which DynamoDB bills but does not report"
            )
        click.echo(f"{self.used} used")

    def show_unfinished(self) -> None:
        """Say on stderr what was done before an error or Ctrl-C."""
        report = self.migration.report
        if not report.found:
            return
        done = "would be copied" if self.dry_run else "copied"
        click.echo(
            f"{counted(report.copied, 'session', 'sessions')} {done} so far, of "
            f"{report.found:,} found; {self.used} used",
            err=True,
        )

    def _show_counts(self) -> None:
        report = self.migration.report
        counts = report.as_dict()
        for name, label in LABELS.items():
            if counts[name] or name in ALWAYS:
                if name == "copied" and self.dry_run:
                    label = "would be copied"
                click.echo(f"{counts[name]:>10,}  {label}")
        if report.opaque:
            opaque = counted(report.opaque, "copy is", "copies are")
            click.echo(f"{opaque} encrypted: only the application can read them")
        if report.foreign:
            foreign = counted(report.foreign, "entry", "entries")
            click.echo(f"{foreign} of the old store: not sessions")

    def _new_table(self) -> str:
        if self.migration.records.no_table:
            return ", which does not exist and would be created"
        return ", which did not exist and was created" if self.used.created_tables else ""

    def _lifetime(self) -> float | None:
        """Return the lifetime of copies in seconds, or None if they never expire."""
        deadline_ms = self.target.deadline_ms(0)
        return None if deadline_ms is None else deadline_ms / 1000


def _iso(time_ms: int | None) -> str | None:
    return None if time_ms is None else iso(datetime.fromtimestamp(time_ms // 1000, timezone.utc))

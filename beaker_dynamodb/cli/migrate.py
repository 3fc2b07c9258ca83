"""`beaker-dynamodb migrate`."""

from __future__ import annotations

from pathlib import Path

import click

from beaker_dynamodb.cli import console
from beaker_dynamodb.cli.capacity import Capacity
from beaker_dynamodb.cli.command import FAILED, command, json_flag
from beaker_dynamodb.config.ini import read_ini
from beaker_dynamodb.dynamodb.rate_limiter import RateLimiter
from beaker_dynamodb.migrate.from_dynamodb import DynamoDBSource
from beaker_dynamodb.migrate.location import location
from beaker_dynamodb.migrate.migration import Migration
from beaker_dynamodb.migrate.report import Report
from beaker_dynamodb.migrate.source import Source
from beaker_dynamodb.migrate.state import State
from beaker_dynamodb.migrate.stores import (
    source_from_settings,
    source_from_url,
    target_from_settings,
    target_from_url,
)
from beaker_dynamodb.sessions.storage import SessionStorage

#: Labels of the counts in a report.
LABELS = {
    "found": "found in the old store",
    "copied": "copied",
    "already_there": "already there",
    "logged_out_since": "logged out since an earlier run",
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
ALWAYS = ("found", "copied", "already_there", "expired", "verified")


@command(
    "migrate",
    changes=True,
    example="migrate --from file:///var/cache/sessions --to dynamodb://eu-west-1/sessions "
    "--timeout 1800\n"
    "migrate --from-ini old.ini --to-ini new.ini --state migrate.state --verify all",
)
@click.option("--from", "from_url", metavar="URL", help="The old store, see above.")
@click.option("--from-ini", metavar="FILE", help="Or the INI file that configures the old store.")
@click.option(
    "--from-section", metavar="NAME", default="app:main", show_default=True, help="Its section."
)
@click.option(
    "--to", "to_url", metavar="URL", help="The new store: dynamodb://REGION/TABLE?option=value"
)
@click.option("--to-ini", metavar="FILE", help="Or the INI file that configures the new store.")
@click.option("--to-section", metavar="NAME", help="Its section; default: that of ext:dynamodb.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="session.timeout of the new application, for --to; default: a session ends a day after "
    "its last access.",
)
@click.option(
    "--state",
    "state_path",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Save the progress in a file, and continue from it. It contains keys: keep it safe.",
)
@click.option(
    "--threads",
    type=click.IntRange(1, 50),
    default=8,
    show_default=True,
    metavar="NUMBER",
    help="Number of parallel writes.",
)
@click.option(
    "--write-units-per-second",
    type=click.FloatRange(min=0, min_open=True),
    metavar="UNITS",
    help="Limit of the consumed write capacity, on average; default: no limit.",
)
@click.option(
    "--read-units-per-second",
    type=click.FloatRange(min=0, min_open=True),
    metavar="UNITS",
    help="Limit of the read capacity of an old store in DynamoDB.",
)
@click.option(
    "--verify",
    type=click.Choice(["sample", "all", "none"]),
    default="sample",
    show_default=True,
    help="Copies to read back and compare; sample: one in a hundred.",
)
@click.option("--dry-run", is_flag=True, help="Read the old store only; show what would be copied.")
@json_flag
@click.pass_context
def migrate(
    ctx: click.Context,
    from_url: str | None,
    from_ini: str | None,
    from_section: str,
    to_url: str | None,
    to_ini: str | None,
    to_section: str | None,
    timeout: float | None,
    state_path: Path | None,
    threads: int,
    write_units_per_second: float | None,
    read_units_per_second: float | None,
    verify: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Copy the live sessions of another Beaker backend to DynamoDB; no user is logged out.

    The old store is one of file:///FOLDER, dbm:///FOLDER (Beaker's data_dir), redis://HOST/0,
    mongodb://HOST/DATABASE, dynamodb://REGION/TABLE?prefix=…, or a url of SQLAlchemy. It is only
    read. A session that is already in the new store stays as it is, so an interrupted migration
    can run again. Exit code 1: some sessions could not be copied.
    """
    source = _source(from_url, from_ini, from_section, read_units_per_second)
    target = _target(to_url, to_ini, to_section, timeout)
    clients = [source.client] if isinstance(source, DynamoDBSource) else []
    with (
        State(state_path, source.name, location(target.items)) as state,
        Capacity(*clients, target.items.client()) as used,
        console.progress("sessions") as advance,
    ):
        report = Migration(
            source,
            target,
            threads=threads,
            limiter=RateLimiter(write_units_per_second),
            dry_run=dry_run,
            verify=verify,
            state=state,
        ).run(advance)
    to = location(target.items)
    if as_json:
        created = bool(used.created_tables)
        head = {"dry_run": dry_run, "to": to, "table_created": created}
        console.print_json({**head, **report.as_dict(), "capacity_units": used.as_json()})
    else:
        new = ", which did not exist and was created" if used.created_tables else ""
        click.echo(f"to {to}{new}")
        _print(report, dry_run)
        click.echo(f"{used} used")
    if not report.complete:
        ctx.exit(FAILED)


def _source(
    url: str | None, ini: str | None, section: str, units_per_second: float | None
) -> Source:
    if url is not None and ini is None:
        return source_from_url(url, units_per_second)
    if ini is not None and url is None:
        return source_from_settings(read_ini(ini, section)[1], units_per_second)
    raise click.UsageError("give one of --from and --from-ini")


def _target(
    url: str | None, ini: str | None, section: str | None, timeout: float | None
) -> SessionStorage:
    if url is not None and ini is None:
        return target_from_url(url, timeout)
    if ini is not None and url is None:
        settings = read_ini(ini, section)[1]
        return target_from_settings(
            settings if timeout is None else {**settings, "timeout": timeout}
        )
    raise click.UsageError("give one of --to and --to-ini")


def _print(report: Report, dry_run: bool) -> None:
    counts = report.as_dict()
    for name, label in LABELS.items():
        if counts[name] or name in ALWAYS:
            click.echo(f"{counts[name]:>10,}  {label}")
    if report.opaque:
        click.echo(f"{report.opaque:,} copies are encrypted: only the application can read them")
    if report.foreign:
        click.echo(f"{report.foreign:,} entries of the old store are not sessions")
    if dry_run:
        units = f"{report.write_units:,} write units, by the sizes of the sessions"
        click.echo(f"dry run: nothing was written; a real run would use {units}")

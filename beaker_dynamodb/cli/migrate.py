"""`beaker-dynamodb migrate`."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import click

from beaker_dynamodb.cli import console
from beaker_dynamodb.cli.capacity import Capacity
from beaker_dynamodb.cli.command import FAILED, command, json_flag
from beaker_dynamodb.cli.console import counted, print_json
from beaker_dynamodb.cli.times import iso
from beaker_dynamodb.config.ini import read_ini
from beaker_dynamodb.dynamodb.rate_limiter import RateLimiter
from beaker_dynamodb.migrate.from_dynamodb import DynamoDBSource, location
from beaker_dynamodb.migrate.migration import Migration
from beaker_dynamodb.migrate.report import ALWAYS, LABELS
from beaker_dynamodb.migrate.source import Source
from beaker_dynamodb.migrate.stores import (
    check_different,
    source_from_settings,
    source_from_url,
    target_from_settings,
)
from beaker_dynamodb.sessions.storage import SessionStorage


@command(
    "migrate",
    changes=True,
    example="migrate --from file:///var/cache/sessions --to dynamodb://eu-west-1/sessions "
    "--timeout 1800 --dry-run\n"
    "migrate --from-ini old.ini --to-ini new.ini --create --verify all",
)
@click.option("--from", "from_url", metavar="URL", help="The old store; see above.")
@click.option("--from-ini", metavar="FILE", help="Or the INI file that configures the old store.")
@click.option(
    "--from-section", metavar="NAME", default="app:main", show_default=True, help="Section in FILE."
)
@click.option(
    "--to", "to_url", metavar="URL", help="The new store: dynamodb://REGION/TABLE?option=value"
)
@click.option("--to-ini", metavar="FILE", help="Or the INI file that configures the new store.")
@click.option("--to-section", metavar="NAME", help="Section in FILE; default: the DynamoDB one.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="session.timeout of the new application; overrides that in --to-ini. Default for --to: a "
    "session ends a day after its last access.",
)
@click.option("--create", is_flag=True, help="Create the target table if it does not exist.")
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
    help="Limit the write capacity consumed on average; default: no limit.",
)
@click.option(
    "--read-units-per-second",
    type=click.FloatRange(min=0, min_open=True),
    metavar="UNITS",
    help="Limit the read capacity consumed from an old store in DynamoDB.",
)
@click.option(
    "--verify",
    type=click.Choice(["sample", "all", "none"]),
    default="sample",
    show_default=True,
    help="Copies to read back and compare; sample: one in a hundred.",
)
@click.option(
    "--accept-missing-records",
    is_flag=True,
    help="Copy even if the new store lacks the records of earlier copies. Sessions that users have "
    "since logged out of come back.",
)
@click.option(
    "--dry-run", is_flag=True, help="Read both stores and show what would be copied; write nothing."
)
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
    create: bool,
    threads: int,
    write_units_per_second: float | None,
    read_units_per_second: float | None,
    verify: str,
    accept_missing_records: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Copy the live sessions of another Beaker backend to DynamoDB; no user is logged out.

    The old store is one of file:///FOLDER, dbm:///FOLDER (Beaker's data_dir), redis://HOST/0,
    mongodb://HOST/DATABASE, dynamodb://REGION/TABLE?prefix=…, or an SQLAlchemy URL. It is only
    read. The new store keeps a record of each copied session for 30 days after it expires, so the
    same command can run again, from any host: it continues an interrupted run, copies only what is
    new or was changed in the old store, and never restores a session that a user has logged out of.
    Exit code 1: a session could not be copied, or a copy differs.
    """
    source = _source(from_url, from_ini, from_section, read_units_per_second)
    target = _target(to_url, to_ini, to_section, timeout, create=create and not dry_run)
    check_different(source, target)
    clients = [source.client] if isinstance(source, DynamoDBSource) else []
    migration = Migration(
        source,
        target,
        threads=threads,
        limiter=RateLimiter(write_units_per_second),
        dry_run=dry_run,
        verify=verify,
        table_may_be_missing=dry_run and create,
        accept_missing_records=accept_missing_records,
    )
    report = migration.report
    with Capacity(*clients, target.items.client()) as used:
        try:
            with console.progress("sessions read", source.total()) as advance:
                migration.run(advance)
        except BaseException:  # also Ctrl-C
            if report.found:
                copied = counted(report.copied, "session")
                done = "would be copied" if dry_run else "copied"
                so_far = f"{copied} {done} so far, of {report.found:,} found; {used} used"
                click.echo(so_far, err=True)
            raise
    if as_json:
        print_json(_as_json(migration, used))
    else:
        _show(migration, used)
    if not report.complete:
        ctx.exit(FAILED)


def _source(
    url: str | None, ini: str | None, section: str, units_per_second: float | None
) -> Source:
    if url is not None and ini is None:
        return source_from_url(url, units_per_second)
    if ini is not None and url is None:
        return source_from_settings(read_ini(ini, section), units_per_second)
    raise click.UsageError("pass one of --from and --from-ini")


def _target(
    url: str | None, ini: str | None, section: str | None, timeout: float | None, *, create: bool
) -> SessionStorage:
    if (url is None) == (ini is None):
        raise click.UsageError("pass one of --to and --to-ini")
    settings: dict[str, Any] = {"url": url} if ini is None else read_ini(ini, section)
    if timeout is not None:
        settings["timeout"] = timeout
    return target_from_settings(settings, create=create)


def _as_json(migration: Migration, used: Capacity) -> dict[str, Any]:
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


def _show(migration: Migration, used: Capacity) -> None:
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
            "timeout is set (--timeout)"
        )
    report = migration.report
    labels = {**LABELS, "copied": "would be copied"} if migration.dry_run else LABELS
    counts = report.as_dict()
    for name, label in labels.items():
        if counts[name] or name in ALWAYS:
            click.echo(f"{counts[name]:>10,}  {label}")
    if report.opaque:
        opaque = counted(report.opaque, "copy is", "copies are")
        click.echo(f"{opaque} readable only by the application (encrypted, or its own format)")
    if report.foreign:
        foreign = counted(report.foreign, "entry is not a session", "entries are not sessions")
        click.echo(f"in the old store, {foreign}")
    if migration.dry_run:
        units = counted(report.write_units, "write unit")
        click.echo(
            f"dry run: nothing was written; a real run would use {units}, estimated from "
            "the sizes of the sessions"
        )
    if report.refused_writes:
        refused = counted(report.refused_writes, "write was", "writes were")
        units = counted(report.refused_units, "unit")
        click.echo(
            f"{refused} refused because a user or another run wrote first: about {units} more, "
            "which DynamoDB bills but does not report"
        )
    click.echo(f"{used} used")


def _lifetime(migration: Migration) -> float | None:
    """Return the lifetime of copies in seconds, or None if they never expire."""
    deadline_ms = migration.target.deadline_ms(0)
    return None if deadline_ms is None else deadline_ms / 1000


def _iso(time_ms: int | None) -> str | None:
    return None if time_ms is None else iso(datetime.fromtimestamp(time_ms // 1000, timezone.utc))

"""`beaker-dynamodb migrate`."""

from __future__ import annotations

from typing import Any

import click

from beaker_dynamodb.cli import console
from beaker_dynamodb.cli.capacity import Capacity
from beaker_dynamodb.cli.command import FAILED, command, json_flag
from beaker_dynamodb.cli.migrate_outcome import outcome_as_json, show_outcome, show_unfinished
from beaker_dynamodb.config.ini import read_ini
from beaker_dynamodb.dynamodb.rate_limiter import RateLimiter
from beaker_dynamodb.migrate.from_dynamodb import DynamoDBSource
from beaker_dynamodb.migrate.migration import Migration
from beaker_dynamodb.migrate.source import Source
from beaker_dynamodb.migrate.stores import (
    refuse_same,
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
@click.option(
    "--accept-missing-records",
    is_flag=True,
    help="Copy although the new store lacks the records of what was copied earlier. Sessions that "
    "users have logged out of since come back.",
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
    mongodb://HOST/DATABASE, dynamodb://REGION/TABLE?prefix=…, or a url of SQLAlchemy. It is only
    read. The new store keeps a record of each copied session for 30 days after its end, so the
    same command can run again, from any host: it continues an interrupted run, copies only what
    is new or was changed in the old store, and never brings back a session that a user has logged
    out of. Exit code 1: some sessions could not be copied.
    """
    source = _source(from_url, from_ini, from_section, read_units_per_second)
    target = _target(to_url, to_ini, to_section, timeout, create=create and not dry_run)
    refuse_same(source, target)
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
    with Capacity(*clients, target.items.client()) as used:
        try:
            with console.progress("sessions read", source.total()) as advance:
                report = migration.run(advance)
        except BaseException:  # also Ctrl-C
            show_unfinished(migration, used)
            raise
    if as_json:
        console.print_json(outcome_as_json(migration, used))
    else:
        show_outcome(migration, used)
    if not report.complete:
        ctx.exit(FAILED)


def _source(
    url: str | None, ini: str | None, section: str, units_per_second: float | None
) -> Source:
    if url is not None and ini is None:
        return source_from_url(url, units_per_second)
    if ini is not None and url is None:
        return source_from_settings(read_ini(ini, section), units_per_second)
    raise click.UsageError("give one of --from and --from-ini")


def _target(
    url: str | None, ini: str | None, section: str | None, timeout: float | None, *, create: bool
) -> SessionStorage:
    if (url is None) == (ini is None):
        raise click.UsageError("give one of --to and --to-ini")
    settings: dict[str, Any] = {"url": url} if ini is None else read_ini(ini, section)
    if timeout is not None:
        settings["timeout"] = timeout
    return target_from_settings(settings, create=create)

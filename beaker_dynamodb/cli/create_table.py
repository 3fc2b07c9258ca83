"""`beaker-dynamodb create-table`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from functools import partial

import click

from beaker_dynamodb.cli.command import command, json_flag
from beaker_dynamodb.cli.console import print_json
from beaker_dynamodb.cli.flags import with_extras, with_settings
from beaker_dynamodb.cli.provision import Provisioner
from beaker_dynamodb.cli.settings import Settings
from beaker_dynamodb.cli.table_changes import CHANGED, DIFFERS, Step, TableChanges
from beaker_dynamodb.cli.table_request import Extras
from beaker_dynamodb.dynamodb.client import ClientSource
from beaker_dynamodb.exceptions import DynamoDBError

MARKS = {CHANGED: "+", DIFFERS: "!"}


@command(
    "create-table",
    changes=True,
    example="create-table --ini production.ini\n"
    "create-table --table-name sessions --region-name eu-west-1 --tag app=shop "
    "--point-in-time-recovery",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be changed.")
@click.option(
    "--replace-indexes",
    is_flag=True,
    help="Delete indexes that lack attributes, and create them again. Until then, sessions cannot "
    "be found with them.",
)
@with_extras
@json_flag
@with_settings
def create_table(
    settings: Settings, extras: Extras, dry_run: bool, replace_indexes: bool, as_json: bool
) -> None:
    """Create the table with time to live and indexes, or add what an existing one lacks.

    Each line says what was changed (+), what was already correct, or what differs and was not
    changed (!). The command ends when the table and its indexes can be used. Nothing is removed,
    except by --replace-indexes, so you can run it at every deployment.
    """
    options = settings.options
    table = TableChanges(
        ClientSource(options)(), options.table_name, dry_run, say=partial(click.echo, err=True)
    )
    provisioner = Provisioner(table, options, extras, replace_indexes)
    if dry_run and not as_json:
        click.echo("Dry run: nothing is changed. These are the steps:")
    done: list[Step] = []
    try:
        for step in provisioner.steps():
            done.append(step)
            if not as_json:
                click.echo(f"{MARKS.get(step.status, ' ')} {step.text}")
    except DynamoDBError:
        if done:
            table.dry_run = True
            _report_missing_changes(provisioner.steps())
        raise
    number = sum(step.status == CHANGED for step in done)
    if as_json:
        print_json(
            {"dry_run": dry_run, "changes": number, "steps": [asdict(step) for step in done]}
        )
    elif not number:
        click.echo("Nothing to do.")


def _report_missing_changes(steps: Iterator[Step]) -> None:
    """Print on stderr which changes were not made, if they can be determined."""
    with suppress(DynamoDBError):
        for step in steps:
            if step.status == CHANGED:
                click.echo(f"not done: {step.text}", err=True)

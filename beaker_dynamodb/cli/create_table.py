"""`beaker-dynamodb create-table`."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial

import click

from beaker_dynamodb.cli.command import command, json_flag
from beaker_dynamodb.cli.console import print_json
from beaker_dynamodb.cli.flags import with_extras, with_settings
from beaker_dynamodb.cli.provision import CHANGED, DIFFERS, Provisioner
from beaker_dynamodb.cli.settings import Settings
from beaker_dynamodb.cli.table_request import Extras
from beaker_dynamodb.dynamodb.client import ClientSource

MARKS = {CHANGED: "+", DIFFERS: "!"}


@command(
    "create-table",
    changes=True,
    example="create-table --ini production.ini\n"
    "create-table --table-name sessions --region-name eu-west-1 --tag app=shop "
    "--point-in-time-recovery",
)
@with_extras
@json_flag
@with_settings
def create_table(settings: Settings, extras: Extras, as_json: bool) -> None:
    """Create the table with time to live and indexes, or add what an existing one lacks.

    Each line says what was changed (+), what was right already, or what differs and is left as it
    is (!). Nothing is ever removed, so run it at every deployment if you like.
    """
    client = ClientSource(settings.options)()
    steps = []
    provisioner = Provisioner(client, settings.options, extras, say=partial(click.echo, err=True))
    for step in provisioner.steps():
        steps.append(step)
        if not as_json:
            click.echo(f"{MARKS.get(step.status, ' ')} {step.text}")
    changes = sum(step.status == CHANGED for step in steps)
    if as_json:
        print_json({"changes": changes, "steps": [asdict(step) for step in steps]})
    elif not changes:
        click.echo("Nothing to do.")

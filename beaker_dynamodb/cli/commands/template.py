"""`beaker-dynamodb template`."""

from __future__ import annotations

import click

from beaker_dynamodb.cli.console import print_json
from beaker_dynamodb.cli.extras_flags import with_extras
from beaker_dynamodb.cli.frame import command
from beaker_dynamodb.cli.provision import Extras
from beaker_dynamodb.cli.settings import Settings
from beaker_dynamodb.cli.settings_flags import with_settings
from beaker_dynamodb.cli.table_template import FORMATS


@command(
    "template",
    example="template --ini production.ini > sessions.template.json\n"
    "template --format terraform --table-name sessions --tag app=shop > sessions.tf.json",
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(list(FORMATS)),
    default="cloudformation",
    show_default=True,
    help="terraform: its JSON syntax; cdk-json: the properties of a CfnTable.",
)
@with_extras
@with_settings
def template(settings: Settings, extras: Extras, kind: str) -> None:
    """Print the table as code: the same table that create-table makes.

    Nothing is asked of AWS. With the table made this way, set create_table = false.
    """
    print_json(FORMATS[kind](settings.options, extras))

"""`beaker-dynamodb policy`."""

from __future__ import annotations

import click

from beaker_dynamodb.ops.console import print_json
from beaker_dynamodb.ops.frame import command
from beaker_dynamodb.ops.policy import USES, Place
from beaker_dynamodb.ops.policy import policy as policy_document
from beaker_dynamodb.ops.settings import Settings
from beaker_dynamodb.ops.settings_flags import with_settings


@command(
    "policy",
    example="policy --ini production.ini --account 123456789012\n"
    "policy --ini production.ini --use sessions --use stats\n"
    "policy --table-name shared --prefix shop --create-table false --leading-keys",
)
@click.option(
    "--use",
    "uses",
    multiple=True,
    type=click.Choice(list(USES)),
    metavar="USE",
    help=f"What is to be allowed; any number of: {', '.join(USES)}. Without: the requests of the "
    "sessions or of the cache (--for), up to 400 KB, and `create` unless create_table is false.",
)
@click.option("--clear", is_flag=True, help="clear() of a cache as well.")
@click.option("--account", default="ACCOUNT", metavar="NUMBER", help="AWS account, for the ARNs.")
@click.option("--partition", default="aws", metavar="NAME", help="aws, aws-cn, aws-us-gov …")
@click.option(
    "--leading-keys",
    is_flag=True,
    help="Only items whose key begins with the prefix, for a shared table. Nothing that reads the "
    "whole table can then be allowed.",
)
@with_settings
def policy(
    settings: Settings,
    uses: tuple[str, ...],
    clear: bool,
    account: str,
    partition: str,
    leading_keys: bool,
) -> None:
    """Print the least IAM policy, with no wildcard in actions and resources.

    Nothing is asked of AWS. Encryption with a KMS key of your own (create-table --kms-key) needs
    permissions for that key as well, which are not in it.
    """
    wanted = list(uses) or [settings.purpose]
    if not uses and settings.options.create_table:
        wanted.append("create")
    if clear:
        wanted.append("clear")
    print_json(
        policy_document(
            settings.options,
            wanted,
            Place(account, partition),
            purpose=settings.purpose,
            leading_keys=leading_keys,
        )
    )

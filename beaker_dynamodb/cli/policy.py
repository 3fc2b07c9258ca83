"""`beaker-dynamodb policy`."""

from __future__ import annotations

import re

import click

from beaker_dynamodb.cli.command import command
from beaker_dynamodb.cli.console import print_json
from beaker_dynamodb.cli.flags import with_settings
from beaker_dynamodb.cli.iam_policy import USES, arn, policy_document
from beaker_dynamodb.cli.settings import SESSIONS, Settings


def _check_account(_: click.Context, __: click.Parameter, value: str) -> str:
    if value != "ACCOUNT" and not re.fullmatch(r"\d{12}", value):
        raise click.BadParameter("an AWS account number has 12 digits")
    return value


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
    help=f"What to allow; repeatable: {', '.join(USES)}. Default: requests for sessions or for "
    "the cache (--for), up to 400 KB; `create` unless create_table is false; `session-store` with "
    "indexed special keys; `reap` with reap_interval.",
)
@click.option("--clear", is_flag=True, help="Allow clear() of a cache too.")
@click.option(
    "--account",
    default="ACCOUNT",
    metavar="NUMBER",
    callback=_check_account,
    help="AWS account, for the ARNs: 12 digits.",
)
@click.option(
    "--partition", metavar="NAME", help="aws, aws-cn, aws-us-gov …; default: that of the Region."
)
@click.option(
    "--leading-keys",
    is_flag=True,
    help="Allow only items with the prefix, for a shared table. This excludes every use that reads "
    "the whole table.",
)
@with_settings
def policy(
    settings: Settings,
    uses: tuple[str, ...],
    clear: bool,
    account: str,
    partition: str | None,
    leading_keys: bool,
) -> None:
    """Print the smallest IAM policy, without wildcards in actions and resources.

    Makes no AWS calls. A KMS key of your own (create-table --kms-key) needs permissions too; they
    are not in the policy.
    """
    wanted = list(uses) or _uses(settings)
    if clear:
        wanted.append("clear")
    options = settings.options
    print_json(policy_document(options, wanted, account, partition, leading_keys=leading_keys))
    _, _, _, region, number, _ = arn(options, account).split(":", 5)
    for name, flag in ((region, "--region-name"), (number, "--account")):
        if name in ("REGION", "ACCOUNT"):
            click.echo(f"{name} is a placeholder: pass {flag}.", err=True)


def _uses(settings: Settings) -> list[str]:
    """Return the uses that the application itself needs, according to its options."""
    options = settings.options
    uses = [settings.purpose]
    if options.create_table:
        uses.append("create")
    if settings.purpose == SESSIONS and options.index_keys:
        uses.append("session-store")
    if options.reap_interval:
        uses.append("reap")
    return uses

"""Asks before a command deletes something."""

from __future__ import annotations

import sys

import click

from beaker_dynamodb.cli.command import Failed

yes_flag = click.option("--yes", is_flag=True, help="Do not ask.")


def confirm(question: str) -> None:
    """Ask on stderr.

    :raises Failed: the user refuses.
    :raises click.UsageError: stdin is not a terminal and has no answer.
    """
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        click.echo(err=True)
        raise click.UsageError("cannot ask: stdin is not a terminal; give --yes") from None
    if not agreed:
        raise Failed("nothing was changed")

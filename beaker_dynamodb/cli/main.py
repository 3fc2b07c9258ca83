"""The command `beaker-dynamodb`: each of its commands is a file, which is imported when it is run.

A new command is a line in `COMMANDS`, and in the module that it names a function of the command's
name, decorated with `frame.command`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

import click

from beaker_dynamodb import __version__
from beaker_dynamodb.cli.frame import LazyGroup, exit_code, verbose_flag

#: Command: the module that has it, and what it does in a few words.
COMMANDS = {
    "create-table": ("create_table", "Make the table, or add what it lacks."),
    "doctor": ("doctor", "Check everything that sessions and caches need."),
    "policy": ("policy", "Print the least IAM policy."),
    "stats": ("stats", "Count what the table holds, and what a request costs."),
    "sessions": ("sessions", "List sessions, look at one, end some."),
    "reap": ("reap", "Delete what has expired."),
    "clear": ("clear", "Delete a cache namespace's entries."),
    "template": ("template", "Print the table as code: CloudFormation, Terraform, CDK."),
    "migrate": ("migrate", "Copy the sessions of another store; nobody is logged out."),
    "local": ("local", "Run the embedded DynamoDB, for development."),
}


class _Root(LazyGroup):
    """Ends the process: 0 done, 1 failed, 2 asked for wrongly; an error is one line on stderr."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command that the arguments name."""
        run = partial(super().main, args, prog_name, complete_var, standalone_mode=False, **extra)
        return sys.exit(exit_code(run)) if standalone_mode else run()


@click.group(
    cls=_Root,
    commands_in=COMMANDS,
    example="doctor --ini production.ini\ncreate-table --help",
    context_settings={"max_content_width": 100},
)
@click.version_option(__version__, prog_name="beaker-dynamodb", message="%(prog)s %(version)s")
@verbose_flag
def cli() -> None:
    """Look after Beaker's sessions and caches in DynamoDB.

    Which table, and how it is used, comes from the application's INI file (--ini production.ini),
    from a url (--url dynamodb://REGION/TABLE), or from flags, which win.
    """

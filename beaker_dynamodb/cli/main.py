"""The command `beaker-dynamodb`. A subcommand's module is imported only when it runs."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import click

from beaker_dynamodb import __version__
from beaker_dynamodb.cli.command import FAILED, INTERRUPTED, OK, VERBOSE, WRONG_USE, Group, examples
from beaker_dynamodb.cli.console import printable
from beaker_dynamodb.exceptions import ConfigurationError, DynamoDBError

log = logging.getLogger("beaker_dynamodb")

#: Subcommands and their short help. "create-table" is the function `create_table` in
#: cli/create_table.py.
COMMANDS = {
    "create-table": "Create the table, or add what it lacks.",
    "doctor": "Check everything that sessions and caches need.",
    "policy": "Print the smallest IAM policy.",
    "stats": "Count the table's items, and show what a request costs.",
    "sessions": "List, show and revoke sessions.",
    "reap": "Delete expired items.",
    "clear": "Delete the entries of a cache namespace.",
    "template": "Print the table as code: CloudFormation, Terraform, CDK.",
    "migrate": "Copy the sessions of another store; no user is logged out.",
    "local": "Run the embedded DynamoDB, for development.",
}


class _LazyGroup(Group):
    """Imports a subcommand when it runs, so that ``--help`` is fast; prints one-line errors."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        command: click.Command = getattr(
            importlib.import_module(f"beaker_dynamodb.cli.{name}"), name
        )
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def main(self, *args: Any, **extra: Any) -> Any:
        run = partial(super().main, *args, **{**extra, "standalone_mode": False})
        with _visible_retries():
            code = _exit_code(run)
        sys.exit(code)


def _exit_code(run: Callable[[], object]) -> int:
    """Run the command, print any error in one line on stderr, and return the exit code."""
    try:
        # click returns the code of ctx.exit(), or what the command returned.
        returned = run()
        return returned if isinstance(returned, int) else OK
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.Abort:  # click raises it for Ctrl-C
        message, code = "interrupted", INTERRUPTED
    except Exception as error:
        log.debug("The command failed:", exc_info=True)  # shown with --verbose
        message, code = _explain(error)
    click.echo(f"beaker-dynamodb: error: {printable(' '.join(message.split()))}", err=True)
    return code


@contextmanager
def _visible_retries() -> Iterator[None]:
    """Say on stderr when botocore retries a call."""
    retries, handler = logging.getLogger("botocore.retries.standard"), _RetryHandler()
    before = retries.level, retries.propagate
    retries.setLevel(logging.DEBUG)
    retries.propagate = False
    retries.addHandler(handler)
    try:
        yield
    finally:
        retries.removeHandler(handler)
        retries.level, retries.propagate = before


class _RetryHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        if str(record.msg).startswith("Retry needed") and record.args:
            click.echo("A call was not answered or was refused; trying again ...", err=True)


def _explain(error: Exception) -> tuple[str, int]:
    if isinstance(error, click.UsageError) and error.ctx:
        return f"{error.format_message()} ({error.ctx.command_path} --help)", WRONG_USE
    if isinstance(error, click.ClickException):
        return error.format_message(), error.exit_code
    if isinstance(error, DynamoDBError) and error.aws_code == "ResourceNotFoundException":
        remedy = "create it with beaker-dynamodb create-table"
        return f"table {error.table!r} does not exist: {remedy}", WRONG_USE
    if isinstance(error, ConfigurationError):
        return str(error), WRONG_USE
    if isinstance(error, DynamoDBError):
        return str(error), FAILED
    return f"{type(error).__name__}: {error} (-v shows the traceback)", FAILED


@click.group(
    cls=_LazyGroup,
    params=[VERBOSE],
    epilog=examples("doctor --ini production.ini\ncreate-table --help"),
    context_settings={"max_content_width": 100, "help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="beaker-dynamodb", message="%(prog)s %(version)s")
def cli() -> None:
    """Manage Beaker's sessions and caches in DynamoDB.

    The options come from the application's INI file (--ini production.ini), from a url (--url
    dynamodb://REGION/TABLE), or from flags. Flags take precedence.
    """

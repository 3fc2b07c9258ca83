"""What all subcommands share: help with examples, common flags, confirmation."""

from __future__ import annotations

import difflib
import functools
import logging
import sys
from collections.abc import Callable
from typing import Any

import click

from beaker_dynamodb.cli.output import ignoring_closed_stdout, stopping_with_stdout

OK, FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130
_VERBOSE = f"{__name__}.verbose"


class Failed(click.ClickException):
    """An error that ends the command with exit code 1."""

    exit_code = FAILED


def _log_to_stderr(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    # Set up logging only once, although each level of the command has the flag.
    if value and not ctx.meta.get(_VERBOSE):
        ctx.meta[_VERBOSE] = True
        # Not botocore's log, which shows whole items.
        logger = logging.getLogger("beaker_dynamodb")
        logger.setLevel(logging.DEBUG)
        logger.addHandler(logging.StreamHandler())


VERBOSE = click.Option(
    ["-v", "--verbose"],
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_log_to_stderr,
    help="Log to stderr, and show the traceback of an error.",
)

json_flag = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
yes_flag = click.option("--yes", is_flag=True, help="Do not ask.")


def examples(lines: str) -> str:
    """Return the examples at the end of a help page, from lines without the program's name."""
    shown = "".join(f"  beaker-dynamodb {line}\n" for line in lines.splitlines())
    return f"\b\nExamples:\n{shown}"  # \b: click does not wrap the paragraph


class Group(click.Group):
    """Suggests the right subcommand for a mistyped one."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the subcommand, or suggest a similar one."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            close = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
            if not close:
                raise
            raise click.UsageError(f"{error.message} Did you mean {close[0]!r}?", ctx) from None


def command(
    name: str, *, example: str, changes: bool = False
) -> Callable[[Callable[..., Any]], click.Command]:
    """Turn a function into a subcommand; its docstring is the help.

    :param example: command lines, without the program's name.
    :param changes: the command changes something, so it finishes even if nothing reads its output.
    """
    output = ignoring_closed_stdout if changes else stopping_with_stdout

    def decorate(function: Callable[..., Any]) -> click.Command:
        @functools.wraps(function)
        def run(*args: Any, **given: Any) -> Any:
            with output():
                try:
                    return function(*args, **given)
                except KeyboardInterrupt:
                    if changes:
                        click.echo("Run the same command again to finish.", err=True)
                    raise

        made = click.command(name, epilog=examples(example))(run)
        made.params.append(VERBOSE)
        return made

    return decorate


def confirm(question: str) -> None:
    """Ask on stderr, and return only if the user agrees.

    :raises Failed: the user answers no.
    :raises click.UsageError: stdin is not a terminal and has no answer.
    """
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        click.echo(err=True)
        raise click.UsageError("cannot ask: stdin is not a terminal; pass --yes") from None
    if not agreed:
        raise Failed("nothing was changed")

"""The parts that all subcommands share: help with examples, ``--json``, ``--verbose``."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import click

OK, FAILED, WRONG_USE = 0, 1, 2
_VERBOSE = f"{__name__}.verbose"


class Failed(click.ClickException):
    """The command failed: exit code 1."""

    exit_code = FAILED


def _log_to_stderr(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    # Only once, although each level of the command has the flag.
    if value and not ctx.meta.get(_VERBOSE):
        ctx.meta[_VERBOSE] = True
        # Not botocore's log: it shows whole items.
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


def examples(lines: str) -> str:
    """Return the end of a help page: command lines, given without the program's name."""
    shown = "".join(f"  beaker-dynamodb {line}\n" for line in lines.splitlines())
    return f"\b\nExamples:\n{shown}"  # \b: click does not wrap the paragraph


def command(name: str, *, example: str) -> Callable[[Callable[..., Any]], click.Command]:
    """Turn a function into a subcommand; its docstring is the help.

    :param example: command lines, without the program's name.
    """

    def decorate(function: Callable[..., Any]) -> click.Command:
        made = click.command(name, epilog=examples(example))(function)
        made.params.append(VERBOSE)
        return made

    return decorate

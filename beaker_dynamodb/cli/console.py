"""Output of the subcommands: results on stdout, progress on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click


def counted(number: int, one: str, many: str) -> str:
    """Return a number with its noun: "1 entry", "1,200 entries"."""
    return f"{number:,} {one if number == 1 else many}"


def printable(string: str, keep: str = "") -> str:
    r"""Escape control characters such as ``\x1b`` and line ends, as JSON does.

    Use it for every stored string: any visitor with a session can write there.

    :param keep: characters that stay as they are.
    """
    return "".join(c if c.isprintable() or c in keep else json.dumps(c)[1:-1] for c in string)


def print_json(value: Any) -> None:
    """Print dicts, lists, strings and numbers as JSON."""
    # JSON has escaped the line ends inside strings already.
    click.echo(printable(json.dumps(value, indent=2, ensure_ascii=False), keep="\n"))


@contextmanager
def progress(description: str, total: float | None = None) -> Iterator[Callable[[float], None]]:
    """Show a progress bar on stderr if that is a terminal; yield the function that advances it.

    :param total: the amount of work, if known.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    # stdout may be a file: rich would send to the terminal what is printed there meanwhile.
    with Progress(
        *columns, TimeElapsedColumn(), console=console, transient=True, redirect_stdout=False
    ) as bar:
        task = bar.add_task(description, total=total)
        yield lambda amount: bar.advance(task, amount)

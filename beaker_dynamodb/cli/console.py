"""Output of the subcommands: results on stdout, progress on stderr."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
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


def print_paged(lines: Iterable[str]) -> None:
    """Print lines; on a terminal, use the pager if they do not fit on the screen."""
    rest = iter(lines)
    if sys.stdout.isatty():
        height = shutil.get_terminal_size().lines - 1
        screen = list(islice(rest, height))
        if len(screen) == height:
            click.echo_via_pager(f"{line}\n" for line in chain(screen, rest))
            return
        rest = iter(screen)
    for line in rest:
        click.echo(line)


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
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task(description, total=total)
        yield lambda amount: bar.advance(task, amount)

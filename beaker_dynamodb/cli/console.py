"""What a command prints: results on stdout, JSON where it was asked for; progress on stderr."""

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
    """Say a number of things: "1 entry", "1,200 entries"."""
    return f"{number:,} {one if number == 1 else many}"


def printable(text: str, keep: str = "") -> str:
    r"""Escape what a terminal would obey, such as ``\x1b`` and the end of a line, as JSON does it.

    For every text that comes out of the table: whoever has a session can write there.

    :param keep: characters that are left as they are.
    """
    return "".join(
        one if one.isprintable() or one in keep else json.dumps(one)[1:-1] for one in text
    )


def print_json(value: Any) -> None:
    """Print a value of dicts, lists, texts and numbers as JSON."""
    # In the texts there is no end of a line any more.
    click.echo(printable(json.dumps(value, indent=2, ensure_ascii=False), keep="\n"))


def print_paged(lines: Iterable[str]) -> None:
    """Print lines; on a terminal, what does not fit on it goes through the pager."""
    rest = iter(lines)
    if sys.stdout.isatty():
        screen = list(islice(rest, shutil.get_terminal_size().lines - 1))
        if len(screen) == shutil.get_terminal_size().lines - 1:
            click.echo_via_pager(f"{line}\n" for line in chain(screen, rest))
            return
        rest = iter(screen)
    for line in rest:
        click.echo(line)


@contextmanager
def progress(what: str, total: float | None = None) -> Iterator[Callable[[float], None]]:
    """Draw a progress bar on stderr, if that is a terminal; gives the function that advances it.

    :param what: what goes on, in a word or two.
    :param total: how much there is to do, where it is known.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda amount: bar.advance(task, amount)

"""Output of the subcommands: results on stdout, progress on stderr."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import click


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun: "1 item", "1,200 items"."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def printable(string: str, keep: str = "") -> str:
    r"""Escape control characters such as ``\x1b`` and line ends, as JSON does.

    Use it for every stored string: any visitor with a session may have written it.

    :param keep: characters to leave unescaped.
    """
    return "".join(c if c.isprintable() or c in keep else json.dumps(c)[1:-1] for c in string)


def print_json(value: Any) -> None:
    """Print dicts, lists, strings and numbers as JSON."""
    # json.dumps has already escaped the line ends inside strings.
    click.echo(printable(json.dumps(value, indent=2, ensure_ascii=False), keep="\n"))


#: Seconds between two lines of progress, if stderr is not a terminal.
LINE_SECONDS = 30.0


@contextmanager
def progress(
    description: str,
    total: float | None = None,
    *,
    more: Callable[[], str] = str,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Callable[[float], None]]:
    """Show progress on stderr; yield the function that advances it.

    A bar on a terminal, otherwise a line every 30 seconds. After Ctrl-C, say what has been done.

    :param description: what is counted: "items read".
    :param total: the amount of work, if known; an estimate may be too small.
    :param more: returns what else was done, for the line after Ctrl-C.
    :param clock: returns seconds.
    """
    done, next_line = 0.0, clock() + LINE_SECONDS

    def so_far() -> str:
        return f"{done:,.0f}{f' of about {total:,.0f}' if total else ''} {description}"

    with _bar(description, total) if sys.stderr.isatty() else nullcontext() as advance:

        def count(amount: float) -> None:
            nonlocal done, next_line
            done += amount
            if advance is not None:
                advance(amount)
            elif clock() >= next_line:
                next_line = clock() + LINE_SECONDS
                click.echo(f"{so_far()} ...", err=True)

        try:
            yield count
        except KeyboardInterrupt:
            click.echo(f"Interrupted: {so_far()}{more()}.", err=True)
            raise


@contextmanager
def _bar(description: str, total: float | None) -> Iterator[Callable[[float], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    # By default, rich redirects stdout to the terminal; stdout may be a file.
    with Progress(
        *columns, TimeElapsedColumn(), console=console, transient=True, redirect_stdout=False
    ) as bar:
        task = bar.add_task(description, total=total)
        yield lambda amount: bar.advance(task, amount)

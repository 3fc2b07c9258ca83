"""The flags of commands that read the whole table: how many calls at once, how fast."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

F = TypeVar("F", bound=Callable[..., object])


def with_scan(function: F) -> F:
    """Give a command ``--segments`` and ``--units-per-second``, as arguments of those names."""
    rate = click.option(
        "--units-per-second",
        type=click.FloatRange(min=0, min_open=True),
        metavar="UNITS",
        help="Read capacity to consume at most, on an average; without, as fast as it goes.",
    )
    segments = click.option(
        "--segments",
        type=click.IntRange(1, 1000),
        default=4,
        show_default=True,
        metavar="NUMBER",
        help="Parts of the table that are read at once.",
    )
    return segments(rate(function))

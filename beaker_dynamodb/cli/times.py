"""Times in flags and output: ISO 8601, UTC."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from operator import and_
from typing import Any

import click

from beaker_dynamodb.dynamodb.expressions import Attr
from beaker_dynamodb.items.layout import seconds

_AGE = re.compile(r"(\d+)([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

#: The condition and the help text of each flag.
_BOUNDS = {
    "created_before": (
        Attr("created").lt,
        "Only sessions that started before TIME: 2026-11-24T04:23Z, or an age such as 90m, 7d.",
    ),
    "created_after": (Attr("created").gt, "Only sessions that started after TIME."),
    "used_before": (Attr("accessed").lt, "Only sessions last accessed before TIME."),
    "used_after": (Attr("accessed").gt, "Only sessions last accessed after TIME."),
}


def iso(time: datetime | None) -> str | None:
    """Return a UTC time as ``2026-11-24T04:23:41Z``, or None if it is None."""
    return None if time is None else f"{time.replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def _time(_: click.Context, __: click.Parameter, value: str | None) -> datetime | None:
    """Parse an ISO 8601 time (UTC without a time zone), or an age such as ``7d``."""
    if value is None:
        return None
    try:
        if age := _AGE.fullmatch(value):
            return datetime.now(timezone.utc) - timedelta(**{_UNITS[age[2]]: int(age[1])})
        time = datetime.fromisoformat(re.sub(r"[Zz]$", "+00:00", value))
        return time.astimezone(timezone.utc) if time.tzinfo else time.replace(tzinfo=timezone.utc)
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"{value!r} is neither a time (2026-11-24T04:23Z) nor an age (90m, 7d)"
        ) from None


def with_period(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--created-before`` and similar flags; pass one `Condition`, or None."""

    @functools.wraps(function)
    def wrapper(**given: Any) -> Any:
        bounds = [(compare, given.pop(name)) for name, (compare, _) in _BOUNDS.items()]
        conditions = [
            compare(seconds(round(time.timestamp() * 1000))) for compare, time in bounds if time
        ]
        return function(period=functools.reduce(and_, conditions) if conditions else None, **given)

    for name, (_, help) in reversed(_BOUNDS.items()):
        flag = f"--{name.replace('_', '-')}"
        wrapper = click.option(flag, callback=_time, metavar="TIME", help=help)(wrapper)
    return wrapper

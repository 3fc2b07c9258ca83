"""Times on the command line and in its output: ISO 8601, UTC."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import click

from beaker_dynamodb.sessions.stored_session import StoredSession

_AGE = re.compile(r"(\d+)([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def iso(time: datetime | None) -> str | None:
    """Return a UTC time as ``2026-11-24T04:23:41Z``."""
    return None if time is None else f"{time.replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def _time(_: click.Context, __: click.Parameter, value: str | None) -> datetime | None:
    """Return the time that ISO 8601, or an age such as ``7d``, stands for."""
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


@dataclass(frozen=True)
class Period:
    """Selects sessions by when they started and were last used."""

    created_before: datetime | None
    created_after: datetime | None
    used_before: datetime | None
    used_after: datetime | None

    def __bool__(self) -> bool:
        return any((self.created_before, self.created_after, self.used_before, self.used_after))

    def __contains__(self, session: StoredSession) -> bool:
        return _between(session.created, self.created_after, self.created_before) and _between(
            session.accessed, self.used_after, self.used_before
        )


def _between(time: datetime | None, first: datetime | None, end: datetime | None) -> bool:
    if time is None:
        return first is None and end is None
    return (first is None or first <= time) and (end is None or time < end)


def with_period(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--created-before`` and its like; pass a `Period` on."""

    @functools.wraps(function)
    def wrapper(
        *,
        created_before: datetime | None,
        created_after: datetime | None,
        used_before: datetime | None,
        used_after: datetime | None,
        **given: Any,
    ) -> Any:
        period = Period(created_before, created_after, used_before, used_after)
        return function(period=period, **given)

    for flag, help in (
        ("--used-after", "... last accessed at TIME or later."),
        ("--used-before", "... last accessed before TIME."),
        ("--created-after", "... started at TIME or later."),
        (
            "--created-before",
            "Only sessions that started before TIME: 2026-11-24T04:23Z, or an age such as 90m, 7d.",
        ),
    ):
        wrapper = click.option(flag, callback=_time, metavar="TIME", help=help)(wrapper)
    return wrapper

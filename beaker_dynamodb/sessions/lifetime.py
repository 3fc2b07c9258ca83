"""Determine from a session's data whether an idle or absolute timeout has ended it.

The data comes from the table, so each number is checked before use. A value that is not a number,
or out of range, counts as missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beaker_dynamodb.config.converters import MAX_NUMBER
from beaker_dynamodb.sessions.events import ABSOLUTE, IDLE
from beaker_dynamodb.sessions.merge import ACCESSED, CREATED, LOGGED_IN

#: Key in a session's data: its own idle timeout in seconds, which overrides ``session.timeout``.
#: The application sets it, so it is not one of `BEAKER_KEYS`.
TIMEOUT = "_timeout"
#: The keys that decide when a session ends.
LIFETIME_KEYS = (ACCESSED, TIMEOUT, LOGGED_IN, CREATED)
#: The last second that a Python datetime can represent. Later times count as missing.
LATEST = 253_402_300_799


def number_in(data: Mapping[str, Any], key: str) -> float | None:
    """Return a time or a duration in a session's data, in seconds, or None if it is not valid."""
    value: Any = data.get(key)
    # Exclude bools, NaN and infinity.
    if type(value) in (int, float) and 0 <= value <= LATEST:
        return float(value)
    return None


def own_timeout(data: Mapping[str, Any]) -> float | None:
    """Return the session's own idle timeout in seconds, or None without one."""
    if TIMEOUT not in data:
        return None
    seconds = number_in(data, TIMEOUT)
    return seconds if seconds is not None and 0 < seconds <= MAX_NUMBER else None


def started(data: Mapping[str, Any]) -> float | None:
    """Return when the absolute timeout started: at the last log-in, or else at creation.

    :returns: epoch seconds, or None if neither is known.
    """
    logged_in = number_in(data, LOGGED_IN)
    return number_in(data, CREATED) if logged_in is None else logged_in


def expiry(
    data: Mapping[str, Any], now: float, timeout: float | None, absolute_timeout: float | None
) -> str | None:
    """Return why a session has expired, `IDLE` or `ABSOLUTE`, or None if it has not.

    If both timeouts have passed, the reason is the one that passed first.

    :param now: epoch seconds.
    :param timeout: ``session.timeout`` in seconds, or None; the session's own timeout overrides it.
    :param absolute_timeout: in seconds, or None.
    """
    ends = {}
    start = None if absolute_timeout is None else started(data)
    if absolute_timeout is not None and start is not None and now - start >= absolute_timeout:
        ends[ABSOLUTE] = start + absolute_timeout
    accessed, idle = number_in(data, ACCESSED), own_timeout(data) or timeout
    # Beaker also compares with > rather than >=.
    if idle is not None and accessed is not None and now - accessed > idle:
        ends[IDLE] = accessed + idle
    return min(ends, key=ends.__getitem__) if ends else None

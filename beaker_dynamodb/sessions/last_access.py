"""Access times of hosts whose clocks differ: the later one counts.

A refresh or a save by a host whose clock is behind must not shorten a session's life. So the access
time that is written is the stored one or this host's time, whichever is later, and the deadline is
the life after that. A shorter ``timeout`` still takes effect: only the access time is compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beaker_dynamodb.sessions.merge import ACCESSED


def later(seen: Mapping[str, Any], mine: Mapping[str, Any]) -> float | None:
    """Return Beaker's access time in ``seen`` if it is later than that in ``mine``, or None."""
    then, now = seen.get(ACCESSED), mine.get(ACCESSED)
    if not isinstance(then, (int, float)) or not isinstance(now, (int, float)):
        return None
    return then if then > now else None


def overwritable_ms(
    stored_ms: int | None, data: Mapping[str, Any], *, now_ms: int, touch_interval_ms: float
) -> int:
    """Return the latest access time in the table that a save may overwrite without merging it.

    :param stored_ms: the access time of the item as it was loaded.
    :param data: what is saved. Its own access time is when the request began, and Beaker ends the
        session by that; a later one is overwritten only if less than ``touch_interval`` is lost.
    :param now_ms: this host's time.
    """
    latest: float = now_ms
    began = data.get(ACCESSED)
    if isinstance(began, (int, float)):
        latest = min(latest, began * 1000 + touch_interval_ms)
    return max(stored_ms or 0, int(latest))

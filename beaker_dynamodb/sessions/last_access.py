"""Access times from hosts whose clocks differ: the later one counts.

A save by a host whose clock is behind must not shorten a session's life. It therefore writes the
later of the stored access time and its own, and the expiry follows from that. A shorter
``timeout`` takes effect nevertheless, because only access times are compared.
"""

from __future__ import annotations

from typing import Any


def later(then: Any, now: Any) -> float | None:
    """Return the first of two of Beaker's access times if it is later, or None."""
    if not isinstance(then, (int, float)) or not isinstance(now, (int, float)):
        return None
    return then if then > now else None


def overwritable_ms(
    stored_ms: int | None, began: Any, *, now_ms: int, touch_interval_ms: float
) -> int:
    """Return the latest stored access time that a save may overwrite without merging.

    :param stored_ms: the access time of the item as it was loaded.
    :param began: Beaker's access time in the session to save: when the request began. Beaker ends
        the session by this time, so a later one may be overwritten only if less than
        ``touch_interval`` is lost.
    """
    latest: float = now_ms
    if isinstance(began, (int, float)):
        latest = min(latest, began * 1000 + touch_interval_ms)
    return max(stored_ms or 0, int(latest))

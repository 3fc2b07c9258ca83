"""Keep the later of two access times when hosts' clocks differ.

A save by a host whose clock is behind must not shorten a session's life. It therefore writes the
later of the stored access time and its own, and computes the expiry from it. A shorter ``timeout``
still takes effect, because only access times are compared.
"""

from __future__ import annotations

from typing import Any


def later_access(stored: Any, own: Any) -> float | None:
    """Return the stored access time if it is later than the request's own, otherwise None."""
    if not isinstance(stored, (int, float)) or not isinstance(own, (int, float)):
        return None
    return stored if stored > own else None


def overwritable_ms(
    stored_ms: int | None, began: Any, *, now_ms: int, touch_interval_ms: float
) -> int:
    """Return the latest stored access time that a save may overwrite without merging.

    :param stored_ms: access time of the loaded item.
    :param began: Beaker's access time in the session to save. Plain Beaker sets it when the
        request begins, and computes the session's end from it. Overwriting a later stored time
        must therefore not shorten the session by more than ``touch_interval``.
    """
    latest: float = now_ms
    if isinstance(began, (int, float)):
        latest = min(latest, began * 1000 + touch_interval_ms)
    return max(stored_ms or 0, int(latest))

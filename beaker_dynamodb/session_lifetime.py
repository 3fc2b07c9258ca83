"""Lifetime of a session and its cookie: own timeout, absolute timeout, sliding expiry."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from beaker_dynamodb.config.converters import positive_number
from beaker_dynamodb.session_user import SessionWithUser
from beaker_dynamodb.sessions.lifetime import TIMEOUT, own_timeout, started
from beaker_dynamodb.sessions.merge import CREATED, LOGGED_IN
from beaker_dynamodb.sessions.record import SessionRecord
from beaker_dynamodb.sessions.storage import MAX_TOUCH_FRACTION


class SessionWithLifetime(SessionWithUser):
    """A session that may have its own timeout, and whose cookie's expiry slides with use."""

    #: The loaded session's own timeout in seconds, which the browser's cookie has, or None.
    _browser_timeout: float | None = None
    #: Whether the last save wrote anything.
    _written = False

    def set_timeout(self, seconds: float | None) -> None:
        """Set an idle timeout for this session alone, for example for "remember me".

        It replaces ``session.timeout``, and the cookie becomes persistent with the same lifetime.
        ``absolute_timeout`` still applies. In a request, the middleware then saves the session.

        :param seconds: None restores ``session.timeout`` and ``cookie_expires``.
        :raises ValueError: it is not a positive number.
        """
        if seconds is None:
            self.pop(TIMEOUT, None)
        else:
            self[TIMEOUT] = positive_number(seconds)

    def _set_times(self, data: dict[str, Any], loaded: SessionRecord) -> None:
        """Set the time of a log-in, and restore a start time that ``clear()`` removed."""
        if self._is_log_in(data, loaded):
            data[LOGGED_IN] = self[LOGGED_IN] = self._now()
        if CREATED not in data and loaded.storage.options.absolute_timeout is not None:
            # clear() must not extend the absolute timeout.
            start = started(loaded.seen_data)
            if start is not None:
                data[CREATED] = self[CREATED] = start

    def _keep_lifetime(self, record: SessionRecord, data: Mapping[str, Any]) -> None:
        """Remember a loaded session's own timeout, and set its touch interval."""
        self._browser_timeout = own_timeout(data)
        self._set_touch_interval(record, self._browser_timeout)

    def _set_touch_interval(self, record: SessionRecord, lifetime: float | None) -> None:
        """Shorten the touch interval if the own timeout or the cookie's lifetime is short.

        :param lifetime: the session's own timeout in seconds, or None.
        """
        interval_ms = record.storage.touch_interval_ms
        if lifetime is None and self.use_cookies:
            lifetime = super()._cookie_lifetime
        if lifetime is not None:
            interval_ms = min(interval_ms, lifetime * MAX_TOUCH_FRACTION * 1000)
        record.touch_interval_ms = interval_ms

    @property
    def _cookie_lifetime(self) -> float | None:
        return own_timeout(self) or super()._cookie_lifetime

    @property
    def _cookie_ends(self) -> float | None:
        """When a new cookie expires, in epoch seconds, or None if its lifetime is not relative."""
        if self._cookie_lifetime is None:
            return None
        end, start = self._now() + self._cookie_lifetime, started(self)
        absolute_timeout = self._storage.options.absolute_timeout
        if absolute_timeout is None or start is None:
            return end
        return min(end, start + absolute_timeout)

    def _set_cookie_expires(self, expires: Any) -> Any:
        end = self._cookie_ends
        if expires is not None or end is None:
            return super()._set_cookie_expires(expires)
        # Beaker's method overwrites the option with its argument.
        configured = self.cookie_expires
        try:
            return super()._set_cookie_expires(datetime.fromtimestamp(end, timezone.utc))
        finally:
            self.cookie_expires = configured

    @property
    def _cookie_outdated(self) -> bool:
        return super()._cookie_outdated or own_timeout(self) != self._browser_timeout

    @property
    def _slides(self) -> bool:
        """Whether the cookie should be sent again because the session was used.

        Only a request that wrote the session sends it. A request that only reads may finish after
        another request's log-in, and its cookie would restore the old id.
        """
        return self._written and self._cookie_lifetime is not None

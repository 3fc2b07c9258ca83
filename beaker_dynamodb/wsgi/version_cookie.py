"""``consistent_read = auto``: the session cookie also holds a version of the session's data.

A request may then read eventually consistently, at half the price: it reads again, consistently,
if the result is older than the version in the cookie. The cookie's value is
``<id>.<version>.<write time in epoch seconds>``.
"""

from __future__ import annotations

from beaker_dynamodb.wsgi.cookie_header import COOKIE_VALUE
from beaker_dynamodb.wsgi.session_cookie import SessionWithCookie

#: Replicas lag by less than this: "usually one second or less" (AWS developer guide, read
#: consistency).
MAX_REPLICA_LAG_SECONDS = 5


class SessionWithVersionCookie(SessionWithCookie):
    """A session whose cookie also holds the version of the data, if `_data_version` returns one."""

    #: The data version in the cookie that the browser has, and its write time in epoch seconds.
    _browser_version: tuple[int, int] | None = None

    def _data_version(self) -> tuple[int, int] | None:
        """Return the stored data's version and write time, or None to leave them out."""
        return None

    def _take_cookie_value(self, value: str) -> None:
        """Set the id, and remember the version if the value contains one."""
        self.id = value
        self._signature_outdated = not self._cookie_values.get(value, True)
        match = COOKIE_VALUE.fullmatch(value)
        if match and match[2]:
            self.id, self._browser_version = match[1], (int(match[2]), int(match[3]))

    def _replicated_version(self, now: float) -> int | None:
        """Return the version in the browser's cookie, once every replica must have it.

        Shortly after a change the cookie's version is not reliable: the responses to parallel
        requests may arrive in any order, and the browser keeps the cookie of the last one.
        """
        if self._browser_version is None:
            return None
        version, written = self._browser_version
        return version if now - written > MAX_REPLICA_LAG_SECONDS else None

    @property
    def _cookie_outdated(self) -> bool:
        version, seen = self._data_version(), self._browser_version or ()
        return super()._cookie_outdated or (version is not None and version[:1] != seen[:1])

    @property
    def _cookie_value(self) -> str:
        version = self._data_version()
        return f"{self.id}.{version[0]}.{version[1]}" if version else self.id

"""State that all sessions of one configuration share."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.backend import Backend
from beaker_dynamodb.config.beaker_settings import BEAKER_SLACK_SECONDS
from beaker_dynamodb.config.options import Options
from beaker_dynamodb.items.keys import Key
from beaker_dynamodb.sessions.conflict_retry import ConflictRetry
from beaker_dynamodb.sessions.events import ENDED, Events
from beaker_dynamodb.sessions.lifetime import own_timeout, started
from beaker_dynamodb.sessions.refreshes import refreshes_of

if TYPE_CHECKING:
    from beaker_dynamodb.sessions.users import Users

log = logging.getLogger("beaker_dynamodb")

#: Lifetime of a session if no option sets one: one day, as in this package's predecessor.
DEFAULT_TTL_SECONDS = 86_400.0
#: The default touch interval: a fraction of a session's lifetime, and a maximum in seconds.
TOUCH_FRACTION, MAX_TOUCH_SECONDS = 0.05, 300.0
#: The largest fraction of a session's lifetime that a touch interval can be.
MAX_TOUCH_FRACTION = 0.1
#: Stored size in bytes above which a warning is logged.
LARGE_SESSION_BYTES = 64 * 1024


class SessionStorage:
    """The session side of a backend."""

    def __init__(self, backend: Backend) -> None:
        self.options = backend.options
        self.items = backend.items
        self.keys = backend.keys
        self.codec = backend.codec
        self.special = backend.special
        self.events = Events(backend.options)
        self.refreshes = refreshes_of(backend.options)
        self.conflict_retry: Callable[[], ConflictRetry] = ConflictRetry
        self.touch_interval_ms = _touch_interval_ms(backend.options)
        #: None without the option ``user_key``.
        self.users: Users | None = None
        if backend.options.user_key is not None:
            from beaker_dynamodb.sessions.users import Users

            self.users = Users(self)
        self._warned = False

    def warn_about_size(self, size: int) -> None:
        """Warn once if a session is large, because each change writes all of it.

        :param size: stored size in bytes.
        """
        if size > LARGE_SESSION_BYTES and not self._warned:
            self._warned = True
            log.warning(
                "a session has a stored size of %d KB: each change to it costs that many "
                "write units. Keep large data in a cache, and its key in the session",
                size // 1024,
            )

    def report_end(self, key: Key, reason: str, attributes: Mapping[str, Any]) -> None:
        """Report the end of a session with these attributes."""
        self.events.report(ENDED, self.keys.digest(key), reason, attributes=attributes)

    def deadline_ms(
        self,
        accessed_ms: int,
        lifetime: float | None = None,
        data: Mapping[str, Any] | None = None,
        created_ms: int | None = None,
    ) -> int | None:
        """Return when a session expires, or None if it never does.

        That is `BEAKER_SLACK_SECONDS` after its timeouts, as in Beaker: until then, a request can
        still load the session and report why it has expired.

        :param accessed_ms: its last access, in milliseconds since the epoch.
        :param lifetime: in seconds, including the slack; None for its own timeout, or else the
            configured lifetime.
        :param data: the session's data. None if opaque; then its own and the absolute timeout do
            not apply.
        :param created_ms: when it was created; used if its data does not contain a valid time.
        """
        own = None if data is None else own_timeout(data)
        if lifetime is None:
            lifetime = _lifetime(self.options) if own is None else own + BEAKER_SLACK_SECONDS
        deadline_ms = None if lifetime is None else accessed_ms + round(lifetime * 1000)
        absolute = self.options.absolute_timeout
        if absolute is None or data is None:
            return deadline_ms
        start = started(data)
        start_ms = created_ms if start is None else round(start * 1000)
        if start_ms is None:
            return deadline_ms
        last_ms = start_ms + round((absolute + BEAKER_SLACK_SECONDS) * 1000)
        return last_ms if deadline_ms is None else min(deadline_ms, last_ms)


@lru_cache(maxsize=256)
def session_storage(backend: Backend) -> SessionStorage:
    """Return a backend's storage; it is created once."""
    return SessionStorage(backend)


def _lifetime(options: Options) -> float | None:
    """Return the configured lifetime of a session in seconds, or None if it never expires."""
    return (DEFAULT_TTL_SECONDS if options.timeout is None else options.timeout) or None


def _touch_interval_ms(options: Options) -> float:
    wanted = options.touch_interval
    lifetime = _lifetime(options)
    if lifetime is None:
        return (MAX_TOUCH_SECONDS if wanted is None else wanted) * 1000
    if options.timeout is not None and options.timeout > BEAKER_SLACK_SECONDS:
        # Beaker itself ends the session after its timeout, without the slack.
        lifetime = options.timeout - BEAKER_SLACK_SECONDS
    if wanted is None:
        wanted = min(lifetime * TOUCH_FRACTION, MAX_TOUCH_SECONDS)
    return min(wanted, lifetime * MAX_TOUCH_FRACTION) * 1000

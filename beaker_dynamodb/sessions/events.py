"""Report session events to the function in ``on_event`` and to the log.

The log records have the name ``beaker_dynamodb.events`` and the level INFO. Their attributes are
``event`` (the kind), ``reason``, ``session`` and ``old_session``, as in `SessionEvent`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from beaker_dynamodb.config.functions import import_function
from beaker_dynamodb.config.options import Options
from beaker_dynamodb.exceptions import ConfigurationError
from beaker_dynamodb.items.special_keys import plain_value

log = logging.getLogger("beaker_dynamodb.events")

#: Kinds of events; docs/howto/session-events.md says when they happen.
CREATED, REGENERATED, ENDED, REFUSED = "created", "regenerated", "ended", "refused"
MERGED, CONFLICT, DROPPED = "merged", "conflict", "dropped"

#: Reasons for `ENDED`.
LOG_OUT, IDLE, ABSOLUTE, REVOKED, EVICTED = "log_out", "idle", "absolute", "revoked", "evicted"
#: Reasons for `REFUSED`; a log-in can also be refused as `REVOKED`.
UNKNOWN_ID, HAS_ENDED, BAD_SIGNATURE, BAD_ITEM, TOO_MANY = (
    "unknown_id",
    "has_ended",
    "bad_signature",
    "bad_item",
    "too_many",
)


@dataclass(frozen=True)
class SessionEvent:
    """Something that happened to a session.

    :param kind: ``created``, ``regenerated``, ``ended``, ``refused``, ``merged``, ``conflict`` or
        ``dropped``.
    :param reason: why it ended or was refused; otherwise empty.
    :param session: digest of the session's id, as ``sessions list`` shows it; empty if unknown.
    :param old_session: digest of the earlier id of a session that was regenerated.
    :param time: epoch seconds.
    :param user: value of ``user_key``, or None if unknown or the option is not set. Not logged.
    """

    kind: str
    reason: str
    session: str
    old_session: str
    time: float
    user: Any = field(default=None, repr=False)


class Events:
    """Reports the events of one configuration."""

    def __init__(self, options: Options) -> None:
        self._function, self._clock = options.on_event, options.clock
        self._user_key = options.user_key

    def _listener(self) -> Callable[[SessionEvent], object] | None:
        """Return the application's function, or None. If it cannot be imported, log that once."""
        if isinstance(self._function, str):
            try:
                self._function = import_function("on_event", self._function)
            except ConfigurationError as error:
                self._function = None
                log.error("events are only logged: %s", error)
        return self._function

    def report(
        self,
        kind: str,
        session: str,
        reason: str = "",
        *,
        old_session: str = "",
        attributes: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        """Log an event and call the application's function. Its exceptions are logged, not raised.

        :param attributes: special keys as DynamoDB attributes; the user may be among them.
        """
        named = {"reason": reason, "session": session, "old_session": old_session}
        if log.isEnabledFor(logging.INFO):
            log.info(
                "session %s: %s",
                session or "without an id",
                f"{kind} ({reason})" if reason else kind,
                extra={"event": kind, **named},
            )
        listener = self._listener()
        if listener is None:
            return
        user = None if self._user_key is None else attributes.get(self._user_key)
        event = SessionEvent(
            kind=kind,
            **named,
            time=self._clock(),
            user=None if user is None else plain_value(user),
        )
        try:
            listener(event)
        except Exception:
            log.exception("on_event failed for %r", event)

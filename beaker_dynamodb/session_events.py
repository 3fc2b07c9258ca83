"""Report the ids and cookies that open no session (sessions/events.py)."""

from __future__ import annotations

from collections.abc import Iterable

from beaker_dynamodb.session_lifetime import SessionWithLifetime
from beaker_dynamodb.sessions import events
from beaker_dynamodb.sessions.record import SessionRecord


class SessionWithEvents(SessionWithLifetime):
    """A session that reports why a request did not get the one of its cookie."""

    def _report_refused_cookie(self) -> None:
        self._storage.events.report(events.REFUSED, "", events.BAD_SIGNATURE)

    def _report_unopened(self, records: Iterable[tuple[SessionRecord, str | None]]) -> None:
        """Report what the ids of a request led to.

        :param records: of the request's cookies, and why their sessions have expired, if they have.
        """
        for record, expiry in records:
            if expiry is not None:
                record.report(events.ENDED, expiry, attributes=record.expired_attributes)
            elif self.use_cookies:
                # Without a cookie, the application chose the id.
                reason = events.HAS_ENDED if record.ended else events.UNKNOWN_ID
                record.report(events.REFUSED, reason)

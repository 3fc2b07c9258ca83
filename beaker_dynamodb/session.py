"""A Beaker session in DynamoDB, with guarantees that a backend alone cannot provide.

Plain Beaker with ``ext:dynamodb`` already merges concurrent saves, and a save never undoes a
log-out. With `DynamoDBSession`, in addition:

- encrypted payloads are merged too;
- ``invalidate``, ``regenerate_id`` and ``delete`` replace the old session with a marker;
- an unknown id from a cookie is replaced with a new one;
- a cookie is set only after its session was stored;
- store errors are raised instead of logging the user out.
"""

from __future__ import annotations

import warnings
from typing import Any

from beaker.exceptions import BeakerWarning

from beaker_dynamodb.exceptions import DynamoDBError, PayloadError
from beaker_dynamodb.session_lifetime import SessionWithLifetime
from beaker_dynamodb.sessions import events
from beaker_dynamodb.sessions.lifetime import own_timeout
from beaker_dynamodb.sessions.merge import ACCESSED, BEAKER_KEYS, BOOKKEEPING
from beaker_dynamodb.sessions.record import SessionRecord


class DynamoDBSession(SessionWithLifetime):
    """A session in DynamoDB; takes the arguments of Beaker's Session.

    :raises ConfigurationError: ``type`` is not ``ext:dynamodb``.
    """

    invalidate_corrupt: bool
    #: The record of the old id, from `regenerate_id` until the save.
    _old_record: SessionRecord | None = None
    _deleted = False
    _delete_failed = False
    #: The id under which this session is known to be stored.
    _stored_id: str | None = None
    #: The id in the browser's cookie, if a session with that id exists.
    _browser_id: str | None = None
    #: Whether another request has ended the cookie's session or changed its id. If so, nothing is
    #: stored and no cookie is set, unless this request called `regenerate_id`, `invalidate` or
    #: `delete` (`_ended_by_application`).
    _ended = False
    _ended_by_application = False

    def _after_init(self) -> None:
        super()._after_init()
        if self._cookies_refused:
            self._storage.events.report(events.REFUSED, "", events.BAD_SIGNATURE)

    def load(self) -> None:
        """Load the session: usually one GetItem, but one for each cookie until one opens a session.

        :raises PayloadError: the item cannot be decoded, and ``invalidate_corrupt`` is not set.
        :raises DynamoDBError: the session was not read. It remains stored, and no cookie is set.
        """
        self.request["set_cookie"] = False
        try:
            self._load()
        except PayloadError as error:
            # Keep the item: a wrong key or a missing class can be fixed.
            record = self.namespace.session
            record.report(events.REFUSED, events.BAD_ITEM)
            del self.namespace
            if not self.invalidate_corrupt:
                raise
            # Beaker's own warning would show the id.
            warnings.warn(
                f"Invalidating corrupt session {record.digest} (hashed); error was: {error}. "
                "Set invalidate_corrupt=False to propagate this exception.",
                BeakerWarning,
                stacklevel=2,
            )
            self.invalidate()
        except DynamoDBError:
            # Otherwise Beaker treats the session as corrupt and logs the user out.
            self.invalidate_corrupt = False
            raise

    def _load(self) -> None:
        now = self._now()
        unopened: list[SessionRecord] = []
        # A stale cookie, perhaps for another path, must not hide a valid one.
        for value in dict.fromkeys([self.id, *self._cookie_values]):
            self._take_cookie_value(value)
            record = self._open()
            data = self._stored_data(record, now)
            if data and record.expiry is None:
                break
            unopened.append(record)
        else:
            # Never adopt an id from a cookie: it may be an attacker's. Without cookies, the
            # application chose the id, and must find the session under it again.
            for record in unopened:
                record.report_unopened()
            self._start(now, keep_id=not self.use_cookies)
            self._ended = self.use_cookies and any(record.ended for record in unopened)
            self._ended_by_application = False
            self.was_invalidated = bool(data)  # found, but timed out
            return
        self._stored_id = self._browser_id = self.id
        self._apply_cookie_config(data)
        self._keep_lifetime(record, data)
        self.clear()
        self.last_accessed = data.get("_accessed_time")
        data["_accessed_time"] = now
        dict.update(self, data)
        self.accessed_dict = data.copy()

    def _start(self, now: float, *, keep_id: bool = False) -> None:
        """Start a new, empty session, with a new id unless ``keep_id`` is set."""
        self.clear()
        self.is_new, self.last_accessed = True, None
        if not keep_id:
            self._create_id()
            self._close()
        self["_accessed_time"] = self["_creation_time"] = now
        self.accessed_dict = dict(self)
        self._old_record = self._saved = None
        self._deleted = False

    def save(self, accessed_only: bool = False) -> None:
        """Save the session, unless nothing has changed.

        After `regenerate_id` the item moves to the new id, in one transaction.

        :param accessed_only: the data has not changed; save the access time only.
        :raises PayloadError: ``data_serializer`` cannot encode a value. Nothing was stored.
        :raises DynamoDBError: the session was not saved.
        """
        if accessed_only and (self.is_new or self._deleted or not self.save_atime):
            return
        if accessed_only and self._old_record is None and self._record.fresh:
            return
        data = dict(self._saved or self.accessed_dict) if accessed_only else dict(self)
        if data.keys() <= BOOKKEEPING:
            if self._stored_id is not None:
                # The application called clear(), which does not expire the cookie itself.
                self._expire_cookie()
            self._remove()
            return
        if self._ended and not self._ended_by_application:
            self.request["set_cookie"] = False
            return
        if self._ended and not data.keys() - BEAKER_KEYS:
            return
        if self._deleted:
            data = self._restart(data)
        self._write(data)
        if self.use_cookies and self._stored_id == self.id:
            due = self.id != self._browser_id or (self._written and self._cookie_outdated)
            if due or (self._slides and not self.request["set_cookie"]):
                super()._update_cookie_out()
                if not due:
                    # Only the expiry is new: do not warn if it comes too late for the response.
                    self.request["cookie_terms"] = None

    def _write(self, data: dict[str, Any]) -> None:
        """Store the session, unless it is gone."""
        # Use the current time, not the request's start: the session was in use until now.
        data[ACCESSED] = self._now()
        record, old = self._record, self._old_record
        self._set_times(data, old or record)
        self._set_touch_interval(record, own_timeout(data))
        payload, before = self._format.encode(data), record.item
        stored = self._store(data, payload, record, old)
        self._written = stored and record.item is not before
        self._old_record = None
        if stored:
            self._saved, self._stored_id, self._ended = data, self.id, False
            return
        self._ended, self._ended_by_application = True, False
        self._stored_id, self.request["set_cookie"] = None, False
        if old and not self.revoked and (kept := old.own_changes(payload)):
            # After `regenerate_id`, keep only what this request set: the old data could undo a
            # log-out.
            self._write(self._restart({name: data[name] for name in kept}))

    def _restart(self, data: dict[str, Any]) -> dict[str, Any]:
        """Start a new session with this data, and return all data to store."""
        self._start(self._now(), keep_id=not self.use_cookies)
        self._close()
        dict.update(self, data)
        return dict(self)

    def delete(self) -> None:
        """End the session immediately, and expire the cookie."""
        self._remove()
        self._ended_by_application = True
        self._expire_cookie()
        self.clear()

    def invalidate(self) -> None:
        """End the session immediately, and start a new one with a new id.

        Until the new session is saved, the response expires the cookie.
        """
        self._remove()
        self._start(self._now())
        self._ended_by_application = self.was_invalidated = True
        self._expire_cookie()

    def regenerate_id(self) -> None:
        """Change the id at the next save. From then on, the old id is invalid."""
        self._ended_by_application = True
        if hasattr(self, "namespace"):
            if self._old_record is None:
                self._old_record = self.namespace.session
            elif self.namespace.namespace == self.id:
                # The id has already changed, but the save failed. Keep the new id: DynamoDB may
                # have carried out the save, and no browser has seen the id.
                return
        super().regenerate_id()

    def _remove(self) -> None:
        """Delete the item, unless this request has already deleted it."""
        self._delete_failed = True
        records = [self._old_record]
        if hasattr(self, "namespace") and not self._deleted:
            # A failed save after `regenerate_id` may have stored this record too.
            records.append(self.namespace.session)
        for record in dict.fromkeys(filter(None, records)):
            self._end(record)
        self._old_record = self._saved = self._stored_id = None
        self._delete_failed = False
        self._deleted = True

    @property
    def unsettled(self) -> bool:
        """Whether a delete or an id change was requested but is not stored yet."""
        return self._delete_failed or self._old_record is not None

    @property
    def changed(self) -> bool:
        """Whether the session differs from what was loaded or last saved."""
        return self._deleted or not self._record.holds(self._format.encode(dict(self)))

    def _update_cookie_out(self, set_cookie: bool = True) -> None:
        # Put a new id or path in the cookie only when the session is stored under that id.
        if self.request["set_cookie"] and self.id == self._stored_id:
            super()._update_cookie_out(set_cookie)

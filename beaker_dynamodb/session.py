"""Beaker's Session with what only a Session can do.

Plain Beaker over ``ext:dynamodb`` already merges concurrent saves and lets a log-out win. This
subclass adds: encrypted payloads can be merged too; ``invalidate``, ``regenerate_id`` and
``delete`` end the old session and leave a marker in its place; an unknown id is replaced by a fresh
one; no cookie announces an id under which nothing is stored; and a store error is raised to the
application instead of logging the user out.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from typing import Any

from beaker.exceptions import BeakerWarning

from beaker_dynamodb.dynamodb.error_mapping import cause
from beaker_dynamodb.exceptions import DynamoDBError, PayloadError
from beaker_dynamodb.items.codec import Raw
from beaker_dynamodb.namespace import DynamoDBNamespaceManager
from beaker_dynamodb.sessions.merge import ACCESSED, BEAKER_KEYS, BOOKKEEPING
from beaker_dynamodb.sessions.payload import PayloadFormat
from beaker_dynamodb.sessions.record import SessionRecord
from beaker_dynamodb.wsgi.cookie_header import ISSUED, new_id
from beaker_dynamodb.wsgi.session_cookie import SessionWithCookie

#: Replicas are behind for less than that: "usually one second or less" (AWS developer guide, read
#: consistency).
SETTLED_SECONDS = 5


class DynamoDBSession(SessionWithCookie):
    """A session in DynamoDB; takes the arguments of Beaker's Session.

    With a ``type`` other than ``ext:dynamodb`` it is Beaker's Session and nothing more.
    """

    #: Whether a session that cannot be read gives a new one, as Beaker sets it.
    invalidate_corrupt: bool
    id: str

    def __init__(self, request: dict[str, Any], id: str | None = None, **params: Any) -> None:
        #: The item of the id that the session had before `regenerate_id`.
        self._old_record: SessionRecord | None = None
        self._deleted = False
        #: Whether a delete was asked for and has failed.
        self._delete_failed = False
        #: The id under which something is known to be stored: no other is announced by a cookie.
        self._stored_id: str | None = None
        #: The id that the browser has in its cookie, if it leads to a session.
        self._browser_id: str | None = None
        #: Whether the session of the request's cookie ended, or got another id, a moment ago. Then
        #: nothing is stored or announced, unless the application detaches the session from it by
        #: `regenerate_id`, `invalidate` or `delete`.
        self._ended = self._detached = False
        #: What this request has saved, if it has.
        self._saved: dict[str, Any] | None = None
        #: The version of the data that this browser has seen, and when it was written, if its
        #: cookie says so.
        self._seen: tuple[int, int] | None = None
        params["type"] = params.get("type") or "ext:dynamodb"
        super().__init__(request, id=id, **params)

    @property
    def _in_dynamodb(self) -> bool:
        return isinstance(self.namespace_class, type) and issubclass(
            self.namespace_class, DynamoDBNamespaceManager
        )

    def load(self) -> None:
        """Load the session: one GetItem.

        :raises StoreUnavailable: DynamoDB could not answer; no cookie is set, the session stays.
        :raises AccessDenied: as above, for lack of a permission.
        :raises ConfigurationError: as above, for a wrong option or table.
        :raises PayloadError: the item cannot be decoded, and ``invalidate_corrupt`` is not set.
        """
        if not self._in_dynamodb:
            super().load()
            return
        try:
            self._load()
        except PayloadError as error:
            # The item stays: a wrong key or a missing class can be fixed.
            hashed_id = self.namespace.session.hashed_id
            del self.namespace
            if not self.invalidate_corrupt:
                raise
            # Beaker would do the same, with a warning that shows the id.
            warnings.warn(
                f"Invalidating corrupt session {hashed_id} (hashed); error was: {error}. "
                "Set invalidate_corrupt=False to propagate this exception.",
                BeakerWarning,
                stacklevel=2,
            )
            self.invalidate()
        except DynamoDBError:
            # Beaker would take the fault for a corrupt session, and log the user out.
            self.invalidate_corrupt = False
            self.request["set_cookie"] = False
            raise

    def _load(self) -> None:
        now = time.time()
        self.request["set_cookie"] = False
        data, timed_out = self._find(now)
        ended: bool = self.namespace.session.ended
        # A stale cookie, for another path perhaps, does not hide a good one behind it.
        while self._other_ids and (not data or timed_out):
            self.id = self._other_ids.pop(0)
            data, timed_out = self._find(now)
            ended = ended or self.namespace.session.ended
        if not data or timed_out:
            # Never adopt an id from a cookie: it may be an attacker's choice. Without a cookie it
            # is the program's own, which another part of the program looks for.
            self._start(now, keep_id=not self.use_cookies)
            self._ended, self._detached = ended and self.use_cookies, False
            self.was_invalidated = timed_out
            return
        self._stored_id = self._browser_id = self.id
        self._apply_cookie_config(data)
        self.clear()
        self.last_accessed = data.get("_accessed_time")
        data["_accessed_time"] = now
        self.update(data)
        self.accessed_dict = data.copy()
        self._tell_version()

    def _find(self, now: float) -> tuple[dict[str, Any], bool]:
        """Read the session of the present id, as `_read` does, as late a version as there is."""
        if (issued := ISSUED.fullmatch(self.id)) and issued[2]:
            self.id, self._seen = issued[1], (int(issued[2]), int(issued[3]))
        self.namespace = self._manager()
        data, timed_out = self._read(now, self._settled_version(now))
        if timed_out and self.namespace.session.perhaps_behind:
            # It may have been used a moment ago, which this read has not seen.
            data, timed_out = self._read(now, None)
        return data, timed_out

    def _read(self, now: float, seen_version: int | None) -> tuple[dict[str, Any], bool]:
        """Read the session, and tell whether it has timed out; no data where there is none."""
        try:
            data = self._loads(self.namespace.session.read(seen_version=seen_version))
        except KeyError:
            return {}, False
        used = data.get("_accessed_time", now)
        return data, self.timeout is not None and now - used > self.timeout

    def _settled_version(self, now: float) -> int | None:
        """Give the version that this browser has seen, if every replica has it by now.

        Right after a change the version does not tell enough: the answers of parallel requests may
        overtake each other, and the cookie is then that of an older one.
        """
        if self._seen is None:
            return None
        version, written = self._seen
        return version if now - written > SETTLED_SECONDS else None

    def _start(self, now: float, *, keep_id: bool = False) -> None:
        """Become a new, empty session.

        :param keep_id: under the same id, in place of what was loaded; otherwise under a fresh one.
        """
        self.clear()
        if keep_id:
            self.is_new, self.last_accessed = True, None
        else:
            self._create_id()
            self.__dict__.pop("namespace", None)
        self["_accessed_time"] = self["_creation_time"] = now
        self.accessed_dict = dict(self)
        self._old_record = self._saved = None
        self._deleted = False

    def _create_id(self, set_new: bool = True) -> None:
        """Make a fresh id; not Beaker's own way, whose ids may have another form one day."""
        if not self._in_dynamodb:
            super()._create_id(set_new)
            return
        self.id = new_id()
        if set_new:
            self.is_new, self.last_accessed = True, None

    def save(self, accessed_only: bool = False) -> None:
        """Save the session, unless nothing has changed.

        After `regenerate_id` the item moves to the new id, in one transaction.

        :param accessed_only: nothing was changed; only the time of the last use counts.
        :raises PayloadError: ``data_serializer`` cannot represent a value; the old session stays.
        :raises DynamoDBError: it was not saved.
        """
        if not self._in_dynamodb:
            super().save(accessed_only)
            return
        if accessed_only and (self.is_new or self._deleted or not self.save_atime):
            return
        if accessed_only and self._old_record is None and self._current().session.fresh:
            return
        data = dict(self._saved or self.accessed_dict) if accessed_only else dict(self)
        if data.keys() <= BOOKKEEPING:
            if self._stored_id is not None:
                # It was cleared, and not deleted, which expires the cookie by itself.
                self._expire_cookie()
            self._remove()
            return
        if self._ended and not self._detached:
            self.request["set_cookie"] = False
            return
        if self._ended and not data.keys() - BEAKER_KEYS:
            return
        if self._deleted:
            data = self._restart(data)
        self._write(data)
        if self.use_cookies and self._stored_id == self.id:
            self._announce()

    def _write(self, data: dict[str, Any]) -> None:
        """Store the session; if it is gone by now, only what a changed id may keep of it."""
        # The session was in use until now, however long ago the request began.
        data[ACCESSED] = time.time()
        record, payload = self._current().session, self._dumps(data)
        old = self._old_record
        if old is None:
            record.write(payload)
        else:
            record.move_from(old, payload)
            self._old_record = None
        if not record.gone:
            self._saved, self._stored_id, self._ended = data, self.id, False
            return
        self._ended, self._detached = True, old is not None
        self._stored_id, self.request["set_cookie"] = None, False
        if old is not None and (kept := old.own_changes(payload)):
            # No more than this request set itself: a copy of the old data could undo a log-out.
            self._write(self._restart({name: data[name] for name in kept}))

    def _restart(self, data: dict[str, Any]) -> dict[str, Any]:
        """Become a new session that holds this data, and return what is to be stored."""
        self._start(time.time(), keep_id=not self.use_cookies)
        self.__dict__.pop("namespace", None)
        self.update(data)
        return dict(self)

    def delete(self) -> None:
        """End the session at once, and expire the cookie."""
        if not self._in_dynamodb:
            super().delete()
            return
        self._remove()
        self._detached = True
        self._expire_cookie()
        self.clear()

    def invalidate(self) -> None:
        """End the session at once, and start a new one with a fresh id.

        Until the new one is saved, the response expires the cookie.
        """
        if not self._in_dynamodb:
            super().invalidate()
            return
        self._remove()
        self._start(time.time())
        self._detached = self.was_invalidated = True
        self._expire_cookie()

    def regenerate_id(self) -> None:
        """Change the id when the session is saved; the old one then finds nothing.

        Keeps the id of an earlier call whose save has failed.
        """
        self._detached = True
        if self._in_dynamodb and hasattr(self, "namespace"):
            if self._old_record is None:
                self._old_record = self.namespace.session
            elif self.namespace.namespace == self.id:
                # This id was never sent to a browser; but the failed save of it may have arrived,
                # and then the session is here and nowhere else.
                return
        super().regenerate_id()

    def _remove(self) -> None:
        """Delete the item, where there may be one and it was not done before."""
        self._delete_failed = True
        records = [self._old_record]
        if hasattr(self, "namespace") and not self._deleted:
            # Another one than the old where a save after `regenerate_id` has failed: it may have
            # arrived all the same.
            records.append(self.namespace.session)
        for record in dict.fromkeys(records):
            if record is not None:
                record.delete()
        self._old_record = self._saved = self._stored_id = None
        self._delete_failed = False
        self._deleted = True

    # -- cookie -------------------------------------------------------------------------------

    def _announce(self) -> None:
        """Set the cookie, unless the browser has it as it is: the session is stored now."""
        self._tell_version()
        if self.id != self._browser_id or self._scope_changed:
            super()._update_cookie_out()

    def _update_cookie_out(self, set_cookie: bool = True) -> None:
        # What changes the cookie (an id, a path) waits for `_announce`, unless a save came before.
        announced = self.request["set_cookie"] and self.id == self._stored_id
        if announced or not self._in_dynamodb:
            super()._update_cookie_out(set_cookie)

    @property
    def unsettled(self) -> bool:
        """Whether a delete or a change of id was asked for and is not stored."""
        return self._delete_failed or self._old_record is not None

    @property
    def changed(self) -> bool:
        """Whether the session differs from what was loaded, or saved last."""
        if not self._in_dynamodb or self._deleted:
            return True
        return not self._current().session.holds(self._dumps(dict(self)))

    # -- consistent_read = auto ---------------------------------------------------------------

    def _tell_version(self) -> None:
        """Put the version of the session's data into the cookie, if it is not there yet."""
        version = self._version
        if self.use_cookies and version is not None and version[:1] != (self._seen or ())[:1]:
            self._seen = version
            super()._update_cookie_out()

    @property
    def _version(self) -> tuple[int, int] | None:
        namespace = self.__dict__.get("namespace")
        if namespace is None or not self._in_dynamodb or namespace.namespace != self.id:
            return None
        if namespace.backend.options.consistent_read != "auto":
            return None
        version: tuple[int, int] | None = namespace.session.version
        return version

    def _set_cookie_values(self, expires: Any = None) -> None:
        super()._set_cookie_values(expires)
        if (version := self._version) is not None:
            # The cookie's attributes stay. With `session.secret`, what it says is signed as one.
            self.cookie[self.key] = f"{self.id}.{version[0]}.{version[1]}"

    # -- parts --------------------------------------------------------------------------------

    def _current(self) -> DynamoDBNamespaceManager:
        """Give the manager of the present id."""
        if not hasattr(self, "namespace") or self.namespace.namespace != self.id:
            self.namespace = self._manager()
        manager: DynamoDBNamespaceManager = self.namespace
        return manager

    def _manager(self) -> DynamoDBNamespaceManager:
        manager: DynamoDBNamespaceManager = self.namespace_class(
            self.id, data_dir=self.data_dir, digest_filenames=False, **self.namespace_args
        )
        manager.session.format = PayloadFormat(self._read_payload, self._write_payload)
        if self.use_cookies:
            manager.session.cookie_name = self.key
        return manager

    def _loads(self, payload: Any) -> dict[str, Any]:
        try:
            if isinstance(payload, Raw) and not self.encrypt_key:
                # As Beaker would, without the way over base64.
                return dict(self.serializer.loads(payload) or {})
            return dict(self._decrypt_data(Raw.text(payload)) or {})
        except Exception as error:
            # Deciphering and unpickling fail in any way they like; a TypeError or KeyError of
            # theirs must not be read as "no session".
            raise PayloadError(
                f"a session's payload cannot be decoded: {type(error).__name__}"
            ) from cause(error)

    def _read_payload(self, payload: Any) -> dict[str, Any] | None:
        try:
            return self._loads(payload)
        except PayloadError:
            return None

    def _write_payload(self, data: Mapping[str, Any], like: Any) -> Any:
        return self._dumps(dict(data))

    def _dumps(self, data: dict[str, Any]) -> Any:
        try:
            if self.encrypt_key:
                return self._encrypt_data(data)
            return Raw(self.serializer.dumps(data))
        except Exception as error:
            # Pickling runs the value's own code; a TypeError would be the application's puzzle.
            raise PayloadError(
                f"a session's data cannot be encoded: {type(error).__name__} (data_serializer)"
            ) from cause(error)

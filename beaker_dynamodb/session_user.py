"""Detect log-ins, and register them with their user (option ``user_key``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.backend import backend_for
from beaker_dynamodb.exceptions import SessionConflict, SpecialKeyError, TooManySessions
from beaker_dynamodb.items.special_keys import find
from beaker_dynamodb.session_item import SessionWithItem
from beaker_dynamodb.sessions import events
from beaker_dynamodb.sessions.lifetime import number_in
from beaker_dynamodb.sessions.merge import BEAKER_KEYS, LOGGED_IN
from beaker_dynamodb.sessions.record import SessionRecord
from beaker_dynamodb.sessions.storage import SessionStorage, session_storage

if TYPE_CHECKING:
    from beaker_dynamodb.sessions.users import LogIn, Users


class SessionWithUser(SessionWithItem):
    """A session that belongs to a user after a log-in."""

    #: Whether this request's log-in was dropped, because the user's sessions were revoked or newer
    #: ones replaced this one (``max_sessions``). Nothing remains stored, and no cookie is set.
    revoked = False
    _log_in: LogIn | None = None
    _cached_storage: SessionStorage | None = None

    @property
    def _users(self) -> Users | None:
        return self._storage.users

    @property
    def _storage(self) -> SessionStorage:
        if self._cached_storage is None:
            manager = self.__dict__.get("namespace")
            backend = backend_for(self._options) if manager is None else manager.backend
            self._cached_storage = session_storage(backend)
        return self._cached_storage

    def logged_in(self) -> None:
        """Record that the user has just logged in or re-entered a password.

        With the option ``user_key`` this happens automatically when the user changes. In a request,
        the middleware then saves the session.
        """
        self[LOGGED_IN] = self._now()

    def fresh_within(self, seconds: float) -> bool:
        """Return whether the last log-in was at most ``seconds`` ago.

        False if no log-in is known: see `logged_in`.
        """
        logged_in = number_in(self, LOGGED_IN)
        return logged_in is not None and self._now() - logged_in <= seconds

    def _is_log_in(self, data: Mapping[str, Any], loaded: SessionRecord) -> bool:
        """Return whether a save changes the user, but no log-in has been recorded.

        Assigning the user records a log-in, unless the user is inside a dict (``user.id``).
        """
        user = self._user_of(data)
        if user is None or user == self._user_of(loaded.seen_data):
            return False
        return number_in(data, LOGGED_IN) == number_in(loaded.seen_data, LOGGED_IN)

    def __setitem__(self, name: str, value: Any) -> None:
        self._begin_log_in({name: value})
        super().__setitem__(name, value)

    def setdefault(self, name: str, default: Any = None) -> Any:
        """Return a value, after setting it if it is missing."""
        if name not in self:
            self[name] = default
        return self[name]

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set values, as `dict.update` does."""
        changes: dict[str, Any] = dict(*args, **kwargs)
        self._begin_log_in(changes)
        super().update(changes)

    def clear(self) -> None:
        """Remove all values as Beaker does, without checking for a log-in."""
        dict.clear(self)
        dict.update(self, self._config)

    def _begin_log_in(self, changes: Mapping[str, Any]) -> None:
        """Begin a log-in if the user changes; it fails if a revoke happens before the save."""
        if changes.keys() <= BEAKER_KEYS:
            return  # Beaker sets these before the options exist
        users = self._users
        if users is None or users.user_key not in changes:
            return
        user = self._user_of(changes)
        if user is not None and user != self._user_of(self):
            self._ensure_log_in(users, user)
            self.logged_in()

    def _ensure_log_in(self, users: Users, user: dict[str, Any]) -> LogIn:
        """Return the log-in of a user; begin it unless it has already begun."""
        if self._log_in is None or self._log_in.user != user:
            self._log_in = users.begin(user)
        return self._log_in

    def _user_of(self, data: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the user in a session's data as a DynamoDB attribute, or None if it is unknown."""
        if self._users is None:
            return None
        name = self._users.user_key
        value = find(data, name, None)
        try:
            return None if value is None else self._storage.special.attribute(name, value)
        except SpecialKeyError:
            return None  # the save raises it

    def _store(
        self,
        data: Mapping[str, Any],
        payload: Any,
        record: SessionRecord,
        old: SessionRecord | None,
    ) -> bool:
        """Write the session, or move it from ``old``; return False if it was not stored."""
        if self._users is None:
            self._save_or_move(data, payload, record, old)
            return not record.gone
        loaded = old or record
        before = dict(loaded.seen_data)
        self.revoked = not self._register(data, record, loaded)
        if self.revoked:
            record.forget()
            record.report(events.REFUSED, events.REVOKED)
        else:
            self._save_or_move(data, payload, record, old)
        if not record.gone and not self._confirm(record, loaded, before):
            record.forget()
        if record.gone and record.registered:
            self.revoked = True
        return not record.gone

    def _save_or_move(
        self,
        data: Mapping[str, Any],
        payload: Any,
        record: SessionRecord,
        old: SessionRecord | None,
    ) -> None:
        """Move the session from ``old``, or write it; without comparing if it surely changed."""
        if old is not None:
            record.move_from(old, payload)
        elif self._surely_changed(data):
            record.write_changed(payload, data)
        else:
            record.write(payload)

    def _register(self, data: Mapping[str, Any], record: SessionRecord, old: SessionRecord) -> bool:
        """Register the session if this save is a log-in, or changes the id of a user's session.

        :param old: the loaded record; differs from ``record`` if the id changes.
        :returns: False if the log-in was revoked, so that the session must not be stored.
        """
        record.registered, users, user = False, self._users, self._user_of(data)
        record.log_in_user = {}
        if users is None or user is None:
            return True
        moved = user == self._user_of(old.seen_data)
        if moved and (old is record or old.stored is None):
            return True
        record.log_in_user = {users.user_key: user}
        try:
            log_in = self._ensure_log_in(users, user)
            record.registered = users.register(log_in, record.key, moved=moved)
        except TooManySessions:
            record.report(events.REFUSED, events.TOO_MANY)
            raise
        except SessionConflict:
            record.report(events.CONFLICT)
            raise
        return record.registered

    def _confirm(
        self, record: SessionRecord, old: SessionRecord, before: Mapping[str, Any]
    ) -> bool:
        """Finish a stored log-in; return False if it was revoked before or during the save."""
        users, log_in, earlier = self._users, self._log_in, self._user_of(before)
        if users is None or not record.registered or log_in is None:
            return True
        # Another user owned the session until this save, so a revoke could not find it.
        changed = earlier is not None and old is record and earlier != log_in.user
        if not users.confirm(log_in, record.key, always=changed):
            record.delete(events.REVOKED)
            return False
        self._log_in = None
        if earlier is not None:
            users.remove(earlier, old.key)
        return True

    def _end(self, record: SessionRecord) -> None:
        """Delete a session, and remove it from its user's list."""
        users, user = self._users, self._user_of(record.seen_data)
        record.delete()
        if users is not None and user is not None:
            users.remove(user, record.key)

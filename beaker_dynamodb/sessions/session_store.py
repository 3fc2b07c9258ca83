"""The sessions of a table, from outside of any request: listed, read, ended.

::

    store = SessionStore(table_name="myapp-sessions", special_keys="userId:N", index_keys="userId")
    store.revoke(userId=42, keep=request.session.id)  # log out everywhere else
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.backend import backend_for
from beaker_dynamodb.config.beaker_settings import beaker_parameters
from beaker_dynamodb.exceptions import ConfigurationError, PayloadError
from beaker_dynamodb.items.item import SESSION
from beaker_dynamodb.sessions.storage import session_storage
from beaker_dynamodb.sessions.stored_session import StoredSession, stored_session

if TYPE_CHECKING:
    from typing_extensions import Self

    from beaker_dynamodb.items.keys import Key

#: Passes of `SessionStore.revoke`: each but the last has found a session that is new in the index.
REVOKE_PASSES = 10


class SessionStore:
    """The sessions of one configuration. Thread-safe; making one does no I/O.

    :param options: as ``session.*`` of the application has them, see the README's table.
    :raises ConfigurationError: an option is unknown or does not fit.
    """

    def __init__(self, **options: Any) -> None:
        self._store = session_storage(backend_for(options))

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], prefix: str = "session.") -> Self:
        """Make one of an application's settings, for instance of an INI file.

        :param settings: what does not begin with the prefix, or ``beaker.`` and the prefix, is
            let by; and so is what Beaker itself reads: ``session.key``, ``session.secret`` …
        :raises ConfigurationError: an option is unknown or does not fit, or the sessions are not
            in DynamoDB.
        """
        given = {
            name[len(beginning) :]: value
            for name, value in settings.items()
            for beginning in (prefix, f"beaker.{prefix}")
            if name.startswith(beginning)
        }
        if given.get("type", "ext:dynamodb") not in ("ext:dynamodb", "dynamodb"):
            raise ConfigurationError(f"{prefix}type is {given['type']!r}, not ext:dynamodb")
        # Nothing is written here, so Beaker's timeout does not matter either.
        of_beaker = beaker_parameters()
        return cls(**{name: value for name, value in given.items() if name not in of_beaker})

    def sessions(
        self, wanted: Mapping[str, Any] | None = None, /, **more: Any
    ) -> Generator[StoredSession, None, None]:
        """Give the sessions that are alive and have these special keys, in no order.

        A Query of an index, which may be a moment behind. Without any special key all sessions,
        by a Scan that reads, and pays for, the whole table. Pages are read as they are needed.

        :param wanted: special keys and their values; for names that Python takes for no keyword.
        :param more: the same, as keywords.
        :raises ConfigurationError: a name is none of ``special_keys``, none of them is in
            ``index_keys``, or the table lacks the index.
        :raises SpecialKeyError: a value is not of the declared type.
        """
        conditions = self._conditions({**(wanted or {}), **more})
        listed = self._store.query.find(conditions) if conditions else self._store.query.all()
        # Whoever leaves early leaves no call behind.
        with closing(listed):
            for key, attributes in listed:
                session = self._stored(key, attributes)
                if session is not None:
                    yield session

    def count(self, wanted: Mapping[str, Any] | None = None, /, **more: Any) -> int:
        """Give the number of `sessions`; reads as much as that."""
        return sum(1 for _ in self.sessions(wanted, **more))

    def get(self, id: str | None, *, hashed: bool = False) -> StoredSession | None:
        """Give a session; None where there is none, or it has expired: one GetItem.

        :param id: as the session has it; None, as a session without one has it, is none.
        :param hashed: it is a digest, `StoredSession.id` with ``hash_ids``.
        :raises PayloadError: the item is damaged.
        """
        for key in self._keys(id, hashed):
            item = self._store.items.get(key, SESSION, consistent_read=True)
            if item is not None:
                return stored_session(self._store, item)
        return None

    def delete(self, session: str | StoredSession | None) -> bool:
        """Delete a session; no request in flight brings it back.

        :param session: its id, or what was found; None is none.
        :returns: whether there was one that was alive.
        """
        keys = [session._key] if isinstance(session, StoredSession) else self._keys(session)
        return sum(self._delete(key, {}) for key in keys) > 0

    def revoke(
        self,
        wanted: Mapping[str, Any] | None = None,
        /,
        *,
        keep: str | StoredSession | Iterable[str | StoredSession | None] | None = (),
        **more: Any,
    ) -> int:
        """Delete all sessions that have these special keys: log a user out everywhere.

        No request in flight brings one back. The index may be a moment behind, so it is read
        until it has nothing new, and a session goes only if it still has the special keys. What
        is not in the index by then, a log-in at this very moment, stays.

        :param wanted: special keys and their values, at least one; see `sessions`.
        :param keep: sessions that stay, by id: ``keep=request.session.id``; None is none.
        :param more: special keys as keywords.
        :returns: how many that were alive are gone.
        :raises ValueError: there is no special key.
        """
        conditions = self._conditions({**(wanted or {}), **more})
        if not conditions:
            raise ValueError("revoke() needs a special key; without one it would delete everything")
        if keep is None or isinstance(keep, (str, StoredSession)):
            keep = [keep]
        kept = set(self._kept(keep))
        revoked = 0
        tried: set[Key] = set()
        for _ in range(REVOKE_PASSES):
            found = {key for key, _ in self._store.query.find(conditions)} - kept - tried
            if not found:
                break
            revoked += sum(self._delete(key, conditions) for key in found)
            tried |= found
        return revoked

    # -- parts --------------------------------------------------------------------------------

    def _conditions(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        known = dict(self._store.options.special_keys)
        for name in wanted:
            if name not in known:
                raise ConfigurationError(f"{name!r} is none of the option special_keys")
        return {name: self._store.special.attribute(name, value) for name, value in wanted.items()}

    def _keys(self, id: str | None, hashed: bool = False) -> list[Key]:
        """Give the keys that a session may have; two of them with ``hash_ids = migrate``."""
        if id is None:
            return []
        keys = self._store.keys
        if hashed:
            return [keys.of_digest(id)]
        migrating = self._store.options.hash_ids == "migrate"
        return [keys.session(id), *([keys.session(id, hashed=False)] if migrating else [])]

    def _kept(self, sessions: Iterable[str | StoredSession | None]) -> Iterator[Key]:
        for session in sessions:
            yield from [session._key] if isinstance(session, StoredSession) else self._keys(session)

    def _delete(self, key: Key, conditions: Mapping[str, Any]) -> bool:
        items = self._store.items
        found = self._store.query.delete(key, conditions)
        return found is not None and not items.layout.expired(found, items.now_ms())

    def _stored(self, key: Key, attributes: Mapping[str, Any]) -> StoredSession | None:
        """Give a session that was listed; None where it has expired, or is damaged."""
        layout, now_ms = self._store.items.layout, self._store.items.now_ms()
        try:
            # No payload is listed: an item without one cannot be read as a whole.
            item = layout.item(key, SESSION, {**attributes, "data": {"B": b""}, "codec": {"S": ""}})
            return None if item.expired(now_ms) else stored_session(self._store, item)
        except (PayloadError, ValueError):
            return None

"""List, read and end the sessions of a table, outside of a request.

::

    store = SessionStore(table_name="myapp-sessions", special_keys="userId:N:index")
    store.revoke(userId=42, keep=request.session.id)  # log out everywhere else
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.backend import Backend, backend_for
from beaker_dynamodb.config.beaker_settings import session_options
from beaker_dynamodb.dynamodb.expressions import Condition
from beaker_dynamodb.exceptions import ConfigurationError
from beaker_dynamodb.items.item import SESSION
from beaker_dynamodb.items.keys import Key
from beaker_dynamodb.sessions import events
from beaker_dynamodb.sessions.query import SessionQuery
from beaker_dynamodb.sessions.storage import session_storage
from beaker_dynamodb.sessions.stored_session import StoredSession, listed_session, stored_session

if TYPE_CHECKING:
    from typing_extensions import Self

#: Maximum number of times that `SessionStore.revoke` reads the index while it finds new sessions.
REVOKE_PASSES = 10
#: `SessionStore.revoke_pass` deletes DELETED_BATCH sessions at a time, in DELETE_THREADS threads.
DELETED_BATCH, DELETE_THREADS = 32, 8


class SessionStore:
    """The sessions of one configuration. Thread-safe; the constructor does no I/O.

    :param options: the application's ``session.*`` options.
    :raises ConfigurationError: an option is unknown or invalid.
    """

    def __init__(self, **options: Any) -> None:
        self._storage = session_storage(backend_for(options))

    @classmethod
    def of(cls, backend: Backend) -> Self:
        """Return the store of a parsed configuration."""
        store = cls.__new__(cls)
        store._storage = session_storage(backend)
        return store

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], prefix: str = "session.") -> Self:
        """Return a store for an application's settings, such as those of an INI file.

        :param settings: those whose names start with the prefix, optionally after ``beaker.``, are
            used. Beaker's own settings, such as ``session.key``, are ignored.
        :raises ConfigurationError: an option is unknown or invalid, or the sessions are not in
            DynamoDB.
        """
        return cls(**session_options(settings, prefix))

    @property
    def _query(self) -> SessionQuery:
        return SessionQuery(self._storage.items)

    def sessions(
        self,
        special_keys: Mapping[str, Any] | None = None,
        /,
        *,
        condition: Condition | None = None,
        expected: int | None = None,
        **kwargs: Any,
    ) -> Generator[StoredSession, None, None]:
        """Yield the active sessions with these special keys, in no particular order.

        With special keys, this is a Query of an index, which may lag behind the table. Without
        any, it is a Scan that reads the whole table. Pages are read on demand.

        :param special_keys: names and values, for names that are not valid as keywords.
        :param condition: a condition on the attributes of a session, which DynamoDB checks.
        :param expected: the number of sessions that the caller takes if it stops early. The first
            pages are then small.
        :param kwargs: names and values as keywords.
        :raises ConfigurationError: a name is not in ``special_keys``, none of them has an
            index, or the table lacks it.
        :raises SpecialKeyError: a value does not have the declared type.
        """
        special = self._special({**(special_keys or {}), **kwargs})
        query = self._query
        with closing(
            query.find(special, condition, expected) if special else query.all(condition, expected)
        ) as found:
            yield from self._active(found)

    def _active(self, found: Iterable[tuple[Key, Mapping[str, Any]]]) -> Iterator[StoredSession]:
        """Yield the sessions found, except those that have expired or are damaged."""
        for key, attributes in found:
            session = listed_session(self._storage, key, attributes)
            if session is not None:
                yield session

    def count(self, special_keys: Mapping[str, Any] | None = None, /, **kwargs: Any) -> int:
        """Return how many sessions `sessions` would yield, at the same cost."""
        return sum(1 for _ in self.sessions(special_keys, **kwargs))

    def get(
        self, id: str | None, *, hashed: bool = False, consistent: bool = True
    ) -> StoredSession | None:
        """Return a session, or None if it does not exist or has expired: usually one GetItem.

        :param id: the session's id. None, the id of an unsaved session, finds nothing.
        :param hashed: whether ``id`` is the digest from a `StoredSession`.
        :param consistent: False costs half, and may miss changes of the last second.
        :raises PayloadError: the item is damaged.
        """
        for key in self._keys(id, hashed):
            item = self._storage.items.get(key, SESSION, consistent_read=consistent)
            if item is not None:
                return stored_session(self._storage, item)
        return None

    def delete(self, session: str | StoredSession | None) -> bool:
        """Delete a session. A request in flight cannot restore it.

        :param session: the session or its id. None is ignored.
        :returns: whether an active session was deleted.
        """
        deleted = [self._delete(key, {}) for key in self._keys(session)]
        return any(deleted)

    def revoke(
        self,
        special_keys: Mapping[str, Any] | None = None,
        /,
        *,
        keep: str | StoredSession | Iterable[str | StoredSession | None] | None = (),
        **kwargs: Any,
    ) -> int:
        """Delete all sessions with these special keys: log a user out everywhere.

        A request in flight cannot restore them. The index may lag behind the table, so it is read
        until it shows no new session (at most `REVOKE_PASSES` times). Only sessions that still have
        the special keys are deleted. If ``user_key`` is the only key given, no log-in that began
        before the call survives. Otherwise a session that is not yet in the index is not deleted.

        :param special_keys: names and values, at least one; see `sessions`.
        :param keep: sessions or ids to keep: ``keep=request.session.id``. None is ignored.
        :param kwargs: names and values as keywords.
        :returns: the number of active sessions deleted.
        :raises ValueError: no special key is given. See `sessions` for other errors.
        """
        return sum(1 for _ in self.revoke_each({**(special_keys or {}), **kwargs}, keep=keep))

    def revoke_each(
        self,
        special_keys: Mapping[str, Any],
        *,
        keep: str | StoredSession | Iterable[str | StoredSession | None] | None = (),
        condition: Condition | None = None,
    ) -> Generator[StoredSession, None, None]:
        """Delete sessions as `revoke` does; yield each active one once it is deleted.

        :param condition: as in `sessions`; also checked when a session is deleted.
        """
        special = self._special(special_keys)
        if not special:
            raise ValueError("revoke() needs a special key; without one it would delete everything")
        if keep is None or isinstance(keep, (str, StoredSession)):
            keep = [keep]
        done = {key for session in keep for key in self._keys(session)}
        users = self._storage.users
        if users is not None and special.keys() == {users.user_key} and condition is None:
            yield from self._active(users.revoke(special[users.user_key], done))
        for _ in range(REVOKE_PASSES):
            found = {key for key, _ in self._query.find(special, condition)} - done
            if not found:
                return
            done |= found
            deleted = (self._delete(key, special, condition) for key in found)
            yield from self._active(filter(None, deleted))

    def erase(self, special_keys: Mapping[str, Any] | None = None, /, **user: Any) -> int:
        """Delete everything stored about a user: sessions, their chunks, and the user's item.

        An item with only a digest of the user stays for an hour, so that log-ins in flight fail.

        :param user: the ``user_key`` and its value, as a keyword or in ``special_keys``.
        :returns: the number of active sessions deleted.
        :raises ConfigurationError: the option ``user_key`` is not set, or a different key is given.
        """
        wanted = {**(special_keys or {}), **user}
        users = self._storage.users
        if users is None or wanted.keys() != {users.user_key}:
            raise ConfigurationError("erase() needs the option user_key, and a value of that key")
        ended = self.revoke(wanted)
        users.erase(self._special(wanted)[users.user_key])
        return ended

    def _special(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Return special keys as DynamoDB attributes."""
        storage = self._storage
        for name in wanted:
            if name not in storage.special.names:
                raise ConfigurationError(f"{name!r} is not in the option special_keys")
        return {name: storage.special.attribute(name, value) for name, value in wanted.items()}

    def _keys(self, session: str | StoredSession | None, hashed: bool = False) -> list[Key]:
        """Return the keys that a session may have: two with ``hash_ids = migrate``."""
        if session is None:
            return []
        if isinstance(session, StoredSession):
            return [session._key]
        keys = self._storage.keys
        if hashed:
            return [keys.of_digest(session)]
        if self._storage.options.hash_ids == "migrate":
            return [keys.session(session), keys.session(session, hashed=False)]
        return [keys.session(session)]

    def _delete(
        self, key: Key, special: Mapping[str, Any], condition: Condition | None = None
    ) -> tuple[Key, Mapping[str, Any]] | None:
        """Delete a session; return its key and attributes if it had not expired."""
        items = self._storage.items
        deleted = self._query.delete(key, special, condition)
        if deleted is None or items.layout.expired(deleted, items.now_ms()):
            return None
        self._storage.report_end(key, events.REVOKED, deleted)
        return key, deleted

    def revoke_pass(
        self, condition: Condition | None = None
    ) -> Generator[StoredSession, None, None]:
        """Delete the sessions that one consistent Scan finds; yield each active one.

        A session that starts during the Scan may remain: repeat until a pass yields none.

        :param condition: as in `revoke_each`.
        """
        with (
            closing(self._query.all(condition, consistent=True)) as found,
            ThreadPoolExecutor(DELETE_THREADS) as pool,
        ):
            while batch := list(islice(found, DELETED_BATCH)):
                deleted = pool.map(lambda one: self._delete(one[0], {}, condition), batch)
                yield from self._active(filter(None, deleted))

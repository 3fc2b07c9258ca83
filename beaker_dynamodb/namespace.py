"""Beaker's verbs: the namespace manager, for sessions and for caches, and its container.

A manager whose key is the text ``'session'`` is a session's: Beaker's Session uses no other key,
and Beaker's Cache turns every key into bytes before it gets here.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from beaker.container import Container, NamespaceManager

from beaker_dynamodb.backend import backend_for
from beaker_dynamodb.items.codec import Raw
from beaker_dynamodb.items.keys import key_bytes
from beaker_dynamodb.sessions.record import SessionRecord
from beaker_dynamodb.sessions.storage import session_storage

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from beaker_dynamodb.caches.creation_lock import DynamoDBSynchronizer
    from beaker_dynamodb.caches.entries import CacheEntries
    from beaker_dynamodb.caches.storage import CacheStorage

#: Beaker's names for this backend, for ``type``.
TYPES = ("ext:dynamodb", "dynamodb")
#: The one key of a session's namespace.
SESSION_KEY = "session"


class DynamoDBNamespaceManager(NamespaceManager):  # type: ignore[misc]  # Beaker has no type hints
    """A namespace of values in a DynamoDB table.

    Making one does no I/O: Beaker makes one per request.

    :param namespace: a session's id, or the name of a cache's namespace.
    :param options: see the README's table; unknown ones are errors.
    :raises ConfigurationError: an option is unknown or does not fit.
    """

    def __init__(self, namespace: str, **options: Any) -> None:
        super().__init__(namespace)
        self.backend = backend_for(options)
        self._scope = _ReadScope()
        self._record: SessionRecord | None = None

    @property
    def timeout(self) -> float | None:
        """Life of an item after its last write, in seconds, as Beaker set it."""
        return self.backend.options.timeout

    @property
    def client(self) -> DynamoDBClient:
        """The boto3 client in use."""
        return self.backend.items.client()

    @property
    def faults_missed(self) -> int:
        """Faults of DynamoDB that caches with these options passed over in this process.

        By the option ``on_error``.
        """
        return self._cache_storage().outage.passed

    @property
    def undecodable_missed(self) -> int:
        """Reads of caches with these options that found an entry this process cannot decode.

        Such an entry counts as missing.
        """
        return self._cache_storage().undecodable.total

    # -- values -------------------------------------------------------------------------------

    def __getitem__(self, key: str | bytes) -> Any:
        """Give the value: one GetItem.

        :raises KeyError: there is none, or it has expired, and ``stale_grace`` is over.
        :raises PayloadError: what is stored cannot be decoded.
        """
        if key == SESSION_KEY:
            return Raw.text(self.session.read())
        value = self._read(key)
        if value is _NOTHING:
            raise KeyError(key)
        return value

    def __contains__(self, key: str | bytes) -> bool:
        """Return whether there is a value to be had by `[]`: one GetItem.

        Inside a write lock always True, without a call: Beaker asks there before it removes a
        value. A removal is needed even if nothing is stored, because the value may be being made.
        """
        if key == SESSION_KEY:
            return self.session.exists()
        if self._scope.writing:
            return True
        return self._read(key) is not _NOTHING

    def __setitem__(self, key: str | bytes, value: Any) -> None:
        """Store a value; its life is the option ``timeout``."""
        self.set_value(key, value)

    def set_value(self, key: str | bytes, value: Any, expiretime: float | None = None) -> None:
        """Store a value.

        :param expiretime: its life in seconds; None: the option ``timeout``.
        :raises PayloadError: the value cannot be encoded; the old one stays.
        :raises ItemTooLarge: it does not fit into an item; the old one stays.
        """
        self._scope.forget(key)
        if key == SESSION_KEY:
            self.session.write(value, expiretime)
        else:
            self._entries().write(key, value, expiretime)

    def __delitem__(self, key: str | bytes) -> None:
        """Delete a value; one that is not there is no error."""
        self._scope.forget(key)
        if key == SESSION_KEY:
            self.session.delete()
        else:
            self._entries().delete(key)

    def keys(self) -> list[str | bytes]:
        """Give the keys of the values that have not expired.

        Those of a cache are bytes, as Beaker's Cache passes them in. On a table without a sort
        key this reads the whole table.
        """
        if self._record is not None:
            return [SESSION_KEY] if self._record.exists() else []
        return list(self._entries().keys())

    def do_remove(self) -> None:
        """Delete every value of this namespace, and nothing else.

        On a table without a sort key this reads the whole table.
        """
        self._scope.read.clear()
        if self._record is not None:
            self._record.delete()
        else:
            self._entries().remove()

    # -- locks --------------------------------------------------------------------------------

    def acquire_read_lock(self) -> None:
        """Begin a read: until the lock is released, this thread reads an entry once only.

        Beaker's Value asks ``key in namespace`` and then ``namespace[key]`` inside one lock.
        """
        self._scope.depth += 1

    def release_read_lock(self) -> None:
        """End a read."""
        scope = self._scope
        scope.depth -= 1
        if not scope.depth:
            scope.read.clear()

    def acquire_write_lock(self, wait: bool = True, replace: bool = False) -> bool:
        """Begin a write by this thread. Nothing is locked: every write is one call."""
        self._scope.writing += 1
        return True

    def release_write_lock(self) -> None:
        """End a write."""
        self._scope.writing -= 1

    def get_creation_lock(self, key: str | bytes) -> DynamoDBSynchronizer:
        """Give the lock under which one caller, of all processes and hosts, makes a value."""
        from beaker_dynamodb.caches.lock_registry import creation_lock

        return creation_lock(self._cache_storage(), self.backend.keys.lock(self.namespace, key))

    # -- the two kinds ------------------------------------------------------------------------

    @property
    def session(self) -> SessionRecord:
        """The session whose id is this namespace."""
        self._reap()
        if self._record is None:
            self._record = SessionRecord(session_storage(self.backend), self.namespace)
        return self._record

    def _reap(self) -> None:
        """Start the legacy reaper of this process, if it is wanted and does not run yet."""
        if self.backend.options.reap_interval:
            from beaker_dynamodb.items.background_reaper import keep_reaping

            keep_reaping(self.backend.items)

    def _entries(self) -> CacheEntries:
        # Lazy: sessions need no caches and no locks.
        from beaker_dynamodb.caches.entries import CacheEntries

        self._reap()
        return CacheEntries(self._cache_storage(), self.namespace)

    def _cache_storage(self) -> CacheStorage:
        from beaker_dynamodb.caches.storage import cache_storage

        return cache_storage(self.backend)

    def _read(self, key: str | bytes) -> Any:
        scope = self._scope
        if not scope.depth:
            return self._entries().read(key, _NOTHING)
        name = key_bytes(key)
        if name not in scope.read:
            scope.read[name] = self._entries().read(key, _NOTHING)
        return scope.read[name]


_NOTHING = object()


class _ReadScope(threading.local):
    """What one thread has read since it took the read lock; a cache's manager serves many."""

    def __init__(self) -> None:
        self.depth = 0
        self.writing = 0
        self.read: dict[bytes, Any] = {}

    def forget(self, key: str | bytes) -> None:
        self.read.pop(key_bytes(key), None)


class DynamoDBContainer(Container):  # type: ignore[misc]  # Beaker has no type hints
    """Beaker's deprecated Container over DynamoDB, for programs that still use one."""

    namespace_class = DynamoDBNamespaceManager


def register() -> None:
    """Make ``ext:dynamodb`` and ``dynamodb`` known to Beaker, for where entry points are not.

    They are not where a program runs from a frozen or zipped copy, or where Beaker 1.13 finds no
    pkg_resources. Harmless where they are.
    """
    from beaker.cache import clsmap

    for name in TYPES:
        try:
            clsmap[name]  # loads the entry points, which refuse a name that is already taken
        except KeyError:
            clsmap._clsmap[name] = DynamoDBNamespaceManager

"""Beaker's interface to a backend: the namespace manager of sessions and caches.

The ``str`` key ``'session'`` always means a session: Beaker's Session uses no other key, and
Beaker's Cache encodes its keys to bytes.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from beaker.container import Container, NamespaceManager

from beaker_dynamodb.backend import backend_for
from beaker_dynamodb.config.beaker_settings import TYPES
from beaker_dynamodb.items.codec import SessionBytes
from beaker_dynamodb.items.keys import key_bytes
from beaker_dynamodb.sessions.record import SessionRecord
from beaker_dynamodb.sessions.storage import session_storage

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from beaker_dynamodb.caches.creation_lock import CreationLock
    from beaker_dynamodb.caches.entries import CacheEntries
    from beaker_dynamodb.caches.storage import CacheStorage

#: The only key in a session's namespace.
SESSION_KEY = "session"
_MISSING = object()


class DynamoDBNamespaceManager(NamespaceManager):  # type: ignore[misc]  # Beaker has no type hints
    """A namespace of values in a DynamoDB table. Creating one does no I/O.

    :param namespace: a session's id, or the name of a cache's namespace.
    :raises ConfigurationError: an option is unknown or invalid.
    """

    def __init__(self, namespace: str, **options: Any) -> None:
        super().__init__(namespace)
        self.backend = backend_for(options)
        #: The locks of each thread that holds any. Not a `threading.local`: creating one takes
        #: longer than the rest of this method, and every request creates a manager. Not by thread
        #: id: after a fork, another thread may get the id of one that held a lock.
        self._held: dict[threading.Thread, _HeldLocks] = {}
        self._record: SessionRecord | None = None

    @property
    def timeout(self) -> float | None:
        """The option ``timeout`` in seconds, or None if it is not set."""
        return self.backend.options.timeout

    @property
    def client(self) -> DynamoDBClient:
        """The boto3 client in use."""
        return self.backend.items.client()

    @property
    def errors_tolerated(self) -> int:
        """Number of store errors that caches with these options ignored (``on_error = miss``)."""
        return self._cache_storage().tolerated.total

    @property
    def undecodable_missed(self) -> int:
        """Number of reads in which caches with these options skipped an undecodable entry."""
        return self._cache_storage().undecodable.total

    def __getitem__(self, key: str | bytes) -> Any:
        """Return the value, with one GetItem.

        :raises KeyError: it does not exist, has expired (a cache entry: and its ``stale_grace`` is
            over), or is a cache entry that this process cannot decode.
        :raises PayloadError: it is damaged, or its signature is wrong.
        """
        if key == SESSION_KEY:
            return SessionBytes.text(self.session.read())
        value = self._read(key)
        if value is _MISSING:
            raise KeyError(key)
        return value

    def __contains__(self, key: str | bytes) -> bool:
        """Return whether `[]` would return a value, with one GetItem.

        For a cache entry inside a write lock, return True without a call. Beaker deletes only a
        value that exists, but the delete must also discard a value that is being computed.
        """
        if key == SESSION_KEY:
            return self.session.exists()
        if self._locks().writes:
            return True
        return self._read(key) is not _MISSING

    def __setitem__(self, key: str | bytes, value: Any) -> None:
        """Store a value with the default lifetime of `set_value`."""
        self.set_value(key, value)

    def set_value(self, key: str | bytes, value: Any, expiretime: float | None = None) -> None:
        """Store a value.

        :param expiretime: lifetime in seconds; defaults to the session's own timeout, or the option
            ``timeout``.
        :raises PayloadError: the value cannot be encoded. The old value is kept.
        :raises ItemTooLarge: the value is too large. The old value is kept.
        """
        if key == SESSION_KEY:
            self.session.write(value, expiretime)
        else:
            self._forget(key)
            self._entries().write(key, value, expiretime)

    def __delitem__(self, key: str | bytes) -> None:
        """Delete a value. A missing one is not an error."""
        if key == SESSION_KEY:
            self.session.delete()
        else:
            self._forget(key)
            self._entries().delete(key)

    def keys(self) -> list[str | bytes]:
        """Return the keys of all values that have not expired.

        A cache's keys are bytes, as Beaker's Cache passes them. For a cache without a sort key,
        this scans the whole table.
        """
        if self._record is not None:
            return [SESSION_KEY] if self._record.exists() else []
        return list(self._entries().keys())

    def do_remove(self) -> None:
        """Delete every value of this namespace.

        For a cache without a sort key, this scans the whole table.
        """
        self._locks().values.clear()
        if self._record is not None:
            self._record.delete()
        else:
            self._entries().remove()

    def _read(self, key: str | bytes) -> Any:
        locks, name = self._locks(), key_bytes(key)
        if not locks.reads:
            return self._entries().read(key, _MISSING)
        if name not in locks.values:
            locks.values[name] = self._entries().read(key, _MISSING)
        return locks.values[name]

    def _forget(self, key: str | bytes) -> None:
        self._locks().values.pop(key_bytes(key), None)

    def acquire_read_lock(self) -> None:
        """Make this thread read each entry only once until it releases the lock.

        Beaker's Value evaluates ``key in namespace`` and then ``namespace[key]`` inside one lock.
        """
        self._hold(more_reads=1)

    def release_read_lock(self) -> None:
        """Release the lock, and forget the values read inside it."""
        self._hold(more_reads=-1)

    def acquire_write_lock(self, wait: bool = True, replace: bool = False) -> bool:
        """Begin a write by this thread. No lock is needed: every write is atomic."""
        self._hold(more_writes=1)
        return True

    def release_write_lock(self) -> None:
        """End a write."""
        self._hold(more_writes=-1)

    def _locks(self) -> _HeldLocks:
        """Return what this thread holds; if nothing, a new object that is not kept."""
        return self._held.get(threading.current_thread()) or _HeldLocks()

    def _hold(self, *, more_reads: int = 0, more_writes: int = 0) -> None:
        """Add to the locks that this thread holds; without a read lock, forget what it has read."""
        thread, locks = threading.current_thread(), self._locks()
        locks.reads += more_reads
        locks.writes += more_writes
        if not locks.reads:
            locks.values.clear()
        if locks.reads or locks.writes:
            self._held[thread] = locks
        else:
            self._held.pop(thread, None)

    def get_creation_lock(self, key: str | bytes) -> CreationLock:
        """Return the lock that lets only one caller across all hosts compute a value."""
        from beaker_dynamodb.caches.lock_registry import locks

        return locks.lock(self._cache_storage(), self.backend.keys.lock(self.namespace, key))

    @property
    def session(self) -> SessionRecord:
        """The session whose id is this namespace."""
        if self._record is None:
            self._start_reaper()
            self._record = SessionRecord(session_storage(self.backend), self.namespace)
        return self._record

    def _entries(self) -> CacheEntries:
        # Imported lazily: sessions do not need the caches' modules.
        from beaker_dynamodb.caches.entries import CacheEntries

        self._start_reaper()
        return CacheEntries(self._cache_storage(), self.namespace)

    def _cache_storage(self) -> CacheStorage:
        from beaker_dynamodb.caches.storage import cache_storage

        return cache_storage(self.backend)

    def _start_reaper(self) -> None:
        if self.backend.options.reap_interval:
            from beaker_dynamodb.items.background_reaper import keep_reaping

            keep_reaping(self.backend.items)


class _HeldLocks:
    """The locks that a thread holds on a manager, and the values read inside the read lock."""

    def __init__(self) -> None:
        self.reads = 0
        self.writes = 0
        self.values: dict[bytes, Any] = {}


class DynamoDBContainer(Container):  # type: ignore[misc]  # Beaker has no type hints
    """Beaker's deprecated Container, with values in DynamoDB."""

    namespace_class = DynamoDBNamespaceManager


def register() -> None:
    """Register ``ext:dynamodb`` and ``dynamodb`` with Beaker, unless entry points already did.

    Needed in a frozen or zipped application, and with Beaker 1.13 if pkg_resources is missing.
    """
    from beaker.cache import clsmap

    for name in TYPES:
        try:
            clsmap[name]  # loads entry points first: they raise if the name is already taken
        except KeyError:
            clsmap._clsmap[name] = DynamoDBNamespaceManager

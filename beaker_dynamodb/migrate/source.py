"""The interface of a store to migrate from. Each implementation is in a ``from_….py`` file.

No source unpickles objects. Beaker's backends store pickles of strings and dicts, which
``inert_pickle.py`` reads without running anything.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from beaker_dynamodb.exceptions import DynamoDBError, StoreUnavailable
from beaker_dynamodb.items.keys import key_bytes
from beaker_dynamodb.migrate import inert_pickle
from beaker_dynamodb.namespace import SESSION_KEY


@dataclass(frozen=True, slots=True)
class SourceSession:
    """A session in the old store.

    :param session_id: None if the store has only its digest.
    :param payload: the unchanged string that Beaker's Session stored.
    :param digest: hexadecimal SHA-256 of the id.
    :param accessed_ms: last write according to the store, in milliseconds since the epoch, or None
        if it is unknown.
    :param expires_ms: expiry according to the store, or None if it has none or it is unknown.
    """

    session_id: str | None
    payload: Any
    digest: str
    accessed_ms: int | None = None
    expires_ms: int | None = None


@dataclass(frozen=True, slots=True)
class NotASession:
    """Something else in the old store, such as cache entries."""


@dataclass(frozen=True, slots=True)
class Damaged:
    """A session that Beaker cannot read either."""


Entry = SourceSession | NotASession | Damaged


class Source(ABC):
    """A store to migrate from."""

    #: Name for messages, without a password.
    name: str

    def total(self) -> int | None:
        """Return the approximate number of entries, or None if it is unknown.

        :raises StoreUnavailable: the store cannot be read.
        """
        with reading(self.name):
            return self._total()

    def entries(self) -> Iterator[Entry]:
        """Yield the contents of the store, in bounded memory.

        :raises StoreUnavailable: the store cannot be read.
        """
        with reading(self.name):
            yield from self._entries()

    @abstractmethod
    def _total(self) -> int | None: ...

    @abstractmethod
    def _entries(self) -> Iterator[Entry]: ...


def digest_of(session_id: str) -> str:
    """Return the hexadecimal SHA-256 of an id."""
    return hashlib.sha256(key_bytes(session_id)).hexdigest()


def from_pickle(
    session_id: str,
    pickled: bytes,
    *,
    namespace: bool = False,
    accessed_ms: int | None = None,
    expires_ms: int | None = None,
) -> Entry:
    """Return the entry for a pickle that one of Beaker's backends wrote.

    :param namespace: the backend pickles the whole dict of a namespace, not each value separately.
    """
    try:
        payload = inert_pickle.loads(pickled)
    except ValueError:
        return Damaged()
    if namespace:
        payload = payload.get(SESSION_KEY) if isinstance(payload, dict) else None
    # A cache may also use the key "session", but its values are tuples.
    if not isinstance(payload, str):
        return NotASession()
    return SourceSession(session_id, payload, digest_of(session_id), accessed_ms, expires_ms)


@contextmanager
def reading(name: str) -> Generator[None, None, None]:
    """Raise StoreUnavailable, with the source's name, for any error from its client library."""
    try:
        yield
    except DynamoDBError:
        raise
    except Exception as error:
        raise StoreUnavailable(f"{name} cannot be read: {type(error).__name__}: {error}") from error

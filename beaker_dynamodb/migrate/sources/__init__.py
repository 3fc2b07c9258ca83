"""The stores that sessions may come from: each gives what it holds, one entry after the other.

No source unpickles an object: Beaker's backends keep pickles of plain texts and dicts, which
``migrate/inert_pickle.py`` reads without running anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from beaker_dynamodb.exceptions import DynamoDBError, StoreUnavailable
from beaker_dynamodb.items.keys import key_bytes
from beaker_dynamodb.migrate import inert_pickle

#: The one key of a session's namespace.
SESSION_KEY = "session"


@dataclass(frozen=True, slots=True)
class Found:
    """A session.

    :param session_id: as the browser has it; None where the store knows its digest only.
    :param payload: exactly what Beaker's Session stored.
    :param digest: SHA-256 of the id, hexadecimal.
    :param accessed_ms: when the store itself says that it was last written, in milliseconds since
        the epoch; None: it does not say.
    :param expires_ms: when the store would let it go; None: never, or it does not say.
    """

    session_id: str | None
    payload: Any
    digest: str
    accessed_ms: int | None = None
    expires_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Foreign:
    """Something that is not a session: a cache's entries, for instance."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something damaged, which Beaker could not read either.

    :param reason: what is wrong with it.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A place to go on from: everything before it in this part of the store was given.

    :param segment: the part.
    :param last_key: the place; None: the part is done.
    """

    segment: int
    last_key: Mapping[str, Any] | None


Entry = Found | Foreign | Unreadable | Mark


class Source(Protocol):
    """A store that is left.

    :param name: what people know it by; holds no password.
    """

    name: str

    def entries(self, marks: Mapping[int, Mapping[str, Any] | None]) -> Iterator[Entry]:
        """Give what is in it, in bounded memory.

        :param marks: for each segment the last `Mark` of an earlier run; empty: from the beginning.
        :raises StoreUnavailable: it cannot be read.
        :raises ConfigurationError: it is not there, or the library that reads it is missing.
        """
        ...


def digest_of(session_id: str) -> str:
    """Give an id's SHA-256, hexadecimal."""
    return hashlib.sha256(key_bytes(session_id)).hexdigest()


def of_namespace(session_id: str, pickled: bytes, accessed_ms: int | None) -> Entry:
    """Give what a backend has that keeps a namespace's whole dict as one pickle."""
    try:
        namespace = inert_pickle.loads(pickled)
    except ValueError as error:
        return Unreadable(str(error))
    payload = namespace.get(SESSION_KEY) if isinstance(namespace, dict) else None
    return _entry(session_id, payload, accessed_ms, None)


def of_value(
    session_id: str,
    pickled: bytes,
    accessed_ms: int | None = None,
    expires_ms: int | None = None,
) -> Entry:
    """Give what a backend has that keeps the value of each key as a pickle."""
    try:
        payload = inert_pickle.loads(pickled)
    except ValueError as error:
        return Unreadable(str(error))
    return _entry(session_id, payload, accessed_ms, expires_ms)


def _entry(session_id: str, payload: Any, accessed_ms: int | None, expires_ms: int | None) -> Entry:
    # The value of a cache, if its key happens to be "session", is a tuple.
    if not isinstance(payload, str):
        return Foreign()
    return Found(session_id, payload, digest_of(session_id), accessed_ms, expires_ms)


@contextmanager
def reading(name: str) -> Generator[None, None, None]:
    """Turn whatever the library of a store raises into an error of ours."""
    try:
        yield
    except DynamoDBError:
        raise
    except Exception as error:
        raise StoreUnavailable(f"{name} cannot be read: {type(error).__name__}: {error}") from error

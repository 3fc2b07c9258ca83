"""Decide which sessions of a source are copied, and build their copies."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from beaker_dynamodb.exceptions import ConfigurationError, SpecialKeyError
from beaker_dynamodb.items.item import SESSION, Item
from beaker_dynamodb.items.keys import Key
from beaker_dynamodb.migrate.from_dynamodb import DIGEST
from beaker_dynamodb.migrate.inert_pickle import session_values
from beaker_dynamodb.migrate.records import KEPT_MS
from beaker_dynamodb.migrate.source import SourceSession
from beaker_dynamodb.sessions.lifetime import number_in
from beaker_dynamodb.sessions.merge import ACCESSED, BOOKKEEPING, CREATED
from beaker_dynamodb.sessions.storage import SessionStorage

#: Start of a copy's writer token. The first change of the session replaces the token.
WRITER = "migrated-"


@dataclass(frozen=True, slots=True)
class LiveSession:
    """A session of the source that has not ended; times in milliseconds since the epoch.

    :param values: the session's contents, or None if only the application can read them.
    :param accessed_ms: None if it is unknown.
    :param deadline_ms: when the copy expires; None means never.
    """

    entry: SourceSession
    values: dict[str, Any] | None
    accessed_ms: int | None
    deadline_ms: int | None


def live_session(entry: SourceSession, target: SessionStorage) -> LiveSession | str:
    """Return a session to copy, or the count in `Report` that it belongs to if it has ended."""
    values = session_values(entry.payload)
    if values is not None and values.keys() <= BOOKKEEPING:
        return "empty"
    now_ms = target.items.now_ms()
    accessed_ms = _time_ms(values, ACCESSED, entry.accessed_ms)
    if accessed_ms is not None:
        accessed_ms = min(accessed_ms, now_ms)  # another machine's clock may be ahead
    # The target's timeouts apply, unless nothing but the old store's expiry is known.
    deadline_ms = entry.expires_ms
    if deadline_ms is None or (deadline_ms > now_ms and accessed_ms is not None):
        used_ms = now_ms if accessed_ms is None else accessed_ms
        deadline_ms = target.deadline_ms(used_ms, data=values)
    if deadline_ms is not None and deadline_ms <= now_ms:
        return "expired"
    return LiveSession(entry, values, accessed_ms, deadline_ms)


def target_key(entry: SourceSession, target: SessionStorage) -> Key:
    """Return the key of a copy.

    :raises ConfigurationError: the source has only the digest, and the target needs the id.
    """
    if entry.session_id is not None:
        return target.keys.session(entry.session_id)
    if target.options.hash_ids:
        return target.keys.of_digest(DIGEST + entry.digest)
    raise ConfigurationError(
        "the old table contains only hashes of the session ids (hash_ids): set hash_ids "
        "for the new store too"
    )


def copy_of(session: LiveSession, target: SessionStorage) -> Item:
    """Return the copy of a session, as an item of the target."""
    data, codec = target.codec.encode_session(session.entry.payload)
    try:
        special = target.special.attributes(session.values)
    except (SpecialKeyError, ConfigurationError):
        # The payload is encrypted, or a special key is missing or has the wrong type. Keep the
        # user logged in; the next save writes the keys, or raises.
        special = {}
    now_ms = target.items.now_ms()
    item = Item(
        key=target_key(session.entry, target),
        kind=SESSION,
        data=data,
        codec=codec,
        created_ms=_time_ms(session.values, CREATED, None) or now_ms,
        deadline_ms=session.deadline_ms,
        # Keep expired copies in the table: a missing copy counts as logged out.
        grace_ms=0 if session.deadline_ms is None else KEPT_MS,
        accessed_ms=now_ms if session.accessed_ms is None else session.accessed_ms,
        version=1,
        writer=WRITER + secrets.token_urlsafe(9),
        special=special,
    )
    target.codec.sign(item)
    return item


def _time_ms(values: dict[str, Any] | None, name: str, default: int | None) -> int | None:
    """Return a time of Beaker's, in milliseconds since the epoch, or the default without one."""
    time = number_in(values or {}, name)
    return round(time * 1000) if time else default

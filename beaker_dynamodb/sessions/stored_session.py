"""A session that was found in the table, from outside of any request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.exceptions import PayloadError
from beaker_dynamodb.items.item import SESSION, Item
from beaker_dynamodb.sessions.payload import BEAKER

if TYPE_CHECKING:
    from beaker_dynamodb.items.keys import Key
    from beaker_dynamodb.sessions.storage import SessionStorage

#: How a session's payload is encoded that Beaker's Session wrote, and no other kind of value
#: (items/codec.py).
TEXTS = frozenset({"b64", "nonce+b64", "text"})
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class StoredSession:
    """A session as the table has it; the payload is read when it is asked for.

    :param id: the session's id; with ``hash_ids`` its digest, as it stands in the table.
    :param hashed: whether ``id`` is a digest.
    :param created: when it was first saved.
    :param accessed: when it was last written, so as exact as ``touch_interval``; None: not known.
    :param expires: when it ends; None: never.
    :param special: its special keys, those that the index holds; numbers are int, or else float.
    """

    id: str = field(repr=False)
    hashed: bool
    created: datetime
    accessed: datetime | None
    expires: datetime | None
    special: Mapping[str, Any] = field(repr=False)
    _key: Key = field(repr=False, compare=False)
    _store: SessionStorage = field(repr=False, compare=False)

    def text(self) -> str:
        """Give what Beaker's Session stored, its signature verified: one GetItem. Runs nothing.

        :raises KeyError: the session has ended meanwhile.
        :raises PayloadError: the item is damaged, or not signed as ``signing_keys`` demands.
        """
        item = self._store.items.get(self._key, SESSION)
        if item is None:
            raise KeyError("session")
        if item.codec.partition(",")[0] not in TEXTS:
            raise PayloadError(f"a session's payload is encoded as {item.codec!r}")
        text: str = self._store.codec.decode(item)
        return text

    def payload(self) -> dict[str, Any]:
        """Give the session as a dict, with Beaker's ``_accessed_time`` and ``_creation_time``.

        Unpickles it, as every request does: see ``signing_keys``.

        :raises KeyError: the session has ended meanwhile.
        :raises PayloadError: as `text`; or it is encrypted, or of a serializer of your own.
        """
        payload = BEAKER.loads(self.text())
        if payload is None:
            raise PayloadError(
                "a session's payload cannot be read: it is encrypted, or of another serializer "
                "than Beaker's pickle and json, or it holds a class that cannot be imported"
            )
        return payload


def stored_session(store: SessionStorage, item: Item) -> StoredSession:
    """Make one of an item, whose data may be missing.

    :raises ValueError: its key is no session's.
    """
    id, hashed = store.keys.session_id(item.key)
    return StoredSession(
        id=id,
        hashed=hashed,
        created=_time(item.created_ms),
        accessed=None if item.accessed_ms is None else _time(item.accessed_ms),
        expires=None if item.deadline_ms is None else _time(item.deadline_ms),
        special={name: _value(attribute) for name, attribute in item.special.items()},
        _key=item.key,
        _store=store,
    )


def _time(ms: int) -> datetime:
    """Give a time in UTC; what no datetime can hold is the last, or the first, that can be."""
    try:
        return _EPOCH + timedelta(milliseconds=ms)
    except OverflowError:
        return (datetime.max if ms > 0 else datetime.min).replace(tzinfo=timezone.utc)


def _value(attribute: Mapping[str, Any]) -> Any:
    ((kind, value),) = attribute.items()
    if kind == "N":
        return int(value) if value.lstrip("-").isdigit() else float(value)
    return bytes(value) if kind == "B" else value

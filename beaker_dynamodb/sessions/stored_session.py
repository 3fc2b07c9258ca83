"""A session found in the table, outside of a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from beaker_dynamodb.exceptions import PayloadError
from beaker_dynamodb.items.codec import SessionBytes
from beaker_dynamodb.items.item import SESSION, Item
from beaker_dynamodb.items.keys import Key
from beaker_dynamodb.items.special_keys import plain_value
from beaker_dynamodb.sessions.payload import BEAKER, safe_payload
from beaker_dynamodb.sessions.storage import SessionStorage

#: Codecs of payloads that Beaker's Session wrote (items/codec.py).
SESSION_CODECS = frozenset({"b64", "nonce+b64", "text"})
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class StoredSession:
    """A session in the table. The payload is read on demand.

    :param id: the session's id, or its digest with ``hash_ids``.
    :param hashed: whether ``id`` is a digest.
    :param created: when it was first saved.
    :param accessed: the stored access time, up to ``touch_interval`` before the last access; None
        if unknown.
    :param expires: when it expires, or None if it never does.
    :param special: the special keys; after a Query, those in the index. Whole numbers are int.
    """

    id: str = field(repr=False)
    hashed: bool
    created: datetime
    accessed: datetime | None
    expires: datetime | None
    special: Mapping[str, Any] = field(repr=False)
    _key: Key = field(repr=False, compare=False)
    _storage: SessionStorage = field(repr=False, compare=False)

    @property
    def digest(self) -> str:
        """Identifies the session in logs, and in the command's output and arguments."""
        return self._storage.keys.digest(self._key)

    def text(self) -> str:
        """Return Beaker's payload as a string, after verifying its signature. Costs one GetItem.

        Nothing is unpickled. If the payload may be unsigned, do not unpickle it: use `payload`.

        :raises KeyError: the session has ended.
        :raises PayloadError: the item is damaged, or not signed as the options require.
        """
        text: str = SessionBytes.text(self._storage.codec.decode_session(self._item()))
        return text

    def _item(self) -> Item:
        item = self._storage.items.get(self._key, SESSION)
        if item is None:
            raise KeyError("session")
        if item.codec.partition(",")[0] not in SESSION_CODECS:
            raise PayloadError(f"a session's payload is encoded as {item.codec!r}")
        return item

    def payload(self) -> dict[str, Any]:
        """Return the session as a dict, with Beaker's ``_accessed_time`` and ``_creation_time``.

        Unpickles it, as every request does: see ``accept_unsigned``.

        :raises KeyError: the session has ended.
        :raises PayloadError: as in `text`, or the payload is encrypted or from a custom serializer.
        """
        payload = BEAKER.loads(safe_payload(self._storage.codec, self._item()))
        if payload is None:
            raise PayloadError(
                "Cannot decode a session's payload: it is encrypted, was not written by Beaker's "
                "pickle or json serializer, or contains a class that cannot be imported"
            )
        return payload


def stored_session(storage: SessionStorage, item: Item) -> StoredSession:
    """Return the session of an item. The item may lack its data.

    :raises ValueError: the id in the key is not valid UTF-8.
    """
    id, hashed = storage.keys.session_id(item.key)
    return StoredSession(
        id=id,
        hashed=hashed,
        created=_utc(item.created_ms),
        accessed=None if item.accessed_ms is None else _utc(item.accessed_ms),
        expires=None if item.deadline_ms is None else _utc(item.deadline_ms),
        special={name: plain_value(attribute) for name, attribute in item.special.items()},
        _key=item.key,
        _storage=storage,
    )


def listed_session(
    storage: SessionStorage, key: Key, attributes: Mapping[str, Any]
) -> StoredSession | None:
    """Return the session of a listed item, or None if it has expired or is damaged."""
    items = storage.items
    # The payload was not read, but the layout requires one.
    attributes = {**attributes, "data": {"B": b""}, "codec": {"S": ""}}
    try:
        item = items.layout.item(key, SESSION, attributes)
        return None if item.expired(items.now_ms()) else stored_session(storage, item)
    except (PayloadError, ValueError):
        return None


def _utc(ms: int) -> datetime:
    """Return a UTC time, limited to what a datetime can represent."""
    try:
        return _EPOCH + timedelta(milliseconds=ms)
    except OverflowError:
        return (datetime.max if ms > 0 else datetime.min).replace(tzinfo=timezone.utc)

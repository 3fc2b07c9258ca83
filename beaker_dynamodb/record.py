"""One session in the table, as one request sees it: loaded, saved, deleted."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.storage.layout import SESSION, Item

if TYPE_CHECKING:
    from beaker_dynamodb.storage.store import Store

#: Life of a session whose expiry nobody has set: one day, as the forerunner has it.
DEFAULT_TTL_SECONDS = 86_400.0


class SessionRecord:
    """The item of one session.

    :param store: the configuration's store.
    :param session_id: the session's id, as the browser sent it: anything at all.
    """

    def __init__(self, store: Store, session_id: str) -> None:
        self._store = store
        self._key = store.keys.session(session_id)
        #: The item as it is in the table, as far as this request knows.
        self._stored: Item | None = None

    def read(self) -> Any:
        """Give the payload as Beaker's Session wrote it: one GetItem.

        :raises KeyError: there is no session, or it has expired.
        :raises PayloadError: the item is damaged.
        """
        self._stored = self._store.items.get(self._key, SESSION)
        if self._stored is None:
            raise KeyError("session")
        return self._store.codec.decode(self._stored.data, self._stored.codec)

    def exists(self) -> bool:
        """Whether there is a session that has not expired: one GetItem."""
        return self._store.items.get(self._key, SESSION) is not None

    def write(self, payload: object, expiretime: float | None = None) -> None:
        """Store the payload: one PutItem.

        :param expiretime: its life in seconds; None: the options say.
        """
        self._store.items.put(self._item(payload, expiretime))

    def delete(self) -> None:
        """Delete the session: one DeleteItem."""
        self._store.items.delete(self._key)

    def _item(self, payload: object, expiretime: float | None) -> Item:
        store, stored = self._store, self._stored
        data, codec = store.codec.encode_session(payload)
        now_ms = store.items.now_ms()
        default = DEFAULT_TTL_SECONDS
        if store.options.default_ttl is not None:
            default = store.options.default_ttl
        return Item(
            key=self._key,
            kind=SESSION,
            data=data,
            codec=codec,
            created_ms=now_ms if stored is None else stored.created_ms,
            deadline_ms=store.deadline_ms(
                now_ms, expiretime, store.options.timeout, default or None
            ),
            accessed_ms=now_ms,
            version=1 if stored is None else (stored.version or 0) + 1,
            writer=secrets.token_urlsafe(9),
        )

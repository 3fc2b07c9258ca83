"""Read the session of one request, or find out why it does not exist."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from beaker_dynamodb.dynamodb.error_mapping import ConditionFailed
from beaker_dynamodb.exceptions import PayloadError
from beaker_dynamodb.items.item import SESSION, Item, Marker, new_token
from beaker_dynamodb.items.keys import Key
from beaker_dynamodb.sessions import events
from beaker_dynamodb.sessions.state import SessionState, kept_writers


class ReadSession(SessionState):
    """Reads the session of one request."""

    #: Whether the read found a marker: the session has just ended or changed its id.
    ended = False
    #: The data of an expired session that the read found, {} if it is unreadable, otherwise None.
    expired: dict[str, Any] | None = None
    _expired_attributes: Mapping[str, Any] = MappingProxyType({})
    #: Why the session has expired, according to its data: ``idle``, ``absolute``, or None.
    expiry: str | None = None
    #: Whether the session was found by the first, eventually consistent read (see `read`).
    maybe_stale = False

    def read(self, *, seen_version: int | None = None) -> Any:
        """Read the session with one GetItem and return its payload, as `SessionBytes` if base64.

        :param seen_version: the version in the browser's cookie. With ``consistent_read = auto``
            the first read may then be eventually consistent. If it finds an older version, or
            nothing, a consistent read follows.
        :raises KeyError: the session is missing, expired or ended, or belongs to another cookie.
        :raises PayloadError: the item is damaged, or not signed as the options require.
        """
        item = self._read_eventually(seen_version)
        self.maybe_stale = item is not None
        if item is None:
            item = self._read_consistently()
        if item is None or self._belongs_to_another_cookie(item):
            self.set_stored(None)
            raise KeyError("session")
        stored = self.decoded(item)
        self.set_stored(stored)
        return stored.payload.raw

    def _read_eventually(self, seen_version: int | None) -> Item | None:
        if seen_version is None or self.storage.options.consistent_read != "auto":
            return None
        item = self.storage.items.get(self.key, SESSION, consistent_read=False)
        return item if item is not None and (item.version or 0) >= seen_version else None

    def _read_consistently(self) -> Item | None:
        found = self._find(self.key)
        if found is None and not self.ended and self.storage.options.hash_ids == "migrate":
            return self._migrate()
        return found

    def _find(self, key: Key) -> Item | None:
        """Return the session under a key. If it is missing, note whether it ended or expired."""
        seen: list[Mapping[str, Any] | None] = []
        found = self.storage.items.find(key, SESSION, saw=seen.append)
        self.ended = isinstance(found, Marker)
        if isinstance(found, Marker):
            return None
        if found is None and seen[-1] is not None:
            self.expired = self._expired_data(key, seen[-1])
            self._expired_attributes = seen[-1]
        return found

    def _expired_data(self, key: Key, attributes: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return an expired session's data, {} if unreadable, or None for another kind of item."""
        if attributes.get("type") != {"S": SESSION}:
            return None
        try:
            item = self.storage.items.layout.item(key, SESSION, attributes)
            if item.chunks is None:
                return self.decoded(item).payload.data or {}
        except PayloadError:
            pass
        return {}

    def _belongs_to_another_cookie(self, item: Item) -> bool:
        names = self.cookie_name, item.cookie_name
        return None not in names and names[0] != names[1]

    def _migrate(self) -> Item | None:
        """Move the session from the key that it had before ``hash_ids``; return it if it exists."""
        storage = self.storage
        old_key = storage.keys.session(self.session_id, hashed=False)
        item = self._find(old_key)
        if item is None:
            return None
        # A signature covers the key: verify before signing again.
        signed = storage.codec.verify(item)
        # Use a new token: another request may move the same session at the same time.
        token, earlier = new_token(), kept_writers(item)
        moved = replace(item, key=self.key, writer=token, earlier=earlier, signature=None)
        if signed:
            storage.codec.sign(moved)
        try:
            storage.items.move(moved, item, old_key, marker=False)
        except ConditionFailed:
            # Another request moved, changed or deleted it first.
            return storage.items.get(self.key, SESSION)
        return moved

    def report_unopened(self) -> None:
        """Report why a request cannot open this session."""
        if self.expiry is not None:
            found = self._expired_attributes if self.item is None else self.item.special
            self.storage.report_end(self.key, self.expiry, found)
        elif self.cookie_name is not None:
            # Without a cookie, the application chose the id.
            self.report(events.REFUSED, events.HAS_ENDED if self.ended else events.UNKNOWN_ID)

    def exists(self) -> bool:
        """Return whether the session exists and has not expired, with one GetItem."""
        return self.storage.items.get(self.key, SESSION) is not None

    @property
    def version(self) -> tuple[int, int] | None:
        """The stored version, and the epoch seconds of the item's last write; None if unknown."""
        if self.item is None or self.item.version is None:
            return None
        return self.item.version, (self.item.accessed_ms or 0) // 1000

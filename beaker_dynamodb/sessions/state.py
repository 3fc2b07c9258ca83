"""The state of a request's session.

``seen`` is the state that the application loaded or saved last. ``stored`` is the state in the
table. They differ after another request's changes were merged in. A save then applies the
application's changes since ``seen`` to ``stored``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from beaker_dynamodb.items.item import SESSION, Attributes, Item, Marker, new_token
from beaker_dynamodb.items.keys import session_digest
from beaker_dynamodb.sessions import events
from beaker_dynamodb.sessions.merge import merge
from beaker_dynamodb.sessions.payload import BEAKER, Payload, PayloadFormat, safe_payload
from beaker_dynamodb.sessions.storage import SessionStorage

#: Maximum number of earlier writer tokens in an item. A write whose response was lost is
#: recognized unless more than this many writes followed it.
KEPT_WRITERS = 8


class Stored(NamedTuple):
    """An item in the table, and its payload."""

    item: Item
    payload: Payload


def kept_writers(item: Item) -> tuple[str, ...]:
    """Return the writer tokens of an item that its successor keeps, newest first."""
    return tuple(filter(None, item.writers))[:KEPT_WRITERS]


class SessionState:
    """The state of the session with one id, in one request.

    :param session_id: any string: it may come from the browser.
    """

    stored: Stored | None = None
    seen: Payload | None = None
    #: Whether the session has ended since it was loaded, so that saves are dropped.
    gone = False
    #: Whether this save is a log-in that is registered with its user. A marker under its key then
    #: means that the user's sessions were revoked.
    registered = False
    #: If this save is a log-in: its user, as special keys. The events then name this user.
    log_in_user: Mapping[str, Any] = MappingProxyType({})
    #: Digest of the earlier id if the id changes, otherwise empty.
    moves_from = ""
    #: Seconds; None for the session's own timeout, or else the configured lifetime.
    lifetime: float | None = None
    format: PayloadFormat = BEAKER
    cookie_name: str | None = None

    def __init__(self, storage: SessionStorage, session_id: str) -> None:
        self.storage = storage
        self.session_id = session_id
        self.key = storage.keys.session(session_id)
        #: The payloads of failed saves, by writer token. They may have been stored anyway.
        self.unanswered: dict[str | None, Payload] = {}
        #: Maximum age of the stored access time before it is refreshed.
        self.touch_interval_ms = storage.touch_interval_ms

    def set_stored(self, stored: Stored | None, seen: Payload | None = None) -> None:
        """Remember what is stored, and what the application has seen if that differs."""
        self.stored = stored
        self.seen = stored.payload if seen is None and stored is not None else seen
        self.gone = False

    def forget(self) -> None:
        """Treat the session as gone."""
        self.set_stored(None)
        self.gone = True

    def drop(self) -> None:
        """Drop a save because the session is gone, and report that."""
        self.gone = True
        if self.registered:
            self.report(events.REFUSED, events.REVOKED)
        else:
            # If the id changes, the new one was never stored: report the old one.
            self.report(events.DROPPED, session=self.moves_from)

    def report(
        self, kind: str, reason: str = "", *, session: str = "", old_session: str = ""
    ) -> None:
        """Report an event of this session; see `Events.report`.

        :param session: digest of an id; defaults to that of this session.
        """
        special = {} if self.item is None else self.item.special
        self.storage.events.report(
            kind,
            session or self.digest,
            reason,
            old_session=old_session,
            attributes={**special, **self.log_in_user},
        )

    @property
    def digest(self) -> str:
        """Identifies the session in logs and messages."""
        return session_digest(self.session_id)

    @property
    def item(self) -> Item | None:
        """The stored item."""
        return None if self.stored is None else self.stored.item

    @property
    def seen_data(self) -> dict[str, Any]:
        """What the application loaded or saved last; empty if unknown or opaque."""
        return (None if self.seen is None else self.seen.data) or {}

    @property
    def merged_since(self) -> bool:
        """Whether the stored session contains changes that the application has not seen."""
        return self.stored is not None and self.stored.payload is not self.seen

    def has_ended(self, current: Item | Marker | None) -> bool:
        """Return whether the session ended (even if its id is reused) or its log-in was revoked."""
        if self.registered and isinstance(current, Marker):
            return True
        return self.item is not None and (
            not isinstance(current, Item) or current.created_ms != self.item.created_ms
        )

    def is_later(self, item: Item) -> bool:
        """Return whether an item is a later state of the loaded session."""
        if self.item is None or self.has_ended(item):
            return False
        return (item.version or 0) > (self.item.version or 0)

    def payload(self, raw: Any) -> Payload:
        """Return a payload in this session's format."""
        return Payload(raw, self.format)

    def decoded(self, item: Item) -> Stored:
        """Return an item and its payload in a form that is safe to unpickle."""
        return Stored(item, self.payload(safe_payload(self.storage.codec, item, self.format)))

    def merged(self, mine: Payload, *, rebased: bool = False) -> Payload:
        """Return what to write over the stored session.

        :param rebased: see `merge`.
        """
        stored = self.stored
        if stored is None or stored.payload is self.seen:
            return mine
        theirs = stored.payload.data
        if theirs is None or mine.data is None:
            return mine
        names = self.storage.special.names
        data = merge(self.seen_data, mine.data, theirs, names, rebased=rebased)
        return mine.with_data(data)

    def special_of(self, payload: Payload) -> Attributes:
        """Return a payload's special keys; see `SpecialKeys.attributes`."""
        special = self.storage.special
        return special.attributes(payload.data) if special.names else {}

    def new_item(self, payload: Payload, special: Attributes) -> Item:
        """Return the item to write, signed if there is a secret."""
        storage, loaded = self.storage, self.item
        data, codec = storage.codec.encode_session(payload.raw)
        storage.warn_about_size(len(data))
        now_ms = storage.items.now_ms()
        # Keep a later access time: another host's clock may be ahead.
        accessed_ms = now_ms if loaded is None else max(now_ms, loaded.accessed_ms or now_ms)
        created_ms = now_ms if loaded is None else loaded.created_ms
        lifetime_data = payload.data if payload.lifetime_data is None else payload.lifetime_data
        item = Item(
            key=self.key,
            kind=SESSION,
            data=data,
            codec=codec,
            created_ms=created_ms,
            deadline_ms=storage.deadline_ms(accessed_ms, self.lifetime, lifetime_data, created_ms),
            accessed_ms=accessed_ms,
            version=1,
            writer=new_token(),
            cookie_name=self.cookie_name,
            special=special,
        )
        if loaded is not None:
            item.version = (loaded.version or 0) + 1
            item.earlier = kept_writers(loaded)
            item.cookie_name = self.cookie_name or loaded.cookie_name
        storage.codec.sign(item)
        return item

"""Saves of one session that merge: written on a condition, merged, tried again.

Two views are kept apart. ``_seen`` is what the application knows: what it loaded, or saved last.
``_stored`` is the item in the table. They differ once another request's changes were merged in;
a save carries the difference between ``_seen`` and what the application has now over to
``_stored``.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.dynamodb.client import connection_key
from beaker_dynamodb.dynamodb.error_mapping import ConditionFailed
from beaker_dynamodb.exceptions import (
    DynamoDBError,
    ItemTooLarge,
    PayloadError,
    SessionConflict,
    SpecialKeyError,
)
from beaker_dynamodb.items.item import SESSION, Item, Marker
from beaker_dynamodb.items.keys import Key, key_bytes
from beaker_dynamodb.sessions import last_access, merge
from beaker_dynamodb.sessions.combined_saves import CombinedSave, Dropped, Save, Stored
from beaker_dynamodb.sessions.conflict_retry import ConflictRetry
from beaker_dynamodb.sessions.payload import BEAKER, PayloadFormat

if TYPE_CHECKING:
    from beaker_dynamodb.items.item import Attributes
    from beaker_dynamodb.sessions.storage import SessionStorage

log = logging.getLogger("beaker_dynamodb")

#: Changes whose tokens an item keeps. A write whose answer was lost is recognized as long as no
#: more than this many others came after it.
KEPT_WRITERS = 8


class MergingRecord:
    """What is known of the item of one session, and how changes of it are written.

    :param store: the configuration's store.
    :param session_id: the session's id, as the browser sent it: anything at all.
    """

    def __init__(self, store: SessionStorage, session_id: str) -> None:
        self._store = store
        self._session_id = session_id
        self._key = store.keys.session(session_id)
        self._stored: Item | None = None
        self._stored_payload: Any = None
        self._seen_payload: Any = None
        #: It was there when it was loaded, and is not any more: it stays gone.
        self._gone = False
        #: Whether it was found to have ended, or got another id, a moment ago.
        self.ended = False
        #: Whether what was read may be a moment old.
        self.perhaps_behind = False
        self._expiretime: float | None = None
        #: The payloads of saves that raised, by writer: they may have been stored all the same.
        self._unanswered: dict[str | None, Any] = {}
        #: Reads and writes payloads; a session that encrypts them sets its own.
        self.format: PayloadFormat = BEAKER
        #: Name of the cookie that carries the id. A session of another cookie, as an admin area
        #: may have its own, is not found; one that names no cookie is.
        self.cookie_name: str | None = None

    def _save(
        self,
        mine: dict[str, Any],
        payload: Any,
        old: Key | None = None,
    ) -> None:
        """Write on the condition that no other request has since we read; or merge and try again.

        After a conflict, saves of this session that wait in this process are written together.

        :param old: the key under which the session was loaded, if its id changes.
        """
        rebased = self._stored_payload is not self._seen_payload
        terms = (self._store.options, self._expiretime, self.cookie_name)
        save = Save(payload, self._seen_payload, rebased, terms)
        retry = ConflictRetry()
        try:
            with CombinedSave(self._session_name, save) as combined:
                while save.outcome is None:
                    try:
                        self._write_combined(mine, combined, old, retry)
                    except ConditionFailed as failed:
                        self._meet(failed, combined, old, retry)
                    except (ItemTooLarge, PayloadError, SpecialKeyError):
                        # Perhaps because of another save: find out whose.
                        if not combined.halve():
                            raise
        except BaseException:
            self._unanswered.update(dict.fromkeys(save.tried, payload))
            raise
        self._finish(save)

    def _finish(self, save: Save) -> None:
        # Not kept in it: an exception refers to the frames, and they to the save.
        outcome, save.outcome = save.outcome, None
        if isinstance(outcome, Stored):
            self._unanswered.clear()
            self._remember(outcome.item, outcome.payload, save.payload)
        elif isinstance(outcome, DynamoDBError):
            self._unanswered.update(dict.fromkeys(save.tried, save.payload))
            try:
                raise outcome
            finally:
                del outcome
        else:
            self._drop()

    def _write_combined(
        self, mine: dict[str, Any], combined: CombinedSave, old: Key | None, retry: ConflictRetry
    ) -> None:
        """Try once to write a save, and those of other threads that wait for this one."""
        save = combined.save
        merged, text = self._merged(mine, save.payload, rebased=save.rebased)
        for other in combined.take():
            changed = self.format.loads(other.payload)
            seen = {} if other.seen_payload is None else self.format.loads(other.seen_payload)
            if changed is None or seen is None:
                combined.leave_out(other)
                continue
            names = self._store.special.names
            merged = merge.merge(seen, changed, merged, names, rebased=other.rebased)
        if combined.others:
            text = self.format.dumps(merged, save.payload)
        item = self._item(text, self._stored, self._store.special.attributes(merged))
        combined.begin(item.writer)
        with retry.timed():
            self._put(item, old, self._accessed_by_ms(merged))
        combined.settle(Stored(item, text), item.writer)

    def _meet(
        self, failed: ConditionFailed, combined: CombinedSave, old: Key | None, retry: ConflictRetry
    ) -> None:
        """Prepare for another try after a write that met another request's.

        :raises SessionConflict: there must not be another, or there is no time for one.
        """
        items, save = self._store.items, combined.save
        theirs = items.found(failed, self._key, SESSION)
        if self._settled(theirs, combined):
            return
        # No other request has changed anything, only used it.
        touched = isinstance(theirs, Item) and (
            theirs.writer in self._unanswered
            or (self._stored is not None and theirs.writer == self._stored.writer)
        )
        if self._store.options.concurrency == "reject" and not touched:
            raise self._conflict("")
        if not retry.again():
            raise self._conflict(f", {retry.conflicts} times")
        if retry.waited:
            theirs = items.find(old or self._key, SESSION, consistent_read=True)
            if self._settled(theirs, combined):
                return
        if isinstance(theirs, Item):
            self._rebase(Stored(theirs, self._decode(theirs)), save)
        if old is not None or self._store.options.concurrency == "reject":
            return
        save.created_ms = None if self._stored is None else self._stored.created_ms
        if not combined.join(retry):
            raise self._conflict(", and this save never got its turn")
        # What this process has stored while this thread waited.
        last = combined.last_stored
        if last is not None and self._is_later(last.item):
            self._rebase(last, save)

    def _settled(self, theirs: Item | Marker | None, combined: CombinedSave) -> bool:
        """Return whether the present item tells what became of a save."""
        writers = theirs.writers if isinstance(theirs, Item) else ()
        own = next(filter(combined.contains, writers), None)
        if isinstance(theirs, Item) and own is not None:
            # The write had arrived: its answer was lost and botocore sent it again, or the thread
            # that wrote it was aborted. Others may have saved on top of it since.
            combined.settle(Stored(theirs, self._decode(theirs)), own)
        elif self._is_gone(theirs):
            combined.settle(Dropped())
        return combined.save.outcome is not None

    def _is_later(self, item: Item) -> bool:
        """Return whether an item is a later state of the session that is known to be stored."""
        known = self._stored
        if known is None or self._is_gone(item):
            return False
        return (item.version or 0) > (known.version or 0)

    def _rebase(self, stored: Stored, save: Save) -> None:
        """Let a save change a later state of the session."""
        self._stored, self._stored_payload = stored.item, stored.payload
        arrived = next((one for one in stored.item.writers if one in self._unanswered), None)
        if arrived is not None:
            # An earlier save of this request, which raised, had arrived.
            self._seen_payload = save.seen_payload = self._unanswered[arrived]
            save.rebased = True

    def _conflict(self, how: str) -> SessionConflict:
        return SessionConflict(
            f"session {self.hashed_id}: another request saved it meanwhile{how}",
            operation="PutItem",
            table=self._store.options.table_name,
            aws_code="ConditionalCheckFailedException",
        )

    @property
    def _session_name(self) -> tuple[Hashable, ...]:
        """What saves that may be combined have in common: client, table and key."""
        options = self._store.options
        client = connection_key(options) if options.client is None else options.client
        return client, options.table_name, self._key

    def _put(self, item: Item, old: Key | None, accessed_by_ms: int) -> None:
        items, stored = self._store.items, self._stored
        if stored is None:
            items.put(item, items.if_no_session())
        elif old is None:
            unchanged = items.if_unchanged(stored, accessed_by_ms=accessed_by_ms)
            items.put(item, unchanged, replaced=stored)
        else:
            items.move(item, stored, old, marker=True, accessed_by_ms=accessed_by_ms)

    def _is_gone(self, theirs: Item | Marker | None) -> bool:
        """Return whether the session that was loaded has ended, or is another one by now."""
        stored = self._stored
        return stored is not None and (
            not isinstance(theirs, Item) or theirs.created_ms != stored.created_ms
        )

    def _accessed_by_ms(self, merged: dict[str, Any]) -> int:
        return last_access.overwritable_ms(
            None if self._stored is None else self._stored.accessed_ms,
            merged,
            now_ms=self._store.items.now_ms(),
            touch_interval_ms=self._store.touch_interval_ms,
        )

    # -- parts --------------------------------------------------------------------------------

    def _merged(
        self, mine: dict[str, Any], payload: Any, *, rebased: bool = False
    ) -> tuple[dict[str, Any], Any]:
        """Return the session to write over what is stored, and its payload.

        :param rebased: what is stored contains what the application knows, see `merge.merge`.
        """
        if self._stored is not None and self._stored_payload is not self._seen_payload:
            theirs = self.format.loads(self._stored_payload)
            if theirs is not None:
                merged = merge.merge(
                    self._seen() or {}, mine, theirs, self._store.special.names, rebased=rebased
                )
                return merged, self.format.dumps(merged, payload)
        return mine, payload

    def _item(self, payload: Any, stored: Item | None, special: Attributes) -> Item:
        store = self._store
        data, codec = store.codec.encode_session(payload)
        store.warn_of_size(len(data))
        now_ms = store.items.now_ms()
        # Another host's clock may be ahead of this one's: its access time stays.
        accessed_ms = now_ms if stored is None else max(now_ms, stored.accessed_ms or 0)
        item = Item(
            key=self._key,
            kind=SESSION,
            data=data,
            codec=codec,
            created_ms=now_ms if stored is None else stored.created_ms,
            deadline_ms=store.deadline_ms(accessed_ms, self._expiretime),
            accessed_ms=accessed_ms,
            version=1 if stored is None else (stored.version or 0) + 1,
            # Unlike a version, no two writes have the same.
            writer=secrets.token_urlsafe(9),
            earlier=() if stored is None else _kept(stored),
            cookie_name=self.cookie_name or (None if stored is None else stored.cookie_name),
            special=special,
        )
        store.codec.sign(item)
        return item

    def _decode(self, item: Item) -> Any:
        return self._store.codec.decode_session(item)

    def _seen(self) -> dict[str, Any] | None:
        return None if self._seen_payload is None else self.format.loads(self._seen_payload)

    def _remember(self, stored: Item | None, stored_payload: Any, seen_payload: Any) -> None:
        self._stored, self._stored_payload = stored, stored_payload
        self._seen_payload = seen_payload
        self._gone = False

    def _drop(self) -> None:
        self._gone = True
        log.info("session %s is gone; a save of it was dropped", self.hashed_id)

    @property
    def hashed_id(self) -> str:
        """What logs and messages call the session: nobody can take it over by that."""
        return hashlib.sha256(key_bytes(self._session_id)).hexdigest()[:16]


def _kept(stored: Item) -> tuple[str, ...]:
    return tuple(filter(None, stored.writers))[:KEPT_WRITERS]

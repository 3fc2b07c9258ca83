"""One session in the table, as one request sees it: loaded, saved, touched, moved, deleted.

Two views are kept apart. ``_seen`` is what the application knows: what it loaded, or saved last.
``_stored`` is the item in the table. They differ once another request's changes were merged in;
a save carries the difference between ``_seen`` and what the application has now over to
``_stored``.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from beaker_dynamodb import last_access, merge
from beaker_dynamodb.comparison import same
from beaker_dynamodb.errors import DynamoDBError, SessionConflict
from beaker_dynamodb.patience import Patience
from beaker_dynamodb.payload import BEAKER, PayloadFormat, same_but_last_use
from beaker_dynamodb.storage.codec import Raw
from beaker_dynamodb.storage.faults import ConditionFailed
from beaker_dynamodb.storage.keys import Key, key_bytes
from beaker_dynamodb.storage.layout import SESSION, Item, Marker

if TYPE_CHECKING:
    from beaker_dynamodb.storage.layout import Attributes
    from beaker_dynamodb.storage.store import Store

log = logging.getLogger("beaker_dynamodb")

#: Longest time that one save may spend on merging.
MERGE_SECONDS = 5.0


class SessionRecord:
    """The item of one session.

    :param store: the configuration's store.
    :param session_id: the session's id, as the browser sent it: anything at all.
    """

    def __init__(self, store: Store, session_id: str) -> None:
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

    # -- read ---------------------------------------------------------------------------------

    def read(self, *, seen_version: int | None = None) -> Any:
        """Give the payload that Beaker's Session wrote, its base64 as `Raw`: one GetItem.

        :param seen_version: what this browser has seen already, where it tells. With the option
            ``consistent_read = auto`` the read may then be a moment behind, but not behind that;
            where it is, or finds nothing, there is a second, consistent one.
        :raises KeyError: there is no session, or it has expired or ended.
        :raises PayloadError: the item is damaged.
        """
        item = self._read_eventually(seen_version)
        self.perhaps_behind = item is not None
        if item is None:
            found = self._store.items.find(self._key, SESSION)
            self.ended = isinstance(found, Marker)
            item = None if isinstance(found, Marker) else found
        if item is None and not self.ended and self._store.options.hash_ids == "migrate":
            item = self._migrate()
        if item is not None and self._of_another_cookie(item):
            item = None
        payload = None if item is None else self._decode(item)
        self._remember(item, payload, payload)
        if item is None:
            raise KeyError("session")
        return payload

    def _read_eventually(self, seen_version: int | None) -> Item | None:
        if seen_version is None or self._store.options.consistent_read != "auto":
            return None
        item = self._store.items.get(self._key, SESSION, consistent_read=False)
        return item if item is not None and (item.version or 0) >= seen_version else None

    @property
    def version(self) -> tuple[int, int] | None:
        """The version of the data that is known to be stored, and when it was written last.

        In epoch seconds. None where there is none.
        """
        stored = self._stored
        if stored is None or stored.version is None:
            return None
        return stored.version, (stored.accessed_ms or 0) // 1000

    def exists(self) -> bool:
        """Whether there is a session that has not expired: one GetItem."""
        return self._store.items.get(self._key, SESSION) is not None

    # -- write --------------------------------------------------------------------------------

    @property
    def fresh(self) -> bool:
        """Whether the access time in the table is young enough: a use alone is not written."""
        if self._stored is None:
            return False
        # The age is negative where this host's clock is behind: then it has nothing to add.
        age_ms = self._store.items.now_ms() - (self._stored.accessed_ms or 0)
        return age_ms < self._store.touch_interval_ms

    def holds(self, payload: Any) -> bool:
        """Return whether a payload is what was read or saved last, but for the access time."""
        seen, mine = self._seen(), self.format.loads(payload)
        return seen is not None and mine is not None and not merge.differs(seen, mine)

    @property
    def gone(self) -> bool:
        """Whether the last save was dropped, because the session is not there any more."""
        return self._gone

    def write(self, payload: Any, expiretime: float | None = None) -> None:
        """Save the session, unless nothing was changed or it is gone.

        At most one write where nobody else saves at the same time; see docs/design.md, "The way
        of one request".

        :param payload: what Beaker's Session hands over, or `Raw` of it.
        :param expiretime: its life in seconds; None: the options say.
        :raises SessionConflict: another request saved meanwhile, and merging is not wanted, or
            did not settle within 5 seconds.
        """
        self._expiretime = expiretime
        if self.fresh and same_but_last_use(self._seen_payload, payload):
            return
        payload = Raw.of(payload)
        mine, seen = self.format.loads(payload), self._seen() or {}
        mine, payload = self._never_earlier(mine, payload, seen)
        if mine is not None and mine.keys() <= merge.BOOKKEEPING:
            self.delete()
        elif self._gone:
            self._drop()
        elif mine is None:
            self._replace(payload, mine)
        elif self._stored is not None and not merge.differs(seen, mine):
            self._touch(mine, payload)
        elif self._store.options.concurrency == "overwrite":
            self._replace(payload, mine)
        else:
            self._save(mine, payload)

    def delete(self) -> None:
        """End the session: one PutItem of a marker. It wins against every save in flight."""
        self._store.items.end(self._key)
        self._remember(None, None, None)

    def move_from(self, old: SessionRecord, payload: Any) -> None:
        """Save the session ``old`` under this id and end it there: both or neither.

        Updates that other requests made to ``old`` since it was loaded come along; if it is gone,
        it stays gone.
        """
        if old._gone:
            self._gone = True
            self._drop()
        elif old._stored is None:
            self.write(payload)
        else:
            # Here for the second time: the first answer was lost, and the move may have arrived.
            moved = None
            if self._stored is not None:
                moved = self._store.items.get(self._key, SESSION, consistent_read=True)
            # What the application changed is what it changed since the old session was loaded.
            self._remember(old._stored, old._stored_payload, old._seen_payload)
            if moved is not None:
                self._stored, self._stored_payload = moved, self._decode(moved)
                self._seen_payload = self._unanswered.get(moved.writer, self._seen_payload)
            mine, payload = self._never_earlier(
                self.format.loads(payload), payload, self._seen() or {}
            )
            self._save(mine or {}, payload, old._key if moved is None else None)
            if moved is not None and not self._gone:
                # Without transactions only the first half may have arrived.
                self._store.items.end(old._key)
            if not self._gone:
                old._remember(None, None, None)
                old._gone = True

    # -- the ways to write --------------------------------------------------------------------

    def _touch(self, mine: dict[str, Any], payload: Any) -> None:
        """Refresh access time and expiry if due. Any other write takes precedence; never raises.

        The application did not ask for this write, so a failure must not fail its page.
        """
        stored, items, refreshes = self._stored, self._store.items, self._store.refreshes
        if self.fresh or stored is None or not refreshes.may_try():
            return
        try:
            _, text = self._merged(mine, payload)
            item = self._item(text, stored, stored.special)
            item.version, item.writer = stored.version, stored.writer
            unused = items.if_unchanged(stored, accessed_by_ms=stored.accessed_ms)
            items.put(item, unused, replaced=stored)
        except ConditionFailed:
            refreshes.succeeded()
            return
        except DynamoDBError as error:
            refreshes.failed(error)
            return
        refreshes.succeeded()
        self._remember(item, text, payload)

    def _replace(self, payload: Any, mine: dict[str, Any] | None) -> None:
        """Write the payload whole: what cannot be read cannot be merged. Resurrects nothing."""
        stored, items = self._stored, self._store.items
        item = self._item(payload, stored, self._store.special.attributes(mine))
        try:
            items.put(item, None if stored is None else items.if_there(stored), replaced=stored)
        except ConditionFailed:
            self._drop()
            return
        self._remember(item, payload, payload)

    def _save(
        self,
        mine: dict[str, Any],
        payload: Any,
        old: Key | None = None,
    ) -> None:
        """Write on the condition that nobody has since we read; otherwise merge and try again.

        :param old: the key under which the session was loaded, if it is to move.
        """
        rebased = self._stored_payload is not self._seen_payload
        with Patience((self._store.options.table_name, self._key), MERGE_SECONDS) as patience:
            while True:
                merged, text = self._merged(mine, payload, rebased=rebased)
                item = self._item(text, self._stored, self._store.special.attributes(merged))
                try:
                    self._put(item, old, self._accessed_by_ms(merged))
                except ConditionFailed as failed:
                    theirs = self._store.items.found(failed, self._key, SESSION)
                    # The same writer: our own write. It had arrived, its answer was lost, and
                    # botocore sent it again.
                    if not isinstance(theirs, Item) or theirs.writer != item.writer:
                        if not self._take_over(theirs, old, patience):
                            self._drop()
                            return
                        if self._stored is not None and self._stored.writer in self._unanswered:
                            # An earlier save of this request, which raised, had arrived.
                            self._seen_payload = self._unanswered[self._stored.writer]
                            rebased = True
                        continue
                except BaseException:
                    self._unanswered[item.writer] = payload
                    raise
                self._unanswered.clear()
                self._remember(item, text, payload)
                return

    def _put(self, item: Item, old: Key | None, accessed_by_ms: int) -> None:
        items, stored = self._store.items, self._stored
        if stored is None:
            items.put(item, items.if_no_session())
        elif old is None:
            unchanged = items.if_unchanged(stored, accessed_by_ms=accessed_by_ms)
            items.put(item, unchanged, replaced=stored)
        else:
            items.move(item, stored, old, marker=True, accessed_by_ms=accessed_by_ms)

    def _take_over(self, theirs: Item | Marker | None, old: Key | None, patience: Patience) -> bool:
        """Take another request's item for what is stored; False if the session is gone."""
        if self._is_gone(theirs):
            return False
        stored = self._stored
        # No other request has changed anything, only used it.
        touched = isinstance(theirs, Item) and (
            theirs.writer in self._unanswered
            or (stored is not None and theirs.writer == stored.writer)
        )
        reject = self._store.options.concurrency == "reject" and not touched
        if reject or not patience.again():
            raise SessionConflict(
                f"session {self.hashed_id}: another request saved it meanwhile"
                + ("" if reject else f", {patience.conflicts} times"),
                operation="PutItem",
                table=self._store.options.table_name,
                aws_code="ConditionalCheckFailedException",
            )
        if patience.waited:
            theirs = self._store.items.find(old or self._key, SESSION, consistent_read=True)
            if self._is_gone(theirs):
                return False
        if isinstance(theirs, Item):
            self._stored, self._stored_payload = theirs, self._decode(theirs)
        return True

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

    def _never_earlier(
        self, mine: dict[str, Any] | None, payload: Any, seen: dict[str, Any]
    ) -> tuple[dict[str, Any] | None, Any]:
        """Return data and payload with the loaded access time if that is later than their own."""
        later = None if mine is None else last_access.later(seen, mine)
        if mine is None or later is None:
            return mine, payload
        mine = {**mine, merge.ACCESSED: later}
        return mine, self.format.dumps(mine, payload)

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
        store.note_session_size(len(data))
        now_ms = store.items.now_ms()
        # Another host's clock may be ahead of this one's: its access time stays.
        accessed_ms = now_ms if stored is None else max(now_ms, stored.accessed_ms or 0)
        item = Item(
            key=self._key,
            kind=SESSION,
            data=data,
            codec=codec,
            created_ms=now_ms if stored is None else stored.created_ms,
            deadline_ms=store.session_deadline_ms(accessed_ms, self._expiretime),
            accessed_ms=accessed_ms,
            version=1 if stored is None else (stored.version or 0) + 1,
            # Unlike a version, no two writes have the same.
            writer=secrets.token_urlsafe(9),
            cookie_name=self.cookie_name or (None if stored is None else stored.cookie_name),
            special=special,
        )
        store.codec.sign(item)
        return item

    def _of_another_cookie(self, item: Item) -> bool:
        return None not in (self.cookie_name, item.cookie_name) and (
            item.cookie_name != self.cookie_name
        )

    def _decode(self, item: Item) -> Any:
        return self._store.codec.decode_session(item)

    def _seen(self) -> dict[str, Any] | None:
        return None if self._seen_payload is None else self.format.loads(self._seen_payload)

    def _remember(self, stored: Item | None, stored_payload: Any, seen_payload: Any) -> None:
        self._stored, self._stored_payload = stored, stored_payload
        self._seen_payload = seen_payload
        self._gone = False

    def own_changes(self, payload: Any) -> dict[str, Any]:
        """Return the keys of a payload that this request set, compared with what it loaded."""
        mine, seen = self.format.loads(payload) or {}, self._seen() or {}
        return {
            key: value
            for key, value in mine.items()
            if key not in merge.BEAKER_KEYS and not (key in seen and same(seen[key], value))
        }

    def _drop(self) -> None:
        self._gone = True
        log.info("session %s is gone; a save of it was dropped", self.hashed_id)

    @property
    def hashed_id(self) -> str:
        """What logs and messages call the session: nobody can take it over by that."""
        return hashlib.sha256(key_bytes(self._session_id)).hexdigest()[:16]

    def _migrate(self) -> Item | None:
        """Move the session from the key that it had before `hash_ids`, if it is there."""
        store = self._store
        old_key = store.keys.session(self._session_id, hashed=False)
        item = store.items.get(old_key, SESSION)
        if item is None:
            return None
        # A signature is for one key: what is wrong under the old one must not be made right.
        store.codec.verify(item)
        moved = replace(item, key=self._key)
        store.codec.sign(moved)
        try:
            store.items.move(moved, item, old_key, marker=False)
        except ConditionFailed:
            # Another request was quicker; it has moved, changed or deleted it.
            return store.items.get(self._key, SESSION)
        return moved

"""One session in the table, as one request sees it: loaded, saved, touched, moved, deleted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from beaker_dynamodb.dynamodb.error_mapping import ConditionFailed
from beaker_dynamodb.exceptions import DynamoDBError
from beaker_dynamodb.items.codec import Raw
from beaker_dynamodb.items.item import SESSION, Item, Marker
from beaker_dynamodb.sessions import last_access, merge
from beaker_dynamodb.sessions.comparison import same
from beaker_dynamodb.sessions.merging_record import MergingRecord
from beaker_dynamodb.sessions.payload import same_but_last_use


class SessionRecord(MergingRecord):
    """The item of one session."""

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
            did not settle in time (conflict_retry.py).
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
        if self.fresh or stored is None or not refreshes.allowed():
            return
        try:
            _, text = self._merged(mine, payload)
            item = self._item(text, stored, stored.special)
            item.version, item.writer = stored.version, stored.writer
            item.earlier = stored.earlier
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

    def _of_another_cookie(self, item: Item) -> bool:
        return None not in (self.cookie_name, item.cookie_name) and (
            item.cookie_name != self.cookie_name
        )

    def own_changes(self, payload: Any) -> dict[str, Any]:
        """Return the keys of a payload that this request set, compared with what it loaded."""
        mine, seen = self.format.loads(payload) or {}, self._seen() or {}
        return {
            key: value
            for key, value in mine.items()
            if key not in merge.BEAKER_KEYS and not (key in seen and same(seen[key], value))
        }

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

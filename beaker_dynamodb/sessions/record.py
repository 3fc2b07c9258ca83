"""Save, touch, move and delete the session of one request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beaker_dynamodb.dynamodb.error_mapping import ConditionFailed
from beaker_dynamodb.exceptions import DynamoDBError
from beaker_dynamodb.items.codec import SessionBytes
from beaker_dynamodb.items.item import SESSION, Item
from beaker_dynamodb.items.keys import Key
from beaker_dynamodb.sessions import events, last_access, merge
from beaker_dynamodb.sessions.comparison import same
from beaker_dynamodb.sessions.lifetime import LIFETIME_KEYS
from beaker_dynamodb.sessions.payload import Payload, same_except_access_time
from beaker_dynamodb.sessions.reading import ReadSession
from beaker_dynamodb.sessions.state import Stored


class SessionRecord(ReadSession):
    """The session with one id, in one request."""

    @property
    def fresh(self) -> bool:
        """Whether the stored access time is too recent to need a refresh."""
        if self.item is None:
            return False
        # Negative if this host's clock is behind. There is then no later time to write.
        age_ms = self.storage.items.now_ms() - (self.item.accessed_ms or 0)
        return age_ms < self.touch_interval_ms

    def holds(self, raw: Any) -> bool:
        """Return whether a payload equals the last one read or saved, except for the access time.

        False if either cannot be decoded.
        """
        seen = None if self.seen is None else self.seen.data
        mine = self.payload(raw).data
        return seen is not None and mine is not None and not merge.differs(seen, mine)

    def own_changes(self, raw: Any) -> list[str]:
        """Return the keys that this request has added or changed since it loaded the session.

        Beaker's own keys are left out. The log-in time counts only if another key was changed.
        """
        seen, mine = self.seen_data, self.payload(raw).data or {}
        changed = [
            key for key, value in mine.items() if not (key in seen and same(seen[key], value))
        ]
        if not set(changed) - merge.BEAKER_KEYS:
            return []
        return [key for key in changed if key == merge.LOGGED_IN or key not in merge.BEAKER_KEYS]

    def write(self, raw: Any, lifetime: float | None = None) -> None:
        """Save the session unless it is unchanged or gone; delete it if it was cleared.

        Costs at most one write, and one per chunk, if no other request saves at the same time.

        :param raw: the payload from Beaker's Session, or `SessionBytes`.
        :param lifetime: in seconds; defaults to the session's own timeout, or the configured
            lifetime.
        :raises SessionConflict: another request saved the session, and merging is disabled or
            did not succeed in time (conflict_retry.py).
        """
        self.lifetime = lifetime
        if self.fresh and self.seen is not None and same_except_access_time(self.seen.raw, raw):
            return
        mine = self._with_latest_access(self.payload(SessionBytes.of(raw)))
        data = mine.data
        if data is not None and data.keys() <= merge.BOOKKEEPING:
            self.delete()
        elif self.gone:
            self.drop()
        elif data is None:
            self._replace(mine)
        elif self.item is not None and not merge.differs(self.seen_data, data):
            self._touch(self.item, mine)
        else:
            self._save(mine)

    def write_changed(self, raw: Any, data: Mapping[str, Any]) -> None:
        """Save a session whose data is known to differ; see `write`. Decode it only if necessary.

        :param data: the decoded contents of ``raw``.
        """
        self.lifetime = None
        if self.gone:
            self.drop()
        else:
            mine = self.payload(raw)
            mine.lifetime_data = {key: data[key] for key in LIFETIME_KEYS if key in data}
            self._save(self._with_latest_access(mine))

    def _save(self, mine: Payload) -> None:
        if self.storage.options.concurrency == "overwrite":
            self._replace(mine)
        else:
            self._save_merged(mine)

    def _save_merged(self, mine: Payload, old_key: Key | None = None) -> None:
        # Imported lazily: a request that only reads does not need it.
        from beaker_dynamodb.sessions.merging_save import MergingSave

        MergingSave(self, mine, old_key).run()

    def delete(self, reason: str = events.LOG_OUT) -> None:
        """Replace the session with a marker: one PutItem. Saves in flight are dropped.

        :param reason: why it ends; see `events`.
        """
        active = self.storage.items.end(self.key)
        if active:
            self.report(events.ENDED, reason)
        self.set_stored(None)

    def move_from(self, old: SessionRecord, raw: Any) -> None:
        """Save the session under this id and end ``old``, both or neither.

        Changes that other requests have saved in ``old`` are kept. If ``old`` is gone, the save is
        dropped.
        """
        self.moves_from = old.digest
        if old.gone:
            self.drop()
        elif old.stored is None:
            self.write(raw)
        else:
            self._move(old, old.stored, raw)

    def _move(self, old: SessionRecord, old_stored: Stored, raw: Any) -> None:
        moved = None
        if self.stored is not None:
            # A retry: an earlier move raised, but may have been stored.
            moved = self.storage.items.get(self.key, SESSION, consistent_read=True)
        # The application's changes are those since it loaded the old session.
        self.set_stored(old_stored, old.seen)
        if moved is not None:
            self.stored = self.decoded(moved)
            self.seen = self.unanswered.get(moved.writer, self.seen)
        mine = self._with_latest_access(self.payload(raw))
        self._save_merged(mine, old.key if moved is None else None)
        if self.gone:
            return
        if moved is not None:
            # Without transactions, the second write may not have been stored.
            self.storage.items.end(old.key)
        self.report(events.REGENERATED, old_session=old.digest)
        old.forget()

    def _touch(self, loaded: Item, mine: Payload) -> None:
        """Refresh access time and expiry if due, unless another request wrote the session.

        Never raises: the application did not ask for this write, so it must not fail the page.
        """
        items, refreshes = self.storage.items, self.storage.refreshes
        if self.fresh or not refreshes.allowed():
            return
        try:
            payload = self.merged(mine)
            item = self.new_item(payload, loaded.special)
            item.version, item.writer, item.earlier = loaded.version, loaded.writer, loaded.earlier
            untouched = items.if_unchanged(loaded, accessed_by_ms=loaded.accessed_ms)
            items.put(item, untouched, replaced=loaded)
        except ConditionFailed:
            refreshes.succeeded()
        except DynamoDBError as error:
            refreshes.failed(error)
        else:
            refreshes.succeeded()
            self.set_stored(Stored(item, payload), mine)

    def _replace(self, mine: Payload) -> None:
        """Write the whole payload without merging, unless the session is gone."""
        items = self.storage.items
        item = self.new_item(mine, self.special_of(mine))
        loaded = self.item
        try:
            condition = None if loaded is None else items.if_same_session(loaded)
            items.put(item, condition, replaced=loaded)
        except ConditionFailed:
            self.drop()
        else:
            self.set_stored(Stored(item, mine))
            if loaded is None:
                self.report(events.CREATED)

    def _with_latest_access(self, mine: Payload) -> Payload:
        """Return the payload with its own or the loaded access time, whichever is later."""
        seen = None if self.seen is None else self.seen.accessed
        later = last_access.later_access(seen, mine.accessed)
        if later is None or mine.data is None:
            return mine
        return mine.with_data({**mine.data, merge.ACCESSED: later})

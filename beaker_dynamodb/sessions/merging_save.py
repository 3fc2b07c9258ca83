"""Save a session: conditional write, merge on conflict, retry."""

from __future__ import annotations

from beaker_dynamodb.dynamodb.error_mapping import ConditionFailed
from beaker_dynamodb.exceptions import (
    DynamoDBError,
    ItemTooLarge,
    PayloadError,
    SessionConflict,
    SpecialKeyError,
)
from beaker_dynamodb.items.item import SESSION, Item, Marker
from beaker_dynamodb.items.keys import Key
from beaker_dynamodb.sessions import events
from beaker_dynamodb.sessions.combined_saves import CombinedSave, Dropped, Save
from beaker_dynamodb.sessions.last_access import overwritable_ms
from beaker_dynamodb.sessions.merge import differs, merge
from beaker_dynamodb.sessions.payload import Payload
from beaker_dynamodb.sessions.state import SessionState, Stored


class MergingSave:
    """One save of a session. Call `run` once.

    :param state: updated with the outcome.
    :param old_key: the key under which the session was loaded, if its id changes.
    """

    def __init__(self, state: SessionState, mine: Payload, old_key: Key | None = None) -> None:
        self._state = state
        self._storage = state.storage
        self._old_key = old_key
        self._retry = self._storage.conflict_retry()
        options = self._storage.options
        name = self._storage.items.client.key, options.table_name, state.key
        terms = options, state.lifetime, state.cookie_name
        #: Whether the session already existed, so that this save must not report its creation.
        self._existed = state.item is not None
        self._save = Save(mine, state.seen, state.merged_since, terms)
        self._combined = CombinedSave(name, self._save)

    def run(self) -> None:
        """Write if no other request has written since the read; otherwise merge and retry.

        After a conflict, this process combines its waiting saves of the session into one write.

        :raises SessionConflict: merging is disabled, or did not succeed in time.
        """
        save = self._save
        try:
            with self._combined:
                while save.outcome is None:
                    try:
                        self._write()
                    except ConditionFailed as failed:
                        self._handle_conflict(failed)
                    except (ItemTooLarge, PayloadError, SpecialKeyError):
                        # Another thread's save may be the cause: retry with fewer.
                        if not self._combined.halve():
                            raise
        except BaseException as error:
            self._note_unanswered()
            # Report only when no other save waits for this one: `on_event` may be slow.
            if isinstance(error, SessionConflict):
                self._state.report(events.CONFLICT)
            raise
        self._finish()

    def _finish(self) -> None:
        # Clear the outcome, to break the cycle of exception, traceback, frame and save.
        outcome, self._save.outcome = self._save.outcome, None
        if isinstance(outcome, Stored):
            self._state.unanswered.clear()
            self._state.set_stored(outcome, self._save.payload)
            self._report(outcome)
        elif isinstance(outcome, DynamoDBError):
            self._note_unanswered()
            try:
                raise outcome
            finally:
                del outcome
        else:
            self._state.drop()

    def _report(self, outcome: Stored) -> None:
        state, mine = self._state, self._save.payload
        if not self._existed:
            state.report(events.CREATED)
        if (
            self._retry.conflicts
            and outcome.payload is not mine
            and differs(outcome.payload.data or {}, mine.data or {})
        ):
            state.report(events.MERGED)

    def _note_unanswered(self) -> None:
        self._state.unanswered.update(dict.fromkeys(self._save.tried, self._save.payload))

    def _write(self) -> None:
        """Try once to write this save, together with the waiting saves of other threads."""
        combined, save, names = self._combined, self._save, self._storage.special.names
        payload = self._state.merged(save.payload, rebased=save.rebased)
        if others := combined.take():
            data = payload.data or {}
            for other in others:
                # Empty if there was no session or it could not be decoded, as for a single save.
                seen = (other.seen and other.seen.data) or {}
                mine = other.payload.data or {}
                data = merge(seen, mine, data, names, rebased=other.rebased)
            payload = payload.with_data(data)
        item = self._state.new_item(payload, self._state.special_of(payload))
        accessed_by_ms = overwritable_ms(
            None if self._state.item is None else self._state.item.accessed_ms,
            payload.accessed,
            now_ms=self._storage.items.now_ms(),
            touch_interval_ms=self._state.touch_interval_ms,
        )
        combined.begin(item.writer)
        with self._retry.timed():
            self._put(item, accessed_by_ms)
        combined.settle(Stored(item, payload), item.writer)

    def _put(self, item: Item, accessed_by_ms: int) -> None:
        items, loaded = self._storage.items, self._state.item
        if loaded is None:
            items.put(item, items.if_no_session(marker=not self._state.registered))
        elif self._old_key is None:
            unchanged = items.if_unchanged(loaded, accessed_by_ms=accessed_by_ms)
            items.put(item, unchanged, replaced=loaded)
        else:
            items.move(
                item,
                loaded,
                self._old_key,
                marker=True,
                accessed_by_ms=accessed_by_ms,
                unless_new_ended=self._state.registered,
            )

    def _handle_conflict(self, failed: ConditionFailed) -> None:
        """Settle the save if the current item decides its outcome; otherwise prepare a retry.

        :raises SessionConflict: merging is disabled, or time has run out.
        """
        items, state, retry = self._storage.items, self._state, self._retry
        rejecting = self._storage.options.concurrency == "reject"
        current = items.found(failed, state.key, SESSION)
        if self._settled(current):
            return
        if rejecting and not self._data_unchanged(current):
            raise self._conflict("")
        if not retry.again():
            raise self._conflict(f" (conflicts: {retry.conflicts})")
        if retry.paused:
            current = items.find(self._old_key or state.key, SESSION, consistent_read=True)
            if self._settled(current):
                return
        if isinstance(current, Item):
            self._rebase(state.decoded(current))
        if self._old_key is not None or rejecting or self._save.payload.data is None:
            return
        self._save.created_ms = None if state.item is None else state.item.created_ms
        if not self._combined.join(retry):
            raise self._conflict(", and the saves queued before this one took too long")
        # Another thread of this process may have stored a later state while this one waited.
        last = self._combined.last_stored
        if last is not None and state.is_later(last.item):
            self._rebase(last)

    def _settled(self, current: Item | Marker | None) -> bool:
        """Settle the saves that the current item decides; return whether this one is settled."""
        combined = self._combined
        writers = current.writers if isinstance(current, Item) else ()
        own = next(filter(combined.contains, writers), None)
        if isinstance(current, Item) and own is not None:
            # An earlier attempt was stored, but its response was lost or its thread was aborted.
            combined.settle(self._state.decoded(current), own)
        elif self._state.has_ended(current):
            combined.settle(Dropped())
        return self._save.outcome is not None

    def _data_unchanged(self, current: Item | Marker | None) -> bool:
        """Return whether no other request has changed the data."""
        known = self._state.item
        return isinstance(current, Item) and (
            current.writer in self._state.unanswered
            or (known is not None and current.writer == known.writer)
        )

    def _rebase(self, stored: Stored) -> None:
        """Base the next write on a later state of the session."""
        state = self._state
        state.stored = stored
        own = next((token for token in stored.item.writers if token in state.unanswered), None)
        if own is not None:
            # An earlier save of this request raised, but was stored.
            state.seen = self._save.seen = state.unanswered[own]
            self._save.rebased = True
        else:
            self._existed = True

    def _conflict(self, details: str) -> SessionConflict:
        return SessionConflict(
            f"session {self._state.digest}: another request saved it first{details}",
            operation="PutItem",
            table=self._storage.options.table_name,
            aws_code="ConditionalCheckFailedException",
        )

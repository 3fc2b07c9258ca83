"""Register the log-ins of each user, limit their number, and revoke them.

A log-in begins when the application assigns the user: the user's generation is read. Saving the
session first registers its key in the user item, if the generation is still the same, and then
writes the session. A revoke first changes the generation, and then writes a marker under each
registered key, so that the write of a log-in in progress fails. Whichever comes first, no session
survives.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from beaker_dynamodb.dynamodb import batches
from beaker_dynamodb.exceptions import DynamoDBError, SessionConflict, TooManySessions
from beaker_dynamodb.items.item import MARKER, Attributes, new_token
from beaker_dynamodb.items.keys import Key
from beaker_dynamodb.sessions import events
from beaker_dynamodb.sessions.storage import SessionStorage
from beaker_dynamodb.sessions.user_item import UserItem, UserItems

log = logging.getLogger("beaker_dynamodb")

#: A log-in is listed for this long even if its session is missing: it may still be written.
IN_FLIGHT_MS = 60_000
#: Without ``max_sessions``, at most this many log-ins are listed.
MAX_LISTED = 100
#: If a log-in takes longer than this, the marker of a revoke may have expired (MARKER_SECONDS).
SLOW_SECONDS = 5.0
#: Lifetime of a user item. With ``max_sessions`` it must outlive the sessions, so it is the maximum
#: age of a cookie (RFC 6265bis, section 5.5). Otherwise it need only outlive a request.
LIMITED_SECONDS, UNLIMITED_SECONDS = 400 * 86_400.0, 86_400.0
#: Lifetime of the empty item that `Users.erase` leaves to stop requests in flight.
ERASED_SECONDS = 3600.0


@dataclass
class LogIn:
    """A log-in that has begun.

    :param user: the value of ``user_key`` as a DynamoDB attribute.
    :param found: the user item when the log-in began.
    :param registered_at: seconds of the monotonic clock.
    """

    user: Attributes = field(repr=False)
    found: UserItem
    registered_at: float = 0.0


class Users:
    """The users of one configuration, which sets ``user_key``."""

    def __init__(self, storage: SessionStorage) -> None:
        self._items, self._options = storage.items, storage.options
        self._limit = storage.options.max_sessions
        self._storage = storage
        self._lifetime = UNLIMITED_SECONDS if self._limit is None else LIMITED_SECONDS
        self.user_key = storage.options.user_key or ""
        self._user_items = UserItems(storage.items, self.user_key)

    def begin(self, user: Attributes) -> LogIn:
        """Begin a log-in. Costs one consistent GetItem."""
        return LogIn(user, self._user_items.read(user))

    def register(self, log_in: LogIn, key: Key, *, moved: bool = False) -> bool:
        """Register the session of a log-in.

        Costs one PutItem, unless another write interferes or ``max_sessions`` is reached.

        :param moved: whether the session replaces a listed one, which is removed later.
        :returns: False if the user's sessions were revoked since the log-in began.
        :raises TooManySessions: ``max_sessions`` is reached, with ``when_exceeded = refuse``.
        """
        log_in.registered_at = time.monotonic()

        def registered(current: UserItem) -> UserItem | None:
            if current.generation != log_in.found.generation:
                return None
            listed = {name: ms for name, ms in current.sessions.items() if name != key.partition}
            sessions = listed if moved else self._make_room(log_in.user, listed)
            sessions[key.partition] = self._items.now_ms()
            return replace(current, sessions=sessions)

        return self._replace(log_in.user, log_in.found, registered) is not None

    def _replace(
        self,
        user: Attributes,
        current: UserItem,
        change: Callable[[UserItem], UserItem | None],
        lifetime: float | None = None,
    ) -> UserItem | None:
        """Write what ``change`` returns for the current item. Retry if another write interferes.

        :param lifetime: in seconds; defaults to that of user items.
        :returns: the item that was replaced, or None if ``change`` returned None.
        :raises SessionConflict: another request wrote the item before every attempt.
        """
        retry = self._storage.conflict_retry()
        while (after := change(current)) is not None:
            with retry.timed():
                found = self._user_items.write(user, current, after, lifetime or self._lifetime)
            if found is None:
                return current
            current = found
            if not retry.again():
                raise SessionConflict("other log-ins of the user were registered at the same time")
        return None

    def _make_room(self, user: Attributes, sessions: dict[str, int]) -> dict[str, int]:
        """Return the sessions to keep in the list with a new one; end surplus ones if limited."""
        if self._limit is None:
            since = self._items.now_ms() - IN_FLIGHT_MS
            recent = [(name, ms) for name, ms in sessions.items() if ms > since]
            return dict(recent[-(MAX_LISTED - 1) :])
        if len(sessions) >= self._limit:
            sessions = self._alive(user, sessions)
        if len(sessions) >= self._limit and self._options.when_exceeded == "refuse":
            raise TooManySessions(
                f"the user already has {self._limit} sessions (option max_sessions)",
                limit=self._limit,
            )
        # End them before the log-in is registered: a crash must not leave an unlisted session.
        for name in list(sessions)[: max(0, len(sessions) - self._limit + 1)]:
            self._end(self._items.keys.session_at(name), user, events.EVICTED)
            del sessions[name]
        return sessions

    def _alive(self, user: Attributes, listed: Mapping[str, int]) -> dict[str, int]:
        """Return the listed sessions that are stored or may still be written."""
        items = self._items
        now_ms = items.now_ms()
        keys = [items.layout.key_attributes(self._items.keys.session_at(name)) for name in listed]
        found = {
            item[self._options.hash_key]["S"]: item
            for item in batches.get(items, keys, consistent_read=True)
        }
        alive = {}
        for name, ms in listed.items():
            item = found.get(name, {})
            if item.get("type") == {"S": MARKER}:
                continue
            owner = None if items.layout.expired(item, now_ms) else item.get(self.user_key)
            in_flight = owner is None and ms > now_ms - IN_FLIGHT_MS
            if owner == user or in_flight:
                alive[name] = ms
        return alive

    def confirm(self, log_in: LogIn, key: Key, *, always: bool = False) -> bool:
        """Return whether a log-in whose session was written is still valid.

        Only a slow log-in is looked up: a marker that should have stopped it may have expired.

        :param always: whether to look up fast ones too.
        """
        if not always and time.monotonic() - log_in.registered_at < SLOW_SECONDS:
            return True
        current = self._user_items.read(log_in.user)
        listed = self._limit is None or key.partition in current.sessions
        return listed and current.generation == log_in.found.generation

    def remove(self, user: Attributes, *ended: Key) -> None:
        """Remove ended sessions from the list. Only log errors: the sessions have ended anyway.

        Does nothing without ``max_sessions``, because later log-ins drop old entries.
        """
        if self._limit is None:
            return
        names = {key.partition for key in ended}

        def without_ended(current: UserItem) -> UserItem | None:
            kept = {name: ms for name, ms in current.sessions.items() if name not in names}
            return None if len(kept) == len(current.sessions) else replace(current, sessions=kept)

        try:
            self._replace(user, self._user_items.read(user), without_ended)
        except DynamoDBError as error:
            log.warning("a session that ended still counts toward max_sessions: %s", error)

    def revoke(self, user: Attributes, keep: Iterable[Key] = ()) -> Iterator[tuple[Key, Any]]:
        """End the listed sessions and the log-ins in progress. Yield the sessions that were stored.

        The ended sessions are removed from the list last (see `remove`), so that a revoke that
        failed halfway can be repeated.

        :param keep: listed sessions that are not ended.
        """
        before = self._replace(
            user, self._user_items.read(user), lambda old: UserItem(new_token(), old.sessions)
        )
        kept = set(keep)
        listed = [self._items.keys.session_at(name) for name in before.sessions] if before else []
        ended = [key for key in listed if key not in kept]
        for key in ended:
            old = self._end(key, user, events.REVOKED)
            if old is not None:
                yield key, old
        if ended:
            self.remove(user, *ended)

    def _end(self, key: Key, user: Attributes, reason: str) -> Mapping[str, Any] | None:
        """End a session, and report it if it was active; return its attributes if it was stored."""
        old = self._user_items.end(key, user)
        if old is not None and not self._items.layout.expired(old, self._items.now_ms()):
            self._storage.report_end(key, reason, old)
        return old

    def erase(self, user: Attributes) -> None:
        """Replace a user item with an empty one that expires after an hour.

        It makes log-ins in flight fail, and contains only a digest of the user.
        """
        current = self._user_items.read(user)
        self._replace(user, current, lambda _: UserItem(new_token()), ERASED_SECONDS)

"""A user's item: which log-ins are valid, and the keys of the user's latest sessions.

Each write replaces the whole item, on the condition that it has not changed since it was read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from beaker_dynamodb.dynamodb.error_mapping import ConditionFailed
from beaker_dynamodb.dynamodb.expressions import Attr, Attributes, write_params
from beaker_dynamodb.exceptions import PayloadError
from beaker_dynamodb.items.item import SESSION, USER
from beaker_dynamodb.items.keys import Key
from beaker_dynamodb.items.store import MARKER_SECONDS, ItemStore, same_writer


@dataclass(frozen=True)
class UserItem:
    """What is stored about a user. ``UserItem()`` represents a user without an item.

    :param generation: a random token that each revoke replaces; empty before the first one. It is
        not a counter, which could repeat a value after the item was deleted.
    :param sessions: partition keys of sessions and their log-in times in milliseconds since the
        epoch, earliest first.
    :param writer: token of the last write, or None if the item does not exist.
    """

    generation: str = ""
    sessions: Mapping[str, int] = field(default_factory=dict, repr=False)
    writer: str | None = None


def attributes(
    items: ItemStore, key: Key, user: UserItem, lifetime_seconds: float
) -> dict[str, Any]:
    """Return the attributes of a user item, with a new writer token."""
    data = json.dumps({"generation": user.generation, "sessions": user.sessions})
    return {
        **items.layout.marker(key, items.now_ms(), lifetime_seconds, USER),
        "data": {"B": data.encode()},
    }


def user_item(items: ItemStore, found: Mapping[str, Any] | None) -> UserItem:
    """Return the user stored in an item. Only the writer of an expired item is returned.

    :raises PayloadError: the item is damaged.
    """
    if found is None:
        return UserItem()
    try:
        writer = found["writer"]["S"]
        if items.layout.expired(found, items.now_ms()):
            return UserItem(writer=writer)
        data = json.loads(bytes(found["data"]["B"]))
        sessions = {str(name): int(ms) for name, ms in data["sessions"].items()}
        return UserItem(str(data["generation"]), sessions, writer)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise PayloadError(f"an item of type {USER!r} is damaged: {error!r}") from None


class UserItems:
    """Reads and writes user items, and ends users' sessions."""

    def __init__(self, items: ItemStore, user_key: str) -> None:
        self._items, self._user_key = items, user_key

    def key(self, user: Attributes) -> Key:
        """Return the key of a user's item."""
        ((kind, value),) = user.items()
        text = value.hex() if isinstance(value, bytes) else value
        return self._items.keys.user(f"{kind}:{text}")

    def read(self, user: Attributes) -> UserItem:
        """Return what is stored about a user. Costs one consistent GetItem."""
        key = self._items.layout.key_attributes(self.key(user))
        found = self._items.call("get_item", Key=key, ConsistentRead=True).get("Item")
        return user_item(self._items, found)

    def write(
        self, user: Attributes, before: UserItem, after: UserItem, lifetime: float
    ) -> UserItem | None:
        """Replace a user item; return None, or the current item if another write came first."""
        item = attributes(self._items, self.key(user), after, lifetime)
        unchanged = self._items.if_absent()
        if before.writer is not None:
            # No other write has replaced the item.
            unchanged = write_params(Attr("writer").eq(before.writer))
        try:
            self._items.call("put_item", Item=item, **unchanged)
        except ConditionFailed as failed:
            if not same_writer(failed, item):
                return user_item(self._items, failed.attributes)
        return None

    def end(self, key: Key, user: Attributes) -> Mapping[str, Any] | None:
        """Write a marker under a session's key, unless the session belongs to another user.

        A missing session gets a marker too, because a log-in may be about to write it.

        :returns: the attributes of the session that was replaced, or None.
        """
        marker = self._items.layout.marker(key, self._items.now_ms(), MARKER_SECONDS)
        # The item does not exist, has no user (a visitor's session, a marker), or has this user.
        condition = Attr(self._user_key).not_exists() | Attr(self._user_key).eq(user)
        try:
            old = self._items.replace(marker, **write_params(condition, return_item=False))
        except ConditionFailed:
            return None
        return old if old.get("type") == {"S": SESSION} else None

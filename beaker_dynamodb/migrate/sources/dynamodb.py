"""Sessions in DynamoDB: in another table, or with another prefix, ``hash_ids`` or signing keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

from beaker_dynamodb.dynamodb.rate_limiter import RateLimiter
from beaker_dynamodb.dynamodb.scan import scan
from beaker_dynamodb.exceptions import PayloadError
from beaker_dynamodb.items.item import SESSION, Item
from beaker_dynamodb.migrate.places import place
from beaker_dynamodb.migrate.sources import Entry, Foreign, Found, Mark, Unreadable, digest_of
from beaker_dynamodb.sessions.storage import SessionStorage
from beaker_dynamodb.sessions.stored_session import SESSION_CODECS

#: Parts of the table that are read at once; a state file's marks are of these parts.
SEGMENTS = 4
#: What `Keys.session_id` begins a digest with.
DIGEST = "%#"


class DynamoDBSource:
    """The sessions of one configuration.

    :param store: the configuration's.
    :param units_per_second: read units that reading may consume; None: as they come.
    """

    def __init__(self, store: SessionStorage, units_per_second: float | None = None) -> None:
        self._store = store
        self._units_per_second = units_per_second
        options = store.options
        beginning = store.keys.beginnings[0]
        self.name = place(store.items)
        self.client = store.items.client()
        self._params: dict[str, Any] = {
            # The sessions, of whatever prefix.
            "FilterExpression": "#type = :session",
            "ExpressionAttributeNames": {"#type": "type"},
            "ExpressionAttributeValues": {":session": {"S": SESSION}},
            "ConsistentRead": options.consistent_read,
        }
        if beginning:
            # Of these those of one prefix: it ends with a colon, which stands in no id, so that
            # neighbours do not match.
            self._params["FilterExpression"] += " AND begins_with(#key, :beginning)"
            self._params["ExpressionAttributeNames"]["#key"] = options.hash_key
            self._params["ExpressionAttributeValues"][":beginning"] = {"S": beginning}

    def entries(self, marks: Mapping[int, Mapping[str, Any] | None]) -> Iterator[Entry]:
        """Give what is in the items."""
        pages = scan(
            self._store.items,
            self._params,
            segments=SEGMENTS,
            limiter=RateLimiter(self._units_per_second),
            start=marks,
        )
        with closing(pages):
            for page in pages:
                for attributes in page.items:
                    entry = self._entry(attributes)
                    if entry is not None:
                        yield entry
                yield Mark(page.segment, page.last_key)

    def _entry(self, attributes: Mapping[str, Any]) -> Entry | None:
        store = self._store
        key = store.items.layout.key(attributes)
        if not store.keys.is_session(key):
            return Foreign()
        session_id, hashed = store.keys.session_id(key)
        wanted = store.options.hash_ids
        if wanted != "migrate" and hashed != wanted:
            # With these options nobody would find it: an item from before, or after, `hash_ids`.
            return Foreign()
        try:
            item = self._whole(attributes)
            if item is None:
                return None
            if item.codec.partition(",")[0] not in SESSION_CODECS:
                # Whoever can write to the table could have a pickle of theirs run here.
                return Unreadable("a session that is no text")
            payload = store.codec.decode(item)
        except PayloadError as error:
            return Unreadable(str(error))
        times = item.accessed_ms, item.deadline_ms
        if hashed:
            return Found(None, payload, session_id.removeprefix(DIGEST), *times)
        return Found(session_id, payload, digest_of(session_id), *times)

    def _whole(self, attributes: Mapping[str, Any]) -> Item | None:
        """Give the item with its data; None where it is gone by now."""
        items = self._store.items
        item = items.layout.item(items.layout.key(attributes), SESSION, attributes)
        if item.chunks is None or items.chunks.read(item, consistent_read=True):
            return item
        return items.get(item.key, SESSION, consistent_read=True)

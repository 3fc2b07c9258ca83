"""Read sessions from DynamoDB, to change table, prefix, signing key or ``hash_ids``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from typing import Any

from beaker_dynamodb.dynamodb import table_state
from beaker_dynamodb.dynamodb.expressions import Attr, read_params
from beaker_dynamodb.dynamodb.rate_limiter import RateLimiter
from beaker_dynamodb.dynamodb.scan import scan
from beaker_dynamodb.exceptions import DynamoDBError, PayloadError
from beaker_dynamodb.items.codec import SessionBytes
from beaker_dynamodb.items.item import SESSION, Item
from beaker_dynamodb.items.store import ItemStore
from beaker_dynamodb.migrate.source import (
    Damaged,
    Entry,
    NotASession,
    Source,
    SourceSession,
    digest_of,
)
from beaker_dynamodb.sessions.payload import safe_payload
from beaker_dynamodb.sessions.storage import SessionStorage
from beaker_dynamodb.sessions.stored_session import SESSION_CODECS

#: Number of table segments that are read in parallel.
SEGMENTS = 4
#: Prefix of a digest that `Keys.session_id` returns instead of an id.
DIGEST = "%#"


def location(items: ItemStore) -> str:
    """Return table, endpoint and prefixes, for messages, records and state files.

    :raises ConfigurationError: no Region is configured, or boto3 is missing.
    """
    options = items.options
    prefixes = " and ".join(map(repr, dict.fromkeys(items.keys.prefixes)))
    hashed = ", ids hashed" if options.hash_ids else ""
    endpoint = items.client().meta.endpoint_url
    return f"table {options.table_name} at {endpoint}, prefix {prefixes}{hashed}"


class DynamoDBSource(Source):
    """The sessions of one DynamoDB configuration.

    :param units_per_second: maximum read capacity. None means no limit.
    """

    def __init__(self, storage: SessionStorage, units_per_second: float | None = None) -> None:
        self.storage = storage
        self._units_per_second = units_per_second
        options = storage.options
        prefix = storage.keys.prefixes[0]
        self.name = location(storage.items)
        self.client = storage.items.client()
        # Select the sessions with this prefix. The filter also finds those with a longer prefix
        # that begins with it; `_entry` leaves them out.
        sessions = Attr("type").eq(SESSION)
        if prefix:
            sessions &= Attr(options.hash_key).begins_with(prefix)
        self._params = {**read_params(filter=sessions), "ConsistentRead": True}

    def _total(self) -> int | None:
        with suppress(DynamoDBError):  # DescribeTable may not be allowed
            described = table_state.describe(self.client, self.storage.options.table_name)
            return None if described is None else described.get("ItemCount")
        return None

    def _entries(self) -> Iterator[Entry]:
        pages = scan(
            self.storage.items,
            self._params,
            segments=SEGMENTS,
            limiter=RateLimiter(self._units_per_second),
        )
        with closing(pages):
            for page in pages:
                for attributes in page.items:
                    entry = self._entry(attributes)
                    if entry is not None:
                        yield entry

    def _entry(self, attributes: Mapping[str, Any]) -> Entry | None:
        storage = self.storage
        key = storage.items.layout.key(attributes)
        if not storage.keys.is_session(key):
            return NotASession()
        session_id, hashed = storage.keys.session_id(key)
        hash_ids = storage.options.hash_ids
        if hash_ids != "migrate" and hashed != hash_ids:
            # The old application cannot find this session, because of its value of hash_ids.
            return NotASession()
        try:
            item = self._with_data(attributes)
            if item is None:
                return None
            if item.codec.partition(",")[0] not in SESSION_CODECS:
                # Do not decode it: that would unpickle data that another program may have written.
                return Damaged()
            # Check the payload: signing the copy must not make a malicious pickle trusted.
            payload = SessionBytes.text(safe_payload(storage.codec, item))
        except PayloadError:
            return Damaged()
        times = item.accessed_ms, item.deadline_ms
        if hashed:
            return SourceSession(None, payload, session_id.removeprefix(DIGEST), *times)
        return SourceSession(session_id, payload, digest_of(session_id), *times)

    def _with_data(self, attributes: Mapping[str, Any]) -> Item | None:
        """Return the item with its data, or None if it was deleted after the scan."""
        items = self.storage.items
        item = items.layout.item(items.layout.key(attributes), SESSION, attributes)
        if item.chunks is None or items.chunks.read(item, consistent_read=True):
            return item
        return items.get(item.key, SESSION, consistent_read=True)

"""Items as Python objects.

Times are whole milliseconds since the epoch. A float of seconds could differ in the last digit
between Python and a condition expression.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from beaker_dynamodb.dynamodb.expressions import Attributes as Attributes
from beaker_dynamodb.items.keys import Key

SESSION = "beaker-session"
CACHE = "beaker-cache"
CHUNK = "beaker-chunk"
MARKER = "beaker-marker"
#: Replaces a removed cache entry, so that a value still being computed is not stored.
TOMBSTONE = "beaker-tombstone"
#: Records a session that `migrate` copied, or one of its runs (migrate/records.py).
MIGRATION = "beaker-migration"
#: A user's recent log-ins (sessions/user_item.py).
USER = "beaker-user"


@dataclass(frozen=True, slots=True)
class ChunkSet:
    """The chunks that hold the data of a large item (items/chunks.py).

    :param kind: type of the item.
    :param name: a random token, unique to these chunks.
    """

    kind: str
    name: str
    count: int


class Marker:
    """Replaces a session for a few seconds after it ended or its id changed.

    It tells a request in flight that the session existed a moment ago. It holds no data and does
    not refer to another session.
    """


@dataclass(slots=True)
class Item:
    """A session or a cache entry.

    :param kind: `SESSION` or `CACHE`.
    :param codec: the encoding of ``data`` (items/codec.py).
    :param created_ms: time of a session's first write, or of a cache entry's last one. For a value
        computed under a creation lock: time of the read that found it missing.
    :param deadline_ms: expiry, or None if it never expires.
    :param grace_ms: how long after its deadline a cache entry is still returned to Beaker, which
        can tell from the value that it has expired.
    :param accessed_ms: last stored access of a session.
    :param version: incremented by every change of a session's data.
    :param writer: token of the last change of a session's data, or of a cache entry's last write.
    :param cookie_name: name of the cookie that carries the session's id, if known.
    :param earlier: tokens of earlier changes, newest first.
    :param special: a session's special keys as DynamoDB attributes, by name.
    :param signature: signature of key, codec and data (items/signing.py), if the item is signed.
    :param chunks: where ``data`` is stored, or None if it is in the item itself.
    """

    key: Key
    kind: str
    data: bytes = field(repr=False)
    codec: str
    created_ms: int
    deadline_ms: int | None
    accessed_ms: int | None = None
    version: int | None = None
    writer: str | None = None
    signature: bytes | None = None
    grace_ms: int = 0
    cookie_name: str | None = None
    earlier: tuple[str, ...] = ()
    special: Attributes = field(default_factory=dict, repr=False)
    chunks: ChunkSet | None = None

    @property
    def writers(self) -> tuple[str | None, ...]:
        """Tokens of the changes that this session contains, newest first."""
        return self.writer, *self.earlier

    def expired(self, now_ms: int, grace_ms: int = 0) -> bool:
        """Return whether the item has expired.

        :param grace_ms: how long after the deadline the caller accepts the item, at most
            `grace_ms` of the item.
        """
        return has_expired(self.deadline_ms, now_ms, min(grace_ms, self.grace_ms))


def has_expired(deadline_ms: int | None, now_ms: int, grace_ms: int = 0) -> bool:
    """Return whether a deadline plus its grace has been reached."""
    return deadline_ms is not None and now_ms >= deadline_ms + grace_ms


def new_token() -> str:
    """Return a unique random token."""
    return secrets.token_urlsafe(9)


def item_size(attributes: Attributes) -> int:
    """Return an item's size in bytes as DynamoDB counts it (AWS developer guide, item sizes)."""
    size = 0
    for name, value in attributes.items():
        ((kind, content),) = value.items()
        size += len(name.encode())
        if kind == "N":
            # One byte per two significant digits, plus one.
            size += 1 + -(-len(content.strip("-").replace(".", "").strip("0")) // 2)
        elif kind == "BOOL":
            size += 1
        else:
            size += len(content.encode() if isinstance(content, str) else content)
    return size

"""One item as Python sees it, and as DynamoDB stores it (docs/design.md, Items).

Times are whole milliseconds since the epoch here, because the exact expiry has to be the same
number in Python and in a condition expression; in the table they are seconds.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.dynamodb.expressions import Attributes as Attributes
from beaker_dynamodb.exceptions import PayloadError
from beaker_dynamodb.items.keys import Key

if TYPE_CHECKING:
    from beaker_dynamodb.config.options import Options

SESSION = "beaker-session"
CACHE = "beaker-cache"
CHUNK = "beaker-chunk"
MARKER = "beaker-marker"
#: In place of a cache entry that was removed (caches/entry_items.py).
TOMBSTONE = "beaker-tombstone"
#: More chunks than this no value has (converters.MAX_VALUE_BYTES): the item is damaged.
MAX_CHUNKS = 200


@dataclass(frozen=True, slots=True)
class ChunkSet:
    """Where the bytes of a value are that is larger than one item (items/chunks.py).

    :param kind: of the item that names them.
    :param name: a random token, part of the keys of these chunks and of no others.
    :param count: how many there are.
    """

    kind: str
    name: str
    count: int


class Marker:
    """What a session leaves in its place for some seconds when it ends or gets another id.

    A request that carries the old id can tell by it that the session was there a moment ago. It
    holds no data, and does not lead to another session.
    """


@dataclass(slots=True)
class Item:
    """A session or a cache entry.

    :param kind: `SESSION` or `CACHE`.
    :param data: the payload's bytes.
    :param codec: how ``data`` is encoded (items/codec.py).
    :param created_ms: when the item was first written; of a value made under a creation lock, when
        its maker began.
    :param deadline_ms: from then on it has expired; None: never.
    :param grace_ms: so long after the deadline Beaker, which can tell by the value of a cache
        entry that it has expired, may still read it; 0: not at all.
    :param accessed_ms: last use of a session, as far as it was written.
    :param version: goes up by one at every change of a session's data.
    :param writer: a token of the last change of a session's data, or write of a cache entry.
    :param cookie_name: name of the cookie that carries a session's id; None: not known.
    :param earlier: the tokens of the changes before the last one, the newest first.
    :param special: a session's special keys, by name, as DynamoDB has them.
    :param signature: of key, codec and data (items/signing.py); None: it carries none.
    :param chunks: the chunks in which ``data`` is stored; None: in the item itself.
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
        """The tokens of the last changes that this session contains, the newest first."""
        return self.writer, *self.earlier

    def expired(self, now_ms: int, grace_ms: int = 0) -> bool:
        """Whether the deadline has come; at that very millisecond it has.

        :param grace_ms: how much later than that the reader can do with; the item's own grace
            bounds it.
        """
        if self.deadline_ms is None:
            return False
        return now_ms >= self.deadline_ms + min(grace_ms, self.grace_ms)


class Layout:
    """Translates items for one table's attribute names."""

    def __init__(self, options: Options) -> None:
        self._hash_key = options.hash_key
        self._sort_key = options.sort_key
        self._ttl_attribute = options.ttl_attribute
        self._special_keys = options.special_keys

    def key_attributes(self, key: Key) -> Attributes:
        """Give the primary key's attributes."""
        attributes: Attributes = {self._hash_key: {"S": key.partition}}
        if self._sort_key is not None:
            attributes[self._sort_key] = {"S": key.sort}
        return attributes

    def key(self, attributes: Mapping[str, Any]) -> Key:
        """Read the primary key back, with the originals of what stands in it as a digest."""
        originals = {
            name: attributes[name]["B"]
            for name in ("namespace", "key")
            if "B" in attributes.get(name, ())
        }
        sort = None if self._sort_key is None else attributes[self._sort_key]["S"]
        return Key(attributes[self._hash_key]["S"], sort, originals)

    def attributes(self, item: Item) -> Attributes:
        """Give all attributes of an item."""
        attributes = {**item.special, **self.key_attributes(item.key)}
        attributes["type"] = {"S": item.kind}
        attributes["data"] = {"B": item.data if item.chunks is None else b""}
        attributes["codec"] = {"S": item.codec}
        attributes["created"] = seconds(item.created_ms)
        attributes.update(self.expiry(item.deadline_ms, item.grace_ms))
        if item.accessed_ms is not None:
            attributes["accessed"] = seconds(item.accessed_ms)
        if item.version is not None:
            attributes["version"] = {"N": str(item.version)}
        if item.writer is not None:
            attributes["writer"] = {"S": item.writer}
        if item.earlier:
            attributes["earlier"] = {"S": " ".join(item.earlier)}
        if item.cookie_name is not None:
            attributes["cookie"] = {"S": item.cookie_name}
        if item.signature is not None:
            attributes["signature"] = {"B": item.signature}
        if item.chunks is not None:
            attributes["chunk_set"] = {"S": item.chunks.name}
            attributes["chunks"] = {"N": str(item.chunks.count)}
        for name, original in item.key.originals.items():
            attributes[name] = {"B": original}
        return attributes

    def marker(self, key: Key, now_ms: int, seconds_left: float, kind: str = MARKER) -> Attributes:
        """Return all attributes of a marker, or of a tombstone.

        :param seconds_left: how long it lasts.
        """
        return {
            **self.key_attributes(key),
            "type": {"S": kind},
            "writer": {"S": secrets.token_urlsafe(9)},
            **self.expiry(now_ms + round(seconds_left * 1000)),
        }

    def expiry(self, deadline_ms: int | None, grace_ms: int = 0) -> Attributes:
        """Give the attributes of the expiry, or none where there is none.

        DynamoDB's own attribute is rounded up to whole seconds: its sweeper must not take an
        item that is still alive, or that may be read for its grace.
        """
        if deadline_ms is None:
            return {}
        attributes: Attributes = {
            "deadline": seconds(deadline_ms),
            self._ttl_attribute: {"N": str(-(-(deadline_ms + grace_ms) // 1000))},
        }
        if grace_ms:
            attributes["grace"] = seconds(grace_ms)
        return attributes

    def chunks(self, attributes: Mapping[str, Any]) -> ChunkSet | None:
        """Tell where the chunks of an item are; None: it has none, or one cannot tell."""
        try:
            chunks = ChunkSet(
                attributes["type"]["S"],
                attributes["chunk_set"]["S"],
                int(attributes["chunks"]["N"]),
            )
        except (KeyError, ValueError):
            return None
        return chunks if 0 < chunks.count <= MAX_CHUNKS else None

    def expired(self, attributes: Mapping[str, Any], now_ms: int) -> bool:
        """Whether the deadline of an item that is listed has come; one that is damaged has not.

        A listing must not end at a damaged item; who reads that item is told.
        """
        try:
            return milliseconds(attributes["deadline"]) <= now_ms
        except (KeyError, ValueError, OverflowError):
            return False

    def written_after(self, attributes: Mapping[str, Any], moment_ms: int) -> bool:
        """Whether a cache entry that is listed was written later; one that is damaged was not."""
        try:
            return milliseconds(attributes["created"]) > moment_ms
        except (KeyError, ValueError, OverflowError):
            return False

    def item(self, key: Key, kind: str, attributes: Mapping[str, Any]) -> Item:
        """Read an item back; the data of one that is stored in chunks is not yet there.

        :param kind: what it has to be.
        :raises PayloadError: it is not of that kind, or an attribute is missing or of another
            type.
        """
        try:
            if attributes["type"]["S"] != kind:
                raise PayloadError(f"an item is not of type {kind!r}")
            item = Item(
                key=key,
                kind=kind,
                data=bytes(attributes["data"]["B"]),
                codec=attributes["codec"]["S"],
                created_ms=milliseconds(attributes["created"]),
                deadline_ms=None,
            )
            if "deadline" in attributes:
                item.deadline_ms = milliseconds(attributes["deadline"])
            if "grace" in attributes:
                item.grace_ms = milliseconds(attributes["grace"])
            if "accessed" in attributes:
                item.accessed_ms = milliseconds(attributes["accessed"])
            if "version" in attributes:
                item.version = int(attributes["version"]["N"])
            if "writer" in attributes:
                item.writer = attributes["writer"]["S"]
            if "earlier" in attributes:
                item.earlier = tuple(attributes["earlier"]["S"].split(" "))
            if "cookie" in attributes:
                item.cookie_name = attributes["cookie"]["S"]
            if "signature" in attributes:
                item.signature = bytes(attributes["signature"]["B"])
            item.special = self.special(attributes)
            if "chunk_set" in attributes:
                item.chunks = self.chunks(attributes)
                if item.chunks is None:
                    raise ValueError("chunks")
        except (KeyError, ValueError, OverflowError) as error:
            raise PayloadError(f"an item of type {kind!r} is damaged: {error!r}") from None
        return item

    def special(self, attributes: Mapping[str, Any]) -> Attributes:
        """Read the special keys, but none that is of another type than the options say."""
        return {
            name: attributes[name]
            for name, kind in self._special_keys
            if kind in attributes.get(name, ())
        }


def seconds(ms: int) -> Attributes:
    """Write milliseconds as a Number of seconds with three decimals, without a float's error."""
    sign, ms = ("-", -ms) if ms < 0 else ("", ms)
    return {"N": f"{sign}{ms // 1000}.{ms % 1000:03d}"}


def milliseconds(attribute: Mapping[str, str]) -> int:
    """Read a Number of seconds as milliseconds."""
    return round(float(attribute["N"]) * 1000)


def item_size(attributes: Attributes) -> int:
    """Give an item's size in bytes as DynamoDB counts it (AWS developer guide, item sizes)."""
    size = 0
    for name, value in attributes.items():
        ((kind, content),) = value.items()
        size += len(name.encode())
        if kind == "N":
            # One byte for two significant digits, and one more.
            size += 1 + -(-len(content.strip("-").replace(".", "").strip("0")) // 2)
        elif kind == "BOOL":
            size += 1
        else:
            size += len(content.encode() if isinstance(content, str) else content)
    return size

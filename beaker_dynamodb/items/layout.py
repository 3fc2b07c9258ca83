"""Items as DynamoDB attributes (docs/reference/items.md). Times are stored in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beaker_dynamodb.config.options import Options
from beaker_dynamodb.exceptions import PayloadError
from beaker_dynamodb.items.item import MARKER, Attributes, ChunkSet, Item, has_expired, new_token
from beaker_dynamodb.items.keys import Key

#: An item with more chunks is damaged.
MAX_CHUNKS = 200


def seconds(ms: int) -> Attributes:
    """Convert milliseconds to a Number attribute in seconds, with three decimals."""
    # Exact for 30,000 years: a float has 15 decimal digits.
    return {"N": f"{ms / 1000:.3f}"}


def milliseconds(attribute: Mapping[str, str]) -> int:
    """Convert a Number attribute in seconds to milliseconds."""
    return round(float(attribute["N"]) * 1000)


def whole_seconds(ms: int) -> Attributes:
    """Convert milliseconds to a Number attribute in seconds, rounded up.

    Used for time to live, which must not delete an item that can still be read.
    """
    return {"N": str(-(-ms // 1000))}


class Layout:
    """Converts items to and from attributes, with the attribute names of one table."""

    def __init__(self, options: Options) -> None:
        self._hash_key = options.hash_key
        self._sort_key = options.sort_key
        self._ttl_attribute = options.ttl_attribute
        self._special_types = options.special_types

    def key_attributes(self, key: Key) -> Attributes:
        """Return the attributes of a primary key."""
        attributes: Attributes = {self._hash_key: {"S": key.partition}}
        if self._sort_key is not None:
            attributes[self._sort_key] = {"S": key.sort}
        return attributes

    def key(self, attributes: Mapping[str, Any]) -> Key:
        """Return an item's primary key, with the original values of parts stored as a digest."""
        originals = {
            name: attributes[name]["B"]
            for name in ("namespace", "key")
            if "B" in attributes.get(name, ())
        }
        sort = None if self._sort_key is None else attributes[self._sort_key]["S"]
        return Key(attributes[self._hash_key]["S"], sort, originals)

    def attributes(self, item: Item) -> Attributes:
        """Return all attributes of an item."""
        attributes = {**item.special, **self.key_attributes(item.key)}
        attributes["type"] = {"S": item.kind}
        attributes["data"] = {"B": item.data if item.chunks is None else b""}
        attributes["codec"] = {"S": item.codec}
        attributes["created"] = seconds(item.created_ms)
        attributes.update(self.expiry(item.deadline_ms, item.grace_ms))
        # Not a loop, which takes a fifth longer: this runs for every write.
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

    def marker(
        self, key: Key, now_ms: int, lifetime_seconds: float, kind: str = MARKER
    ) -> Attributes:
        """Return the attributes of a new item without data, by default a marker."""
        return {
            **self.key_attributes(key),
            "type": {"S": kind},
            "writer": {"S": new_token()},
            **self.expiry(now_ms + round(lifetime_seconds * 1000)),
        }

    def expiry(self, deadline_ms: int | None, grace_ms: int = 0) -> Attributes:
        """Return the attributes of a deadline and grace; empty without a deadline."""
        if deadline_ms is None:
            return {}
        attributes: Attributes = {
            "deadline": seconds(deadline_ms),
            self._ttl_attribute: whole_seconds(deadline_ms + grace_ms),
        }
        if grace_ms:
            attributes["grace"] = seconds(grace_ms)
        return attributes

    def item(self, key: Key, kind: str, attributes: Mapping[str, Any]) -> Item:
        """Return the item with these attributes, without the data of its chunks.

        :raises PayloadError: the item has a different type, or is damaged.
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
                special={
                    name: attributes[name]
                    for name, kind in self._special_types.items()
                    if kind in attributes.get(name, ())  # it has the declared type
                },
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
            if "chunk_set" in attributes:
                item.chunks = self.chunks(attributes)
                if item.chunks is None:
                    raise ValueError("invalid chunks")
        except (KeyError, ValueError, OverflowError) as error:
            raise PayloadError(f"an item of type {kind!r} is damaged: {error!r}") from None
        return item

    def chunks(self, attributes: Mapping[str, Any]) -> ChunkSet | None:
        """Return the chunks of an item, or None if it has none or is damaged."""
        try:
            chunks = ChunkSet(
                attributes["type"]["S"],
                attributes["chunk_set"]["S"],
                int(attributes["chunks"]["N"]),
            )
        except (KeyError, ValueError):
            return None
        return chunks if 0 < chunks.count <= MAX_CHUNKS else None

    def expired(
        self, attributes: Mapping[str, Any], now_ms: int, *, with_grace: bool = False
    ) -> bool:
        """Return whether an item with these attributes has expired; False if it is damaged.

        :param with_grace: whether its grace must have ended too.
        """
        deadline_ms = _listed_ms(attributes, "deadline")
        grace_ms = _listed_ms(attributes, "grace") if "grace" in attributes else 0
        return grace_ms is not None and has_expired(
            deadline_ms, now_ms, grace_ms if with_grace else 0
        )

    def sweepable(self, attributes: Mapping[str, Any], now_ms: int) -> bool:
        """Return whether time to live may delete an item; False if it is damaged."""
        return has_expired(_listed_ms(attributes, self._ttl_attribute), now_ms)

    def written_after(self, attributes: Mapping[str, Any], moment_ms: int) -> bool:
        """Return whether an entry was written after this time; False if it is damaged."""
        created_ms = _listed_ms(attributes, "created")
        return created_ms is not None and created_ms > moment_ms


def _listed_ms(attributes: Mapping[str, Any], name: str) -> int | None:
    """Return a time attribute in milliseconds, or None if it is missing or damaged."""
    try:
        return milliseconds(attributes[name])
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError):
        return None

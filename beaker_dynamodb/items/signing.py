"""Signatures of items: HMAC-SHA-256, with ``signing_keys`` or keys derived from ``secret``.

A signature covers the primary key, the codec and the stored bytes, each preceded by its length, so
different items never have the same signed bytes. A value that was copied to another key, or whose
codec was changed, is refused like a changed value.
"""

from __future__ import annotations

import hmac
from collections.abc import Sized

from beaker_dynamodb.config.options import Options
from beaker_dynamodb.exceptions import PayloadError
from beaker_dynamodb.items.item import SESSION, Item

#: The first signed part, because an application may use the same key for other purposes.
PURPOSE = b"beaker_dynamodb item 1"


class Signatures:
    """Signs with the first key, and accepts signatures made with any key."""

    def __init__(self, options: Options) -> None:
        self._keys = options.item_keys
        self._accept_unsigned = options.accept_unsigned

    def sign(self, item: Item) -> None:
        """Set the signature of an item, if there are signing keys."""
        item.signature = _signature(self._keys[0], item) if self._keys else None

    def verify(self, item: Item) -> bool:
        """Raise PayloadError for an item that is not signed as the options require.

        :returns: whether a signature was verified; always False without signing keys.
        """
        if not self._keys:
            return False
        if item.signature is None:
            if self._accept_unsigned is True or self.plain_only(item):
                return False
            raise PayloadError("an item carries no signature (option accept_unsigned)")
        signature = item.signature
        if not any(hmac.compare_digest(_signature(key, item), signature) for key in self._keys):
            raise PayloadError("an item's signature is wrong (options secret and signing_keys)")
        return True

    def plain_only(self, item: Item) -> bool:
        """Return whether an item is an unsigned session that may contain only plain data."""
        unsigned = bool(self._keys) and item.signature is None
        return unsigned and self._accept_unsigned == "plain" and item.kind == SESSION


def _signature(key: bytes, item: Item) -> bytes:
    # A missing sort key adds no part. An empty part would mean an empty sort key.
    sort = [] if item.key.sort is None else [item.key.sort]
    texts = [text.encode() for text in (item.key.partition, *sort, item.codec)]
    parts = [PURPOSE, *texts]
    head = _length(parts) + b"".join(_length(part) + part for part in parts)
    # The data comes last: it may be long, and is hashed without copying it.
    mac = hmac.new(key, head + _length(item.data), "sha256")
    mac.update(item.data)
    return mac.digest()


def _length(value: Sized) -> bytes:
    return len(value).to_bytes(8, "big")

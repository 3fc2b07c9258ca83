"""Who wrote these bytes, and for which key: HMAC-SHA-256 with the keys of ``signing_keys``.

What is signed is the primary key, the codec and the stored bytes, each behind its length, so that
no two different items have the same text. A value that is moved to another key, or whose codec
says that JSON is a pickle, is refused like one that was changed.
"""

from __future__ import annotations

import hmac
from collections.abc import Sized
from typing import TYPE_CHECKING

from beaker_dynamodb.exceptions import PayloadError

if TYPE_CHECKING:
    from beaker_dynamodb.config.options import Options
    from beaker_dynamodb.items.item import Item

#: Begins what is signed: the same key may sign other things elsewhere.
PURPOSE = b"beaker_dynamodb item 1"


class Signatures:
    """Signs with the first key of the options, and takes the signature of every one of them."""

    def __init__(self, options: Options) -> None:
        self._keys = options.signing_keys
        self._accept_unsigned = options.signing_keys_accept_unsigned

    def sign(self, item: Item) -> None:
        """Set the item's signature, for the key, codec and bytes that it has now."""
        item.signature = _signature(self._keys[0], item) if self._keys else None

    def verify(self, item: Item) -> bool:
        """Refuse what was not signed, where there are keys.

        :returns: whether a signature vouches for the item.
        :raises PayloadError: there is no signature, or it is not one of ours for this item.
        """
        if not self._keys:
            return False
        if item.signature is None:
            if self._accept_unsigned:
                return False
            raise PayloadError("an item carries no signature (option signing_keys)")
        signature = item.signature
        if not any(hmac.compare_digest(_signature(key, item), signature) for key in self._keys):
            raise PayloadError("an item's signature is wrong (option signing_keys)")
        return True


def _signature(key: bytes, item: Item) -> bytes:
    # A sort key of None is no part at all, an empty one is an empty part.
    sort = [] if item.key.sort is None else [item.key.sort]
    texts = [text.encode() for text in (item.key.partition, *sort, item.codec)]
    parts = [PURPOSE, *texts]
    head = _length(parts) + b"".join(_length(part) + part for part in parts)
    # The bytes come last and may be long: they are hashed where they are.
    mac = hmac.new(key, head + _length(item.data), "sha256")
    mac.update(item.data)
    return mac.digest()


def _length(value: Sized) -> bytes:
    return len(value).to_bytes(8, "big")

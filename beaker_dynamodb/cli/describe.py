"""Show the contents of a stored session without running its pickle."""

from __future__ import annotations

import json
import math
from base64 import b64decode
from decimal import Decimal
from itertools import takewhile
from typing import Any

from beaker_dynamodb.exceptions import PayloadError
from beaker_dynamodb.items.compression import decompress
from beaker_dynamodb.migrate import inert_pickle

#: Limits of the output: a pickle of a few bytes can expand to a billion values.
MAX_VALUES, MAX_DEPTH, MAX_BYTES_SHOWN = 10_000, 40, 200
#: Python refuses to print integers much longer than this.
MAX_BITS = 2048
TRUNCATED = "…"


def describe_session(payload: str) -> tuple[str, Any]:
    """Return the format of Beaker's payload, and its value converted to JSON types.

    An instance is shown as ``<module.Class>``. The value is None if the payload is encrypted or has
    an unknown format.

    :raises PayloadError: the payload is damaged.
    """
    try:
        data = b64decode(payload, validate=True)
    except ValueError:
        data = b""  # encrypted: the nonce and the ciphertext, each in base64
    if data[:1] == b"\x80":
        return "pickle", describe_pickle(data)
    if data[:1] == b"\x78":  # zlib: Beaker's JSON serializer compresses its output
        try:
            return "json", _Describer().value(json.loads(decompress(data, "zlib")))
        except (ValueError, RecursionError) as error:
            raise PayloadError(f"invalid JSON: {type(error).__name__}") from None
    return "encrypted, or written by an unknown serializer", None


def describe_pickle(data: bytes) -> Any:
    """Return the value of a pickle, converted to JSON types.

    :raises PayloadError: the pickle is damaged.
    """
    try:
        return _Describer().value(inert_pickle.loads(data))
    except Exception as error:
        # Leave the error's message out: it may quote the payload.
        raise PayloadError(f"invalid pickle: {type(error).__name__}") from None


class _Describer:
    """Converts values within the limits. Calls no method of an object from a pickle."""

    def __init__(self) -> None:
        self._remaining = MAX_VALUES

    def value(self, value: Any, depth: int = 0) -> Any:
        self._remaining -= 1
        if depth > MAX_DEPTH or self._remaining < 0:
            return TRUNCATED
        kind = type(value)
        if kind is int and value.bit_length() > MAX_BITS:
            return f"an integer of {value.bit_length():,} bits"
        if kind is Decimal or (kind is float and not math.isfinite(value)):
            return str(value)
        if value is None or kind in (bool, int, float, str):
            return value
        if kind in (bytes, bytearray):
            return repr(bytes(value[:MAX_BYTES_SHOWN])) + TRUNCATED * (len(value) > MAX_BYTES_SHOWN)
        if kind is dict:
            pairs = takewhile(lambda _: self._remaining >= 0, value.items())
            return {self._key(key, depth): self.value(inner, depth + 1) for key, inner in pairs}
        if kind in (list, tuple, set, frozenset):
            values = takewhile(lambda _: self._remaining >= 0, value)
            return [self.value(inner, depth + 1) for inner in values]
        named = value if isinstance(value, type) else kind
        return f"<{named.__dict__.get('path', TRUNCATED)}>"

    def _key(self, key: Any, depth: int) -> str:
        return key if type(key) is str else json.dumps(self.value(key, depth + 1))

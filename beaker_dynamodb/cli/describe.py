"""Show the contents of a stored session without running its pickle."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from itertools import takewhile
from typing import Any

#: Limits of the output: a pickle of a few bytes can expand to a billion values.
MAX_VALUES, MAX_DEPTH, MAX_BYTES_SHOWN = 10_000, 40, 200
#: Python refuses to print integers much longer than this.
MAX_BITS = 2048
TRUNCATED = "…"


def describe(value: Any) -> Any:
    """Return a value that `inert_pickle` has read, converted to JSON types.

    An instance is shown as ``<module.Class>``.
    """
    return _Describer().value(value)


class _Describer:
    """Converts values up to the limits. Calls no method of an object from a pickle."""

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

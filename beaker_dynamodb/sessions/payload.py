"""What Beaker's Session stores, read and written as dicts.

Plain Beaker hands a text to its backend: base64 of a pickle, or of zlib-compressed JSON. Both can
be told by their first byte, once the base64 is off (`Raw`). With ``encrypt_key``, or a serializer
of the application's own, the text cannot be read; `DynamoDBSession`, which has the key, then reads
and writes it for us.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from beaker.util import JsonSerializer, PickleSerializer

from beaker_dynamodb.dynamodb.error_mapping import cause
from beaker_dynamodb.exceptions import PayloadError
from beaker_dynamodb.items.codec import Raw, unbase64

_SERIALIZERS = {b"\x80": PickleSerializer(), b"\x78": JsonSerializer()}

#: What Beaker keeps in a session before the time of the last use: a key, and a text, a float, None,
#: or a text that was there before.
_ENTRY = (
    rb"X.\0\0\0(?:_domain|_path|_creation_time)q."
    rb"(?:X.\0\0\0[!-~]{0,255}q.|G.{8}|N|h.)"
)
#: How the pickle of a session begins, up to the eight bytes of its time of the last use.
_HEAD = re.compile(rb"\x80\x02}q\x00\((?:" + _ENTRY + rb")*X\x0e\0\0\0_accessed_timeq.G", re.DOTALL)


# No repr: that of a bound method shows its session.
@dataclass(frozen=True, repr=False)
class PayloadFormat:
    """Reads and writes session payloads.

    :param loads: gives the dict of a payload, or None where it cannot be read.
    :param dumps: gives the payload of a dict; its second argument is one that has the format.
    """

    loads: Callable[[Any], dict[str, Any] | None]
    dumps: Callable[[Mapping[str, Any], Any], Any]


def _loads(payload: Any) -> dict[str, Any] | None:
    raw = Raw.of(payload)
    try:
        session = _SERIALIZERS[raw[:1]].loads(raw)
    except Exception:
        # Not base64, another serializer, or a class that cannot be imported: opaque to us, and
        # written whole. What it means for Beaker, Beaker says when it reads it itself.
        return None
    return session if isinstance(session, dict) else None


def _dumps(session: Mapping[str, Any], like: Any) -> Raw:
    try:
        return Raw(_SERIALIZERS[Raw.of(like)[:1]].dumps(dict(session)))
    except Exception as error:
        # Pickling runs the values' own code.
        raise PayloadError(
            f"a merged session cannot be encoded: {type(error).__name__}"
        ) from cause(error)


#: What plain Beaker writes.
BEAKER = PayloadFormat(_loads, _dumps)


def same_but_last_use(seen: Any, payload: Any) -> bool:
    """Whether two payloads are the same pickle, but for the time of the last use.

    Much quicker than to read both; False tells nothing.

    :param payload: `Raw`, or the text that plain Beaker hands over: only those of its characters
        are decoded that hold the time.
    """
    head = _HEAD.match(seen) if isinstance(seen, Raw) else None
    if head is None:
        return False
    begin, end = head.end(), head.end() + 8
    if isinstance(payload, str):
        # Base64 makes four characters of each three bytes.
        first, last = begin // 3, -(-end // 3)
        text: str = Raw.text(seen)
        if not _same_around(text, payload, first * 4, last * 4):
            return False
        seen, payload = seen[first * 3 : last * 3], unbase64(payload[first * 4 : last * 4])
        begin, end = begin - first * 3, end - first * 3
    elif not isinstance(payload, Raw):
        return False
    return payload is not None and _same_around(seen, payload, begin, end)


def _same_around(a: Any, b: Any, begin: int, end: int) -> bool:
    return bool(len(a) == len(b) and a[:begin] == b[:begin] and a[end:] == b[end:])

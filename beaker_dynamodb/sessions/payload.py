"""Decode and encode the payloads that Beaker's Session stores.

Beaker hands its backend a string: base64 of a pickle or of zlib-compressed JSON. The first byte
after decoding the base64 (`SessionBytes`) shows which. With ``encrypt_key`` or a custom serializer,
the payload is opaque here; `DynamoDBSession` passes a `SessionFormat`, which can decode it.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from functools import cache
from typing import Any, Protocol

from beaker.util import JsonSerializer, PickleSerializer

from beaker_dynamodb.dynamodb.error_mapping import cause
from beaker_dynamodb.exceptions import PayloadError
from beaker_dynamodb.items import plain_pickle
from beaker_dynamodb.items.codec import Codec, SessionBytes, unbase64
from beaker_dynamodb.items.item import Item
from beaker_dynamodb.sessions.merge import ACCESSED

_SERIALIZERS = {b"\x80": PickleSerializer(), b"\x78": JsonSerializer()}

#: Longest domain or path with which `_heads` finds the access time.
_MAX_TEXT = 40


def _head(start: bytes, opcode: bytes, after_length: bytes, memoize: bytes) -> bytes:
    """Return a pattern for the beginning of a session's pickle in one protocol.

    :param opcode: pattern of the opcode of a string. Its length in one byte follows.
    :param after_length: pattern of the bytes between this byte and the string.
    :param memoize: pattern of the opcode after each string or dict.
    """

    def string(length: int, text: bytes) -> bytes:
        return opcode + re.escape(bytes([length])) + after_length + text + memoize

    def key(name: bytes) -> bytes:
        return string(len(name), name)

    keys = b"|".join(map(key, [b"_domain", b"_path", b"_creation_time"]))
    # Each length has its own pattern, so that a string cannot end too early.
    texts = b"|".join(string(length, b"[!-~]{%d}" % length) for length in range(_MAX_TEXT + 1))
    # Beaker may put these keys before the access time. Their values are None, a string, a float, or
    # a string that the pickle already contains.
    entry = b"(?:" + keys + b")(?:N|G.{8}|h.|" + texts + b")"
    return start + memoize + rb"\((?:" + entry + b")*" + key(b"_accessed_time") + b"G(?=.{8})"


@cache
def _heads() -> re.Pattern[bytes]:
    """Return a pattern for the beginning of a session's pickle, up to the access time.

    In protocol 2, which Beaker writes, and in 4 (session_format.py). Compiled on first use, because
    it takes as long as importing this module.
    """
    protocol_2 = _head(rb"\x80\x02}", rb"X", rb"\0\0\0", rb"q.")
    protocol_4 = _head(rb"\x80\x04\x95.{8}}", rb"\x8c", b"", rb"\x94")
    return re.compile(protocol_2 + b"|" + protocol_4, re.DOTALL)


#: The access time, after the opcode ``G``.
_DOUBLE = struct.Struct(">d")


class PayloadFormat(Protocol):
    """Decodes and encodes session payloads."""

    def loads(self, payload: Any, /) -> dict[str, Any] | None:
        """Return a payload's data, or None if it is opaque."""

    def dumps(self, data: Mapping[str, Any], like: Any, /) -> Any:
        """Encode data in the format of another payload.

        :raises PayloadError: the data cannot be encoded.
        """

    def plain(self, payload: Any, /) -> Any:
        """Return a payload with the same data that is safe to unpickle.

        :raises PayloadError: the data is not plain, or opaque.
        """


_NOT_DECODED = object()


class Payload:
    """A session's payload, decoded on first use.

    The decoded data shares no objects with the application. Other threads may read it, so nothing
    may change it.

    :param raw: `SessionBytes`, or a string if the payload is not base64.
    """

    def __init__(self, raw: Any, format: PayloadFormat) -> None:
        self.raw = raw
        self._format = format
        self._data: Any = _NOT_DECODED
        #: The access time and what else decides when the session ends, if known without decoding.
        self.lifetime_data: Mapping[str, Any] | None = None

    # Not functools.cached_property: before Python 3.12 it holds one lock for all sessions while the
    # application's objects are unpickled, and a fork at that moment leaves the child's copy locked.
    @property
    def data(self) -> dict[str, Any] | None:
        """The session as a dict, or None if the payload is opaque."""
        if self._data is _NOT_DECODED:
            self._data = self._format.loads(self.raw)
        data: dict[str, Any] | None = self._data
        return data

    @property
    def accessed(self) -> Any:
        """Beaker's access time, or None. Most pickles need not be decoded to find it."""
        if self.lifetime_data is not None:
            return self.lifetime_data.get(ACCESSED)
        if self._data is _NOT_DECODED and isinstance(self.raw, SessionBytes):
            head = _heads().match(self.raw)
            if head is not None:
                return _DOUBLE.unpack_from(self.raw, head.end())[0]
        return (self.data or {}).get(ACCESSED)

    def with_data(self, data: Mapping[str, Any]) -> Payload:
        """Return a payload of the same format that contains other data.

        :raises PayloadError: the data cannot be encoded.
        """
        return Payload(self._format.dumps(data, self.raw), self._format)


class BeakerFormat:
    """The format of plain Beaker: pickles and JSON, told apart by their first byte."""

    def loads(self, payload: Any) -> dict[str, Any] | None:
        """Return a payload's data, or None if it is opaque."""
        raw = SessionBytes.of(payload)
        try:
            session = _SERIALIZERS[raw[:1]].loads(raw)
        except Exception:
            # Encrypted, from a custom serializer, or with a class that cannot be imported. Beaker
            # raises the error when it loads the session.
            return None
        return session if isinstance(session, dict) else None

    def dumps(self, data: Mapping[str, Any], like: Any) -> SessionBytes:
        """Encode data in the format of another payload."""
        try:
            return SessionBytes(_SERIALIZERS[SessionBytes.of(like)[:1]].dumps(dict(data)))
        except Exception as error:
            # Pickling runs the code of the session's values.
            message = f"Cannot encode a merged session: {type(error).__name__}"
            raise PayloadError(message) from cause(error)

    def plain(self, payload: Any) -> Any:
        """Return a payload with the same data that is safe to unpickle."""
        raw = SessionBytes.of(payload)
        if isinstance(raw, SessionBytes):
            if raw[:1] == b"\x78":
                return raw  # JSON; no pickle starts with this byte
            if raw[:1] == b"\x80":
                return SessionBytes(_SERIALIZERS[b"\x80"].dumps(plain_pickle.loads(raw)))
        raise PayloadError(
            "an unsigned session is encrypted or from a custom serializer, so it cannot be checked "
            "for plain data (option accept_unsigned)"
        )


BEAKER = BeakerFormat()


def safe_payload(codec: Codec, item: Item, format: PayloadFormat = BEAKER) -> Any:
    """Return the payload of an item in a form that is safe to unpickle.

    :raises PayloadError: the item is damaged, not signed properly, or unsigned and not plain.
    """
    raw = codec.decode_session(item)
    return format.plain(raw) if codec.plain_only(item) else raw


def same_except_access_time(seen: Any, payload: Any) -> bool:
    """Return whether two payloads are the same pickle except for the access time.

    Much faster than decoding both. False means "unknown".

    :param payload: `SessionBytes` or plain Beaker's base64. Of the base64, only the characters that
        hold the access time are decoded.
    """
    head = _heads().match(seen) if isinstance(seen, SessionBytes) else None
    if head is None:
        return False
    begin, end = head.end(), head.end() + 8
    if isinstance(payload, str):
        # Base64 turns three bytes into four characters.
        first, last = begin // 3, -(-end // 3)
        text: str = SessionBytes.text(seen)
        if not _same_around(text, payload, first * 4, last * 4):
            return False
        seen, payload = seen[first * 3 : last * 3], unbase64(payload[first * 4 : last * 4])
        begin, end = begin - first * 3, end - first * 3
    elif not isinstance(payload, SessionBytes):
        return False
    return payload is not None and _same_around(seen, payload, begin, end)


def _same_around(a: Any, b: Any, begin: int, end: int) -> bool:
    return bool(len(a) == len(b) and a[:begin] == b[:begin] and a[end:] == b[end:])

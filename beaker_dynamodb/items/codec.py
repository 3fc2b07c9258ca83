"""Encodes values as bytes and decodes them. The item's ``codec`` names the steps.

==============  ==================================================================
``codec``       contents of ``data``
==============  ==================================================================
``b64``         a session's payload, after decoding Beaker's base64
``nonce+b64``   nonce and ciphertext of an encrypted session, after decoding both
``text``        any other string, as UTF-8
``pickle``      a pickle
``json``        JSON
``object``      the bytes that the option ``serializer`` returned from ``dumps``
``object-str``  the same for a string, as UTF-8
``…,zlib``      any of these, compressed with zlib
``…,zstd``      any of these, compressed with zstd
==============  ==================================================================

Without base64, a session needs a quarter less space and fewer write units.

An item is decoded according to its ``codec``, even if the options have changed since. Signatures
(items/signing.py) are verified before the bytes are interpreted.
"""

from __future__ import annotations

import binascii
import json
import pickle
from base64 import b64decode, b64encode
from typing import Any

from beaker_dynamodb.config.options import Options
from beaker_dynamodb.dynamodb.error_mapping import cause
from beaker_dynamodb.exceptions import DynamoDBError, PayloadError
from beaker_dynamodb.items import json_values, plain_pickle
from beaker_dynamodb.items.compression import compress, decompress, zstd
from beaker_dynamodb.items.item import Item
from beaker_dynamodb.items.signing import Signatures

#: Base64 length of Beaker's default 128-bit nonce, including padding.
_NONCE_LENGTH = 24
_NONCE_BYTES = 16


class SessionBytes(bytes):
    """A session's payload without its base64; keeps the string that it was created from, if any."""

    _text: str | None = None

    def __repr__(self) -> str:
        # Tracebacks with local variables must not show a session's data.
        return f"<SessionBytes, {len(self)} bytes>"

    @classmethod
    def of(cls, payload: Any) -> Any:
        """Return a canonical base64 string as `SessionBytes`; return anything else unchanged."""
        found = unbase64(payload) if isinstance(payload, str) else None
        if found is None:
            return payload
        raw = cls(found)
        raw._text = payload
        return raw

    @staticmethod
    def text(payload: Any) -> Any:
        """Return the base64 string of a `SessionBytes`; return anything else unchanged."""
        if not isinstance(payload, SessionBytes):
            return payload
        if payload._text is None:
            payload._text = b64encode(payload).decode()
        return payload._text


class Undecodable(PayloadError):
    """A value that seems undamaged, but that this process cannot decode."""


class Codec(Signatures):
    """Encodes, signs and decodes values."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._serializer = options.serializer
        self._compression = options.compression
        if self._compression == "zstd":
            zstd()  # raises an error now if it is missing

    def encode_session(self, payload: object) -> tuple[bytes, str]:
        """Encode a session's payload; values other than strings are encoded like cache values."""
        if isinstance(payload, SessionBytes):
            return compress(payload, "b64", self._compression)
        if not isinstance(payload, str):
            return self.encode_value(payload)
        return compress(*_session_bytes(payload), self._compression)

    def encode_value(self, value: object) -> tuple[bytes, str]:
        """Encode a cache value; return the bytes and their codec.

        :raises PayloadError: the serializer cannot represent it.
        """
        return compress(*self._serialize(value), self._compression)

    def _serialize(self, value: object) -> tuple[bytes, str]:
        serializer = self._serializer
        try:
            if serializer == "pickle":
                return pickle.dumps(value, 5), "pickle"
            if serializer == "json":
                json_values.check(value)
                return json.dumps(value, separators=(",", ":")).encode(), "json"
            data = serializer.dumps(value)
            if isinstance(data, str):
                return data.encode(), "object-str"
            if isinstance(data, (bytes, bytearray, memoryview)):
                return bytes(data), "object"
            raise TypeError("dumps returned neither a str nor bytes")
        except json_values.NotJSON as error:
            raise PayloadError(f"a value cannot be encoded as JSON: {error}") from None
        except Exception as error:
            # The value's own code may raise anything. Beaker would start a new session on
            # TypeError.
            raise PayloadError(
                f"a value of type {type(value).__name__} cannot be encoded: {type(error).__name__}"
            ) from cause(error)

    def decode(self, item: Item) -> Any:
        """Return an item's value as Beaker wrote it. Raises the same errors as `decode_session`."""
        return SessionBytes.text(self.decode_session(item))

    def decode_session(self, item: Item) -> Any:
        """Verify an item and return its value, with a base64 payload as `SessionBytes`.

        If the item is `plain_only`, the caller must check the value before unpickling it.

        :raises PayloadError: wrong or missing signature, unknown codec, or bytes that do not match
            the codec.
        :raises Undecodable: the item is not damaged, but this process cannot decode it.
        :raises ConfigurationError: it is compressed with zstd, which is not installed.
        """
        signed = self.verify(item)
        codec, _, step = item.codec.partition(",")
        try:
            data = decompress(item.data, step) if step else item.data
            return self._deserialize(data, codec, item)
        except PayloadError as error:
            if not signed or isinstance(error, Undecodable):
                raise
            # The signature proves that the item is not damaged.
            raise Undecodable(str(error)) from error.__cause__
        except DynamoDBError:
            raise
        except Exception as error:
            # Unpickling runs the value's own code, which may raise anything.
            raise (Undecodable if signed else PayloadError)(
                f"stored bytes cannot be decoded as {codec}: {type(error).__name__}"
            ) from cause(error)

    def _deserialize(self, data: bytes, codec: str, item: Item) -> Any:
        if codec == "b64":
            return SessionBytes(data)
        if codec == "pickle":
            return plain_pickle.loads(data) if self.plain_only(item) else _unpickle(data)
        if codec == "json":
            return json.loads(data)
        if codec == "nonce+b64":
            head, tail = data[:_NONCE_BYTES], data[_NONCE_BYTES:]
            return (b64encode(head) + b64encode(tail)).decode()
        if codec == "text":
            return data.decode("utf-8", "surrogatepass")
        if codec in ("object", "object-str") and not self.plain_only(item):
            return self._loads(data.decode() if codec == "object-str" else data)
        raise PayloadError(f"the codec {codec!r} is unknown to this version, or needs a signature")

    def _loads(self, data: bytes | str) -> Any:
        if isinstance(self._serializer, str):
            raise Undecodable("the value was written with a serializer object, but none is set")
        try:
            return self._serializer.loads(data)
        except Exception as error:
            raise Undecodable(
                f"the option serializer cannot decode a stored value: {type(error).__name__}"
            ) from cause(error)


def _unpickle(data: bytes) -> Any:
    try:
        return pickle.loads(data)
    except (pickle.UnpicklingError, EOFError):
        raise  # not a pickle
    except Exception as error:
        if not _is_pickle(data):
            raise
        # For example, the class was removed, or takes other arguments.
        raise Undecodable(
            f"a stored value cannot be unpickled here: {type(error).__name__}"
        ) from cause(error)


def _is_pickle(data: bytes) -> bool:
    """Return whether bytes are one complete pickle, without running it."""
    from pickletools import genops

    end = 0
    try:
        for _, _, position in genops(data):
            end = (position or 0) + 1  # the last opcode, STOP, is one byte
    except Exception:
        return False
    return end == len(data)


def _session_bytes(payload: str) -> tuple[bytes, str]:
    raw = unbase64(payload)
    if raw is not None:
        return raw, "b64"
    nonce = unbase64(payload[:_NONCE_LENGTH])
    rest = unbase64(payload[_NONCE_LENGTH:])
    if nonce is not None and rest is not None and len(nonce) == _NONCE_BYTES:
        return nonce + rest, "nonce+b64"
    return payload.encode("utf-8", "surrogatepass"), "text"


def unbase64(text: str) -> bytes | None:
    """Decode canonical base64; return None for any other string."""
    try:
        raw = b64decode(text)  # skips invalid characters; the comparison below detects that
    except (binascii.Error, ValueError):
        return None
    return raw if b64encode(raw) == text.encode() else None

"""A value to bytes and back; the names of the steps are stored beside the bytes.

=============  =====================================================================
``codec``      what ``data`` holds
=============  =====================================================================
``b64``        Beaker's text of a session, its base64 taken off
``nonce+b64``  the same for an encrypted one: 24 characters of nonce, then the rest
``text``       any other text, as UTF-8
``pickle``     a pickle
``json``       JSON
``object``     what the ``dumps`` of the option ``serializer`` gave
``object-str``  the same, where that was a text
``…,zlib``     any of these, compressed with zlib
``…,zstd``     the same with zstd
=============  =====================================================================

A quarter of a session's size, and with it of its write capacity, is base64; that is why it goes.

An item is decoded by what stands on it, whatever the options are by now. What has to be signed
(items/signing.py) is verified before a single byte is looked at.
"""

from __future__ import annotations

import binascii
import json
import pickle
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.dynamodb.error_mapping import cause
from beaker_dynamodb.exceptions import DynamoDBError, PayloadError
from beaker_dynamodb.items import json_values
from beaker_dynamodb.items.compression import Compression, decompress
from beaker_dynamodb.items.signing import Signatures

if TYPE_CHECKING:
    from beaker_dynamodb.config.options import Options
    from beaker_dynamodb.items.item import Item

#: Length of the base64 of Beaker's default nonce of 128 bits, which ends with padding.
_NONCE_LENGTH = 24
_NONCE_BYTES = 16


class Raw(bytes):
    """What Beaker's Session hands over as base64, without the base64; keeps a text it has."""

    _text: str | None = None

    def __repr__(self) -> str:
        # A session's data: a traceback with local variables must not show it.
        return f"<Raw, {len(self)} bytes>"

    @classmethod
    def of(cls, payload: Any) -> Any:
        """Give the bytes of a text that is base64, and to the letter; anything else as it is."""
        found = unbase64(payload) if isinstance(payload, str) else None
        if found is None:
            return payload
        raw = cls(found)
        raw._text = payload
        return raw

    @staticmethod
    def text(payload: Any) -> Any:
        """Give the text that these bytes stand for; anything else as it is."""
        if not isinstance(payload, Raw):
            return payload
        if payload._text is None:
            payload._text = b64encode(payload).decode()
        return payload._text


class Undecodable(PayloadError):
    """A value that is whole, as far as can be told, but that this process cannot decode."""


class Codec:
    """Encodes, signs and decodes values.

    :raises ConfigurationError: ``compression`` is ``zstd``, and that is not installed.
    """

    def __init__(self, options: Options) -> None:
        self._serializer = options.serializer
        self._compression = Compression(options)
        self._signatures = Signatures(options)

    # -- to bytes -----------------------------------------------------------------------------

    def encode_session(self, payload: object) -> tuple[bytes, str]:
        """Encode what Beaker's Session hands over, a text, or `Raw`; all else as a cache value."""
        if isinstance(payload, Raw):
            return self._compression.compress(payload, "b64")
        if not isinstance(payload, str):
            return self.encode_value(payload)
        return self._compression.compress(*_session_bytes(payload))

    def encode_value(self, value: object) -> tuple[bytes, str]:
        """Encode a cache value.

        :raises PayloadError: the serializer cannot represent it.
        """
        return self._compression.compress(*self._serialize(value))

    def sign(self, item: Item) -> None:
        """Sign an item that is to be written, if there are keys: as it is now, and for its key."""
        self._signatures.sign(item)

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
            raise TypeError("dumps gave neither a text nor bytes")
        except json_values.NotJSON as error:
            raise PayloadError(f"a value cannot be encoded as JSON: {error}") from None
        except Exception as error:
            # Whatever the value's own code raises; never a TypeError, which Beaker would read
            # as "a new session".
            raise PayloadError(
                f"a value of type {type(value).__name__} cannot be encoded: {type(error).__name__}"
            ) from cause(error)

    # -- and back -----------------------------------------------------------------------------

    def verify(self, item: Item) -> None:
        """Refuse an item that was not signed as the options demand.

        :raises PayloadError: see items/signing.py.
        """
        self._signatures.verify(item)

    def decode(self, item: Item) -> Any:
        """Give the value of an item, a session's as Beaker's Session wrote it; see the next.

        :raises PayloadError: as there.
        :raises ConfigurationError: as there.
        """
        return Raw.text(self.decode_session(item))

    def decode_session(self, item: Item) -> Any:
        """Give the value of an item, once its signature was found to be right; base64 as `Raw`.

        :raises PayloadError: wrong signature, unknown codec, or bytes that are not what it says.
        :raises Undecodable: a PayloadError, of an item that is not damaged.
        :raises ConfigurationError: it was compressed with zstd, which is not installed.
        """
        signed = self._signatures.verify(item)
        codec, _, step = item.codec.partition(",")
        try:
            return self._deserialize(decompress(item.data, step) if step else item.data, codec)
        except PayloadError as error:
            if not signed or isinstance(error, Undecodable):
                raise
            # It is as it was written, whatever this process makes of it.
            raise Undecodable(str(error)) from error.__cause__
        except DynamoDBError:
            raise
        except Exception as error:
            # Unpickling runs the value's own code, which may raise anything at all.
            raise (Undecodable if signed else PayloadError)(
                f"stored bytes cannot be decoded as {codec}: {type(error).__name__}"
            ) from cause(error)

    def _deserialize(self, data: bytes, codec: str) -> Any:
        if codec == "b64":
            return Raw(data)
        if codec == "pickle":
            return _unpickle(data)
        if codec == "json":
            return json.loads(data)
        if codec == "nonce+b64":
            head, tail = data[:_NONCE_BYTES], data[_NONCE_BYTES:]
            return (b64encode(head) + b64encode(tail)).decode()
        if codec == "text":
            return data.decode("utf-8", "surrogatepass")
        if codec in ("object", "object-str"):
            return self._loads(data.decode() if codec == "object-str" else data)
        raise PayloadError(f"the codec {codec!r} is unknown to this version")

    def _loads(self, data: bytes | str) -> Any:
        if isinstance(self._serializer, str):
            raise Undecodable("the value was written by a serializer object that is not set here")
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
        raise  # the bytes are no pickle
    except Exception as error:
        if not _is_pickle(data):
            raise
        # For instance a class that is not there any more, or takes other arguments by now.
        raise Undecodable(
            f"a stored value cannot be unpickled here: {type(error).__name__}"
        ) from cause(error)


def _is_pickle(data: bytes) -> bool:
    """Return whether bytes are one whole pickle; nothing in it is run."""
    from pickletools import genops

    end = 0
    try:
        for _, _, position in genops(data):
            end = (position or 0) + 1  # ends with STOP, of one byte
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
    """Decode base64 that encodes back to the very same text; None where it does not."""
    try:
        raw = b64decode(text)  # what it leaves out shows below
    except (binascii.Error, ValueError):
        return None
    return raw if b64encode(raw) == text.encode() else None

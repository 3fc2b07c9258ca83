"""Compresses values if that makes them smaller, and decompresses up to a maximum size.

The item's ``codec`` names the compression: ``b64,zlib`` is a session that is compressed with zlib.
docs/design.md, "Items", explains the choice of algorithm.
"""

from __future__ import annotations

import importlib
import zlib
from functools import cache
from typing import Any

from beaker_dynamodb.exceptions import ConfigurationError, PayloadError

#: Largest uncompressed value in bytes: a small stored value must not exhaust the memory.
MAX_BYTES = 64 * 1024 * 1024
#: Smaller values are not compressed: DynamoDB bills a write per started KB.
THRESHOLD_BYTES = 1024
ZLIB_LEVEL = 6
ZSTD_LEVEL = 3
#: ``auto`` compresses only if the result is at most this fraction of the value.
AUTO_PART = 0.9

#: The headers of zlib's compression levels (RFC 1950). Beaker compresses JSON sessions with zlib.
_ZLIB_HEADERS = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")


def compress(data: bytes, codec: str, compression: str) -> tuple[bytes, str]:
    """Return the bytes and their codec, compressed if the option says so and it saves enough."""
    fits = THRESHOLD_BYTES <= len(data) <= MAX_BYTES
    if compression == "off" or not fits or _is_incompressible(data, codec):
        return data, codec
    if compression == "zstd":
        step, compressed = "zstd", zstd().compress(data, ZSTD_LEVEL)
    else:
        step, compressed = "zlib", zlib.compress(data, ZLIB_LEVEL)
    maximum = len(data) * AUTO_PART if compression == "auto" else len(data) - 1
    return (compressed, f"{codec},{step}") if len(compressed) <= maximum else (data, codec)


def decompress(data: bytes, step: str) -> bytes:
    """Decompress stored bytes.

    :param step: ``zlib`` or ``zstd``.
    :raises PayloadError: the bytes are damaged, or larger than `MAX_BYTES` when decompressed.
    :raises ConfigurationError: zstd is not installed. Not a PayloadError, which could log users
        out.
    """
    decompressor: Any
    if step == "zlib":
        decompressor, damaged = zlib.decompressobj(), zlib.error
    elif step == "zstd":
        decompressor, damaged = zstd().ZstdDecompressor(), zstd().ZstdError
    else:
        raise PayloadError(f"the compression {step!r} is unknown to this version")
    try:
        result: bytes = decompressor.decompress(data, MAX_BYTES + 1)
    except damaged as error:
        raise PayloadError(
            f"stored bytes cannot be decompressed with {step}: {type(error).__name__}"
        ) from error
    if len(result) > MAX_BYTES:
        raise PayloadError(f"stored bytes would exceed {MAX_BYTES} bytes when decompressed")
    if not decompressor.eof or decompressor.unused_data:
        raise PayloadError("stored bytes are truncated, or more bytes follow")
    return result


def _is_incompressible(data: bytes, codec: str) -> bool:
    """Return whether compression cannot help: the data is encrypted, or compressed by Beaker."""
    return codec == "nonce+b64" or (codec == "b64" and data.startswith(_ZLIB_HEADERS))


# Cached, because the failed import of a missing module searches the whole path each time.
@cache
def zstd() -> Any:
    """Return the zstd module of Python 3.14 and later, or its backport.

    :raises ConfigurationError: it is not installed.
    """
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise ConfigurationError(
        "zstd is not installed on this machine: pip install 'beaker-dynamodb[zstd]'"
    )

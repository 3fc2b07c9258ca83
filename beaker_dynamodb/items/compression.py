"""Bytes made smaller where that pays, and back without trust in what they claim to be.

A step stands behind the codec's name: ``b64,zlib`` is a session whose bytes were compressed with
zlib. Which one is used, and why at these levels, is measured in docs/design.md, Decisions.
"""

from __future__ import annotations

import importlib
import zlib
from functools import cache
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.exceptions import ConfigurationError, PayloadError

if TYPE_CHECKING:
    from beaker_dynamodb.config.options import Options

#: No value is larger than this, in bytes, before it is compressed or after it was decompressed: a
#: few hundred bytes in the table must not be able to fill the memory.
MAX_BYTES = 64 * 1024 * 1024
#: Smaller values are not compressed: DynamoDB bills a write per started KB.
THRESHOLD_BYTES = 1024
ZLIB_LEVEL = 6
ZSTD_LEVEL = 3
#: ``auto`` keeps what became smaller by a tenth or more.
AUTO_PART = 0.9

#: zlib's first two bytes, at its four levels (RFC 1950): Beaker's own JSON sessions begin so.
_ZLIB_HEADERS = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")


class Compression:
    """Compresses as the options say; what was stored under any others is decompressed as well.

    :raises ConfigurationError: ``compression`` is ``zstd``, and that is not installed.
    """

    def __init__(self, options: Options) -> None:
        self._threshold = THRESHOLD_BYTES
        self._step = "zlib" if options.compression == "auto" else options.compression
        self._part = AUTO_PART if options.compression == "auto" else 1.0
        if self._step == "off":
            self._threshold = MAX_BYTES + 1
        elif self._step == "zstd":
            _zstd()

    def compress(self, data: bytes, codec: str) -> tuple[bytes, str]:
        """Give the bytes and the codec's name, with a step behind it if they were compressed."""
        if not self._threshold <= len(data) <= MAX_BYTES or _is_dense(data, codec):
            return data, codec
        smaller = _zstd_compress(data) if self._step == "zstd" else zlib.compress(data, ZLIB_LEVEL)
        kept = len(smaller) < len(data) and len(smaller) <= len(data) * self._part
        return (smaller, f"{codec},{self._step}") if kept else (data, codec)


def decompress(data: bytes, step: str) -> bytes:
    """Undo a step.

    :raises PayloadError: the bytes are damaged, or would become more than `MAX_BYTES`.
    :raises ConfigurationError: zstd is not installed: a fault of the machine, not of the bytes,
        and nobody is logged out by it.
    """
    if step not in ("zlib", "zstd"):
        raise PayloadError(f"the compression {step!r} is unknown to this version")
    damaged: type[Exception] = zlib.error if step == "zlib" else _zstd()[0].ZstdError
    try:
        return _bounded(zlib.decompressobj(), data) if step == "zlib" else _zstd_decompress(data)
    except damaged as error:
        raise PayloadError(
            f"stored bytes cannot be decompressed with {step}: {type(error).__name__}"
        ) from error


def _is_dense(data: bytes, codec: str) -> bool:
    """Whether compressing is known to be in vain: ciphertext, or compressed by Beaker."""
    return codec == "nonce+b64" or (codec == "b64" and data.startswith(_ZLIB_HEADERS))


def _bounded(decompressor: Any, data: bytes) -> bytes:
    """Decompress what has to be one whole stream, with zlib or with Python's own zstd."""
    result: bytes = decompressor.decompress(data, MAX_BYTES + 1)
    if len(result) > MAX_BYTES:
        raise _too_large()
    if not decompressor.eof or decompressor.unused_data:
        raise PayloadError("stored bytes are cut off, or more than was compressed")
    return result


def _too_large() -> PayloadError:
    return PayloadError(f"stored bytes would become more than {MAX_BYTES} when decompressed")


# -- zstd: Python's own module (3.14 and newer), or else the package zstandard --------------------

_OWN, _PACKAGE = "compression.zstd", "zstandard"


# Kept: an import that fails looks through the whole path each time.
@cache
def _zstd() -> tuple[Any, bool]:
    """Give the module, and whether it is Python's own.

    :raises ConfigurationError: there is neither.
    """
    for name in (_OWN, _PACKAGE):
        try:
            return importlib.import_module(name), name == _OWN
        except ImportError:
            continue
    raise ConfigurationError(
        "zstd is not installed on this machine: pip install 'beaker-dynamodb[zstd]'"
    )


def _zstd_compress(data: bytes) -> bytes:
    module, own = _zstd()
    # A compressor is not safe in threads, and takes 8 microseconds to make.
    smaller: bytes = (
        module.compress(data, ZSTD_LEVEL)
        if own
        else module.ZstdCompressor(level=ZSTD_LEVEL).compress(data)
    )
    return smaller


def _zstd_decompress(data: bytes) -> bytes:
    module, own = _zstd()
    if own:
        return _bounded(module.ZstdDecompressor(), data)
    # The package believes the frame's own word for its size, and makes room for it first.
    # A frame that does not say it (our writers' always do) it refuses.
    if module.frame_content_size(data) > MAX_BYTES:
        raise _too_large()
    decompressor = module.ZstdDecompressor(max_window_size=MAX_BYTES)
    result: bytes = decompressor.decompress(data, allow_extra_data=False)
    return result

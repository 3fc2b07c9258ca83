"""When data is compressed, and what decompression refuses."""

from __future__ import annotations

import json
import pickle
import random
import zlib
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from beaker_dynamodb import ConfigurationError, PayloadError
from beaker_dynamodb.items import compression
from beaker_dynamodb.items.compression import MAX_BYTES, decompress
from tests.items.encoded import codec, item, written


def without_zstd(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    compression.zstd.cache_clear()
    monkeypatch.setattr(compression, "importlib", SimpleNamespace(import_module=missing))


def zstd_compress(data: bytes) -> bytes:
    made: bytes = compression.zstd().compress(data)
    return made


COMPRESSORS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("zlib", zlib.compress),
    ("zstd", zstd_compress),
]


def test_a_value_too_large_to_be_decompressed_is_not_compressed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compression, "MAX_BYTES", 5000)
    data = json.dumps("x" * 4998).encode()
    writer = codec(serializer="json")
    assert "json,zlib" == written(writer, json.loads(data)).codec
    assert "json" == written(writer, json.loads(data) + "x").codec


@pytest.mark.parametrize(("step", "compress"), COMPRESSORS)
def test_decompression_does_not_exceed_the_limit(
    monkeypatch: pytest.MonkeyPatch, step: str, compress: Callable[[bytes], bytes]
) -> None:
    monkeypatch.setattr(compression, "MAX_BYTES", 5000)
    assert bytes(5000) == decompress(compress(bytes(5000)), step)
    for size in (5001, 5_000_000):
        with pytest.raises(PayloadError, match="exceed 5000 bytes"):
            decompress(compress(bytes(size)), step)


def test_a_wrong_size_in_a_zstd_frame_is_refused() -> None:
    frame = bytearray(zstd_compress(bytes(300_000)))
    # RFC 8878: magic (4), descriptor with a size of four bytes and a single segment, the size.
    assert (b"\x28\xb5\x2f\xfd", 0xA0) == (bytes(frame[:4]), frame[4] & 0xE3)
    for size in (1000, MAX_BYTES, MAX_BYTES + 1, 2**32 - 1):
        frame[5:9] = size.to_bytes(4, "little")
        with pytest.raises(PayloadError):
            decompress(bytes(frame), "zstd")


@pytest.mark.parametrize(("step", "compress"), COMPRESSORS)
def test_bytes_that_are_not_one_complete_stream_are_refused(
    step: str, compress: Callable[[bytes], bytes]
) -> None:
    value = random.Random(4).randbytes(3000).hex().encode()
    whole = compress(value)
    assert value == decompress(whole, step)
    cut, half = whole[:-1], whole[: len(whole) // 2]
    for damaged in (cut, half, whole + b"x", whole + whole, b"garbage", b""):
        with pytest.raises(PayloadError):
            decompress(damaged, step)


@pytest.mark.parametrize("step", ["brotli", "zlib,zlib", "zlib,", " zlib"])
def test_an_unknown_compression_is_refused(step: str) -> None:
    with pytest.raises(PayloadError, match="unknown"):
        codec().decode(item(zlib.compress(pickle.dumps(1)), f"pickle,{step}"))


def test_without_zstd_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    made = written(codec(compression="zstd"), ["text"] * 1000)
    assert "pickle,zstd" == made.codec
    assert ["text"] * 1000 == codec().decode(made)
    without_zstd(monkeypatch)
    for act in (lambda: codec(compression="zstd"), lambda: codec().decode(made)):
        with pytest.raises(ConfigurationError, match=r"beaker-dynamodb\[zstd\]"):
            act()
    assert "pickle,zlib" == written(codec(), ["text"] * 1000).codec

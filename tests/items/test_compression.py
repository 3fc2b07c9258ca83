"""When data is compressed, and what decompression refuses."""

from __future__ import annotations

import importlib
import itertools
import json
import pickle
import random
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from beaker_dynamodb import ConfigurationError, DynamoDBSession, PayloadError
from beaker_dynamodb.items import compression
from beaker_dynamodb.items.compression import MAX_BYTES, decompress
from tests.beaker import Browser
from tests.items.encoded import codec, item, share_cookies, written


def install(monkeypatch: pytest.MonkeyPatch, names: tuple[str, str]) -> None:
    """Simulate that one zstd module is installed.

    :param names: to import: of the standard library's module, and of the package's.
    """
    monkeypatch.setattr(compression, "_OWN", names[0])
    monkeypatch.setattr(compression, "_PACKAGE", names[1])
    compression._zstd.cache_clear()
    compression._zstd()


@pytest.fixture(autouse=True)
def _forget_module() -> Iterator[None]:
    yield
    compression._zstd.cache_clear()


@pytest.fixture(scope="module")
def modules() -> list[tuple[str, str]]:
    """The modules to import; before Python 3.14 the standard library's is its backport."""
    try:
        importlib.import_module("compression.zstd")
    except ImportError:
        return [("backports.zstd", "no.such.module"), ("no.such.module", "zstandard")]
    # The extra is for older Pythons.
    return [("compression.zstd", "no.such.module")]


def each_compressor(
    monkeypatch: pytest.MonkeyPatch, modules: list[tuple[str, str]]
) -> Iterator[tuple[str, Callable[[bytes], bytes]]]:
    """Yield zlib's and each zstd module's step and function."""
    yield "zlib", zlib.compress
    for names in modules:
        install(monkeypatch, names)
        yield "zstd", compression._zstd_compress


def test_a_value_too_large_to_be_decompressed_is_not_compressed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compression, "MAX_BYTES", 5000)
    data = json.dumps("x" * 4998).encode()
    writer = codec(serializer="json")
    assert "json,zlib" == written(writer, json.loads(data)).codec
    assert "json" == written(writer, json.loads(data) + "x").codec


def test_decompression_does_not_exceed_the_limit(
    monkeypatch: pytest.MonkeyPatch, modules: list[tuple[str, str]]
) -> None:
    monkeypatch.setattr(compression, "MAX_BYTES", 5000)
    for step, compress in each_compressor(monkeypatch, modules):
        assert bytes(5000) == decompress(compress(bytes(5000)), step)
        for size in (5001, 5_000_000):
            with pytest.raises(PayloadError, match="more than 5000"):
                decompress(compress(bytes(size)), step)


def test_a_wrong_size_in_a_zstd_frame_is_refused(
    monkeypatch: pytest.MonkeyPatch, modules: list[tuple[str, str]]
) -> None:
    for names in modules:
        install(monkeypatch, names)
        frame = bytearray(compression._zstd_compress(bytes(300_000)))
        # RFC 8878: magic (4), descriptor with a size of four bytes and a single segment, the size.
        assert (b"\x28\xb5\x2f\xfd", 0xA0) == (bytes(frame[:4]), frame[4] & 0xE3)
        for size in (1000, MAX_BYTES, MAX_BYTES + 1, 2**32 - 1):
            frame[5:9] = size.to_bytes(4, "little")
            with pytest.raises(PayloadError):
                decompress(bytes(frame), "zstd")


def test_bytes_that_are_not_one_complete_stream_are_refused(
    monkeypatch: pytest.MonkeyPatch, modules: list[tuple[str, str]]
) -> None:
    value = random.Random(4).randbytes(3000).hex().encode()
    for step, compress in each_compressor(monkeypatch, modules):
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


def test_each_zstd_module_reads_what_the_other_wrote(
    monkeypatch: pytest.MonkeyPatch, modules: list[tuple[str, str]]
) -> None:
    for writer, reader in itertools.product(modules, modules):
        install(monkeypatch, writer)
        made = written(codec(compression="zstd"), ["text"] * 1000)
        assert "pickle,zstd" == made.codec
        install(monkeypatch, reader)
        assert ["text"] * 1000 == codec().decode(made)


def test_without_zstd_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    made = written(codec(compression="zstd"), ["text"] * 1000)
    with pytest.raises(ConfigurationError, match=r"beaker-dynamodb\[zstd\]"):
        install(monkeypatch, ("no.such.module", "no.such.module"))
    for act in (lambda: codec(compression="zstd"), lambda: codec().decode(made)):
        with pytest.raises(ConfigurationError, match=r"beaker-dynamodb\[zstd\]"):
            act()
    assert "pickle,zlib" == written(codec(), ["text"] * 1000).codec


def test_a_host_without_zstd_logs_no_user_out(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch, modules: list[tuple[str, str]]
) -> None:
    install(monkeypatch, modules[0])
    settings = {**options, "session_class": DynamoDBSession}
    browser, lacking = Browser(settings, compression="zstd"), Browser(settings)
    browser.save(name="Ada" * 1000)
    share_cookies(browser, lacking)
    with pytest.raises(ConfigurationError):
        install(monkeypatch, ("no.such.module", "no.such.module"))
    with pytest.raises(ConfigurationError, match="zstd"):
        lacking.contents()
    install(monkeypatch, modules[0])
    assert {"name": "Ada" * 1000} == browser.contents()

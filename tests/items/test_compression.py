"""When data is compressed, and what decompression refuses."""

from __future__ import annotations

import importlib
import json
import pickle
import random
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from beaker_dynamodb import ConfigurationError, DynamoDBSession, PayloadError
from beaker_dynamodb.items import compression
from beaker_dynamodb.items.compression import MAX_BYTES, decompress
from tests.beaker import Browser
from tests.items.encoded import codec, item, share_cookies, written

NOISE = random.Random(4).randbytes(100_000)
#: Modules that are imported for zstd: the standard library's, or the package.
OWN, PACKAGE = ("compression.zstd", "no.such.module"), ("no.such.module", "zstandard")


def install(monkeypatch: pytest.MonkeyPatch, names: tuple[str, str]) -> Any:
    """Simulate that one zstd module is installed, and return it."""
    monkeypatch.setattr(compression, "_OWN", names[0])
    monkeypatch.setattr(compression, "_PACKAGE", names[1])
    compression._zstd.cache_clear()
    return compression._zstd()[0]


@pytest.fixture(autouse=True)
def _forget_module() -> Iterator[None]:
    yield
    compression._zstd.cache_clear()


@pytest.fixture
def names() -> dict[str, tuple[str, str]]:
    """The modules to import; before Python 3.14 the standard library's is its backport."""
    try:
        importlib.import_module("compression.zstd")
    except ImportError:
        return {"own": ("backports.zstd", "no.such.module"), "package": PACKAGE}
    # The extra is for older Pythons.
    return {"own": OWN, "package": OWN}


@pytest.fixture(params=["own", "package"])
def zstd(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    names: dict[str, tuple[str, str]],
) -> Any:
    """Each zstd module."""
    return install(monkeypatch, names[request.param])


def test_a_value_too_large_to_be_decompressed_is_not_compressed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compression, "MAX_BYTES", 5000)
    data = json.dumps("x" * 4998).encode()
    writer = codec(serializer="json")
    assert "json,zlib" == written(writer, json.loads(data)).codec
    assert "json" == written(writer, json.loads(data) + "x").codec


@pytest.mark.parametrize("step", ["zlib", "zstd"])
def test_decompression_does_not_exceed_the_limit(
    monkeypatch: pytest.MonkeyPatch, step: str, zstd: Any
) -> None:
    monkeypatch.setattr(compression, "MAX_BYTES", 5000)
    compress = zlib.compress if step == "zlib" else compression._zstd_compress
    assert bytes(5000) == decompress(compress(bytes(5000)), step)
    for size in (5001, 5_000_000):
        with pytest.raises(PayloadError, match="more than 5000"):
            decompress(compress(bytes(size)), step)


def test_a_wrong_size_in_a_zstd_frame_is_refused(zstd: Any) -> None:
    frame = bytearray(compression._zstd_compress(bytes(300_000)))
    # RFC 8878: magic (4), descriptor with a size of four bytes and a single segment, the size.
    assert (b"\x28\xb5\x2f\xfd", 0xA0) == (bytes(frame[:4]), frame[4] & 0xE3)
    for size in (1000, MAX_BYTES, MAX_BYTES + 1, 2**32 - 1):
        frame[5:9] = size.to_bytes(4, "little")
        with pytest.raises(PayloadError):
            decompress(bytes(frame), "zstd")


@pytest.mark.parametrize("step", ["zlib", "zstd"])
@pytest.mark.parametrize("damage", ["cut", "end", "more", "twice", "garbage", "empty"])
def test_bytes_that_are_not_one_complete_stream_are_refused(
    step: str, damage: str, zstd: Any
) -> None:
    value = NOISE[:3000].hex().encode()
    whole = zlib.compress(value) if step == "zlib" else compression._zstd_compress(value)
    damaged = {
        "cut": whole[:-1],
        "end": whole[: len(whole) // 2],
        "more": whole + b"x",
        "twice": whole + whole,
        "garbage": b"garbage",
        "empty": b"",
    }
    assert value == decompress(whole, step)
    with pytest.raises(PayloadError):
        decompress(damaged[damage], step)


@pytest.mark.parametrize("step", ["brotli", "zlib,zlib", "zlib,", " zlib"])
def test_an_unknown_compression_is_refused(step: str) -> None:
    with pytest.raises(PayloadError, match="unknown"):
        codec().decode(item(zlib.compress(pickle.dumps(1)), f"pickle,{step}"))


@pytest.mark.parametrize("writer", ["own", "package"])
@pytest.mark.parametrize("reader", ["own", "package"])
def test_each_zstd_module_reads_what_the_other_wrote(
    writer: str,
    reader: str,
    monkeypatch: pytest.MonkeyPatch,
    names: dict[str, tuple[str, str]],
) -> None:
    install(monkeypatch, names[writer])
    made = written(codec(compression="zstd"), ["text"] * 1000)
    assert "pickle,zstd" == made.codec
    install(monkeypatch, names[reader])
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
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch, names: dict[str, tuple[str, str]]
) -> None:
    install(monkeypatch, names["own"])
    settings = {**options, "session_class": DynamoDBSession}
    browser, lacking = Browser(settings, compression="zstd"), Browser(settings)
    browser.save(name="Ada" * 1000)
    share_cookies(browser, lacking)
    with pytest.raises(ConfigurationError):
        install(monkeypatch, ("no.such.module", "no.such.module"))
    with pytest.raises(ConfigurationError, match="zstd"):
        lacking.contents()
    install(monkeypatch, names["own"])
    assert {"name": "Ada" * 1000} == browser.contents()

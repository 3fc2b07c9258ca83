"""When bytes are compressed, and what is refused when they are decompressed."""

from __future__ import annotations

import importlib
import json
import pickle
import random
import zlib
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest

from beaker_dynamodb import ConfigurationError, DynamoDBSession, PayloadError
from beaker_dynamodb.items import compression
from beaker_dynamodb.items.compression import MAX_BYTES, decompress
from tests.beaker import Browser
from tests.items.encoded import codec, item, share_cookies, written

NOISE = random.Random(4).randbytes(100_000)
#: Names that are imported for zstd: Python's own and the package, either alone.
OWN, PACKAGE = ("compression.zstd", "no.such.module"), ("no.such.module", "zstandard")


def install(monkeypatch: pytest.MonkeyPatch, names: tuple[str, str]) -> Any:
    """Let one module of zstd be installed, and give it."""
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
    """What to import for each of the two; before Python 3.14 its module is its backport."""
    try:
        importlib.import_module("compression.zstd")
    except ImportError:
        return {"own": ("backports.zstd", "no.such.module"), "package": PACKAGE}
    # The package's extra is for older Pythons: here both are Python's own.
    return {"own": OWN, "package": OWN}


@pytest.fixture(params=["own", "package"])
def zstd(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    names: dict[str, tuple[str, str]],
) -> Any:
    """Each module of zstd in turn."""
    return install(monkeypatch, names[request.param])


@pytest.mark.parametrize("setting", ["auto", "zlib", "zstd"])
@pytest.mark.parametrize(("size", "steps"), [(1023, 1), (1024, 2), (1025, 2)])
def test_threshold(setting: str, size: int, steps: int) -> None:
    """What has as many bytes as the threshold is compressed, what has one less is not."""
    text = json.dumps("x" * (size - 2))
    made = written(codec(compression=setting, serializer="json"), json.loads(text))
    assert steps == len(made.codec.split(","))
    assert (len(made.data) == size) == (steps == 1)


@pytest.mark.parametrize(
    ("setting", "noise", "compressed"),
    [("auto", 8000, True), ("auto", 9200, False), ("zlib", 9200, True), ("zlib", 10_000, False)],
)
def test_gain(setting: str, noise: int, compressed: bool) -> None:
    """`auto` keeps what became smaller by a tenth, `zlib` what became smaller at all."""
    value = NOISE[:noise] + bytes(10_000 - noise)
    made = written(codec(compression=setting), value)
    assert compressed == (made.codec == "pickle,zlib")
    assert value == codec().decode(made)


def test_off() -> None:
    """`off` leaves everything as it is."""
    assert "pickle" == written(codec(compression="off"), "x" * 100_000).codec


BEAKER_JSON = b64encode(zlib.compress(json.dumps({"text": NOISE.hex()}).encode())).decode()
ENCRYPTED = b64encode(bytes(16)).decode() + b64encode(bytes(5000)).decode()


@pytest.mark.parametrize("setting", ["auto", "zlib", "zstd"])
@pytest.mark.parametrize(("payload", "name"), [(BEAKER_JSON, "b64"), (ENCRYPTED, "nonce+b64")])
def test_no_time_wasted(
    setting: str, payload: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Beaker has compressed or encrypted is not compressed again, not even to try."""
    tried: list[int] = []

    def compress(data: bytes, level: int = 0) -> bytes:
        tried.append(len(data))
        return b""

    monkeypatch.setattr(zlib, "compress", compress)
    monkeypatch.setattr(compression, "_zstd_compress", compress)
    assert name == written(codec(compression=setting), payload, session=True).codec
    assert [] == tried


def test_larger_than_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """What would be too large to be decompressed again is not compressed."""
    monkeypatch.setattr(compression, "MAX_BYTES", 5000)
    data = json.dumps("x" * 4998).encode()
    writer = codec(serializer="json")
    assert "json,zlib" == written(writer, json.loads(data)).codec
    assert "json" == written(writer, json.loads(data) + "x").codec


def test_zlib_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that would fill the memory are a PayloadError, the largest allowed are not."""
    monkeypatch.setattr(compression, "MAX_BYTES", 5000)
    assert bytes(5000) == decompress(zlib.compress(bytes(5000)), "zlib")
    for size in (5001, 5_000_000):
        with pytest.raises(PayloadError, match="more than 5000"):
            decompress(zlib.compress(bytes(size)), "zlib")


def test_zstd_bomb(monkeypatch: pytest.MonkeyPatch, zstd: Any) -> None:
    """The same for zstd, whichever module reads it."""
    monkeypatch.setattr(compression, "MAX_BYTES", 5000)
    assert bytes(5000) == decompress(compression._zstd_compress(bytes(5000)), "zstd")
    for size in (5001, 5_000_000):
        bomb = compression._zstd_compress(bytes(size))
        with pytest.raises(PayloadError, match="more than 5000"):
            decompress(bomb, "zstd")


def test_a_frame_that_lies(zstd: Any) -> None:
    """A frame that says less, more or nothing of what it holds is refused or read in bounds."""
    frame = bytearray(compression._zstd_compress(bytes(300_000)))
    # RFC 8878: magic (4), descriptor with a size of four bytes and a single segment, the size.
    assert (b"\x28\xb5\x2f\xfd", 0xA0) == (bytes(frame[:4]), frame[4] & 0xE3)
    for size in (1000, MAX_BYTES, MAX_BYTES + 1, 2**32 - 1):
        frame[5:9] = size.to_bytes(4, "little")
        with pytest.raises(PayloadError):
            decompress(bytes(frame), "zstd")


@pytest.mark.parametrize("step", ["zlib", "zstd"])
@pytest.mark.parametrize("damage", ["cut", "end", "more", "twice", "garbage", "empty"])
def test_damage(step: str, damage: str, zstd: Any) -> None:
    """Bytes that are not one whole stream are a PayloadError."""
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
def test_unknown_step(step: str) -> None:
    """A step that this version does not know is a PayloadError that names it."""
    with pytest.raises(PayloadError, match="unknown"):
        codec().decode(item(zlib.compress(pickle.dumps(1)), f"pickle,{step}"))


@pytest.mark.parametrize("writer", ["own", "package"])
@pytest.mark.parametrize("reader", ["own", "package"])
def test_zstd_modules(
    writer: str,
    reader: str,
    monkeypatch: pytest.MonkeyPatch,
    names: dict[str, tuple[str, str]],
) -> None:
    """What one module of zstd has written, the other one reads."""
    install(monkeypatch, names[writer])
    made = written(codec(compression="zstd"), ["text"] * 1000)
    assert "pickle,zstd" == made.codec
    install(monkeypatch, names[reader])
    assert ["text"] * 1000 == codec().decode(made)


def test_without_zstd(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without zstd, to ask for it or to read it is a ConfigurationError that names the extra."""
    made = written(codec(compression="zstd"), ["text"] * 1000)
    with pytest.raises(ConfigurationError, match=r"beaker-dynamodb\[zstd\]"):
        install(monkeypatch, ("no.such.module", "no.such.module"))
    for act in (lambda: codec(compression="zstd"), lambda: codec().decode(made)):
        with pytest.raises(ConfigurationError, match=r"beaker-dynamodb\[zstd\]"):
            act()
    assert "pickle,zlib" == written(codec(), ["text"] * 1000).codec


def test_session_without_zstd(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch, names: dict[str, tuple[str, str]]
) -> None:
    """With our session, a server that lacks zstd logs nobody out."""
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

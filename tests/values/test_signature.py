"""Signed items: what is accepted, and what is refused before anything looks at the bytes."""

from __future__ import annotations

import hmac
import struct
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from beaker_dynamodb import ConfigurationError, PayloadError
from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.items.item import Item, Layout
from beaker_dynamodb.items.keys import Key
from tests.values import BOTH, KEY, NEW, OLD, codec, item, written

SIGNED = codec(signing_keys=NEW)
VALUE = {"name": "Ada", "text": "x" * 2000}


def test_round_trip() -> None:
    """A signed item reads, and carries 32 bytes of signature through the table's attributes."""
    made = written(SIGNED, VALUE)
    layout = Layout(parse({}))
    attributes = layout.attributes(made)
    assert 32 == len(attributes["signature"]["B"])
    assert VALUE == SIGNED.decode(layout.item(KEY, made.kind, attributes))


@pytest.mark.parametrize("sort", [None, "", "|today"])
def test_format(sort: str | None) -> None:
    """The signature is what docs/design.md says, so that one version reads what another wrote."""
    made = item(b"bytes", "pickle", Key("cache:news", sort))
    SIGNED.sign(made)
    parts = [b"beaker_dynamodb item 1", b"cache:news", b"pickle"]
    if sort is not None:
        parts.insert(2, sort.encode())
    text = struct.pack(">Q", len(parts))
    for part in [*parts, b"bytes"]:
        text += struct.pack(">Q", len(part)) + part
    assert hmac.digest(NEW.encode(), text, "sha256") == made.signature


def test_no_keys() -> None:
    """Without keys nothing is signed, and what is signed reads."""
    assert written(codec(), VALUE).signature is None
    assert "signature" not in Layout(parse({})).attributes(written(codec(), VALUE))
    assert VALUE == codec().decode(written(SIGNED, VALUE))


@given(st.data())
def test_every_bit(data: st.DataObject) -> None:
    """One bit changed in the bytes or the signature, anywhere, makes the item a PayloadError."""
    made = written(SIGNED, VALUE)
    name = data.draw(st.sampled_from(["data", "signature"]))
    changed = bytearray(getattr(made, name))
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    attributes: dict[str, Any] = {name: bytes(changed)}
    with pytest.raises(PayloadError, match="signature is wrong"):
        SIGNED.decode(replace(made, **attributes))


SORTED = Key("cache:news", "|today")
OTHERS = [
    *(Key(partition) for partition in ("cache:news|toda", "cache:news|today!", "", "sess:x")),
    Key("cache:news", "|toda"),
    Key("cache:new", "s|today"),
    Key("cache:news|today", ""),
    SORTED,
    KEY,
]


@pytest.mark.parametrize("key", [KEY, SORTED])
@pytest.mark.parametrize("other", OTHERS)
def test_moved(key: Key, other: Key) -> None:
    """A value that was copied to another primary key is a PayloadError."""
    made = written(SIGNED, VALUE, key)
    if key == other:
        assert VALUE == SIGNED.decode(replace(made, key=other))
    else:
        with pytest.raises(PayloadError, match="signature is wrong"):
            SIGNED.decode(replace(made, key=other))


@pytest.mark.parametrize("name", ["pickle", "json,zlib", "pickle,zlib ", "pickle,zstd", "", "text"])
def test_codec_changed(name: str) -> None:
    """Bytes that are said to be something else are a PayloadError."""
    made = written(SIGNED, VALUE)
    assert "pickle,zlib" == made.codec
    with pytest.raises(PayloadError, match="signature is wrong"):
        SIGNED.decode(replace(made, codec=name))


@pytest.mark.parametrize("signature", [b"", b"\0", bytes(32), bytes(64)])
def test_garbage(signature: bytes) -> None:
    """A signature of any length that is not ours is a PayloadError."""
    with pytest.raises(PayloadError, match="signature is wrong"):
        SIGNED.decode(replace(written(SIGNED, VALUE), signature=signature))


texts = st.text(alphabet="ab|,\0\x01\x06", max_size=4)
signed = st.builds(
    lambda partition, sort, name, data: item(data, name, Key(partition, sort)),
    texts,
    st.none() | texts,
    texts,
    st.binary(max_size=4),
)


@given(signed, signed)
def test_no_two_alike(one: Item, other: Item) -> None:
    """Two items that differ anywhere in key, codec or bytes never have the same signature."""
    assume(one != other)
    SIGNED.sign(one)
    SIGNED.sign(other)
    assert one.signature != other.signature


@pytest.mark.parametrize(
    ("writer", "reader", "reads"),
    [(OLD, BOTH, True), (BOTH, NEW, True), (BOTH, OLD, False), (OLD, NEW, False)],
)
def test_rotation(writer: str, reader: str, reads: bool) -> None:
    """The first key signs, and every key verifies."""
    made = written(codec(signing_keys=writer), VALUE)
    if reads:
        assert VALUE == codec(signing_keys=reader).decode(made)
    else:
        with pytest.raises(PayloadError, match="signature is wrong"):
            codec(signing_keys=reader).decode(made)


def test_migration() -> None:
    """What was never signed reads only while that is accepted; a wrong signature never does."""
    unsigned = written(codec(), VALUE)
    with pytest.raises(PayloadError, match=r"^an item carries no signature \(option signing_keys"):
        SIGNED.decode(unsigned)
    meanwhile = codec(signing_keys=NEW, signing_keys_accept_unsigned="true")
    assert VALUE == meanwhile.decode(unsigned)
    with pytest.raises(PayloadError, match=r"^an item's signature is wrong \(option signing_keys"):
        meanwhile.decode(written(codec(signing_keys=OLD), VALUE))


@pytest.mark.parametrize("keys", [BOTH, f"{NEW},{OLD}", [NEW, OLD], (NEW.encode(), OLD.encode())])
def test_forms(keys: Any) -> None:
    """Keys may be a text with commas, a list or a tuple, of texts or bytes."""
    assert (NEW.encode(), OLD.encode()) == parse({"signing_keys": keys}).signing_keys


def test_url() -> None:
    """Keys and the migration can be set in a url."""
    url = f"dynamodb:///shared?signing_keys={NEW},{OLD}&signing_keys_accept_unsigned=true"
    options = parse({"url": url})
    assert (NEW.encode(), OLD.encode()) == options.signing_keys
    assert options.signing_keys_accept_unsigned


SHORT = "fifteen-bytes!!"


@pytest.mark.parametrize(
    "keys", [SHORT, f"{NEW},{SHORT}", f"{NEW},", [], b"", {NEW: SHORT}, {NEW}, 17, [None], [[NEW]]]
)
def test_refused(keys: Any) -> None:
    """Keys that are short, missing or of another type are a ConfigurationError without a key."""
    with pytest.raises(ConfigurationError, match="signing_keys") as caught:
        parse({"signing_keys": keys})
    assert SHORT not in str(caught.value)
    assert NEW not in str(caught.value)


def test_masked() -> None:
    """No key is in the repr of the options or in the error about an item."""
    assert "Options(signing_keys=***)" == repr(parse({"signing_keys": BOTH}))
    assert NEW not in repr(parse({"url": f"dynamodb:///shared?signing_keys={NEW}"}))
    with pytest.raises(PayloadError) as caught:
        SIGNED.decode(written(codec(), VALUE))
    assert NEW not in str(caught.value)
    assert KEY.partition not in str(caught.value)

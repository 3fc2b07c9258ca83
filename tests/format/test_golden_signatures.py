"""Literal signatures: a signed item that verifies no longer logs its visitor out."""

from __future__ import annotations

import pytest

from beaker_dynamodb import PayloadError
from beaker_dynamodb.items.keys import Key
from tests.items.encoded import codec, item

KEY = "signing-key-of-the-fixture"
#: Sort key of an item under ``cache:news``, codec, data, and the signature in hex.
SIGNED = [
    (None, "json", b'"tea"', "105a2c3735e584dec55a97dc6ca938a06b8556675b6b92328d08b9eb90f36743"),
    (None, "b64,zlib", b"", "a16b92b114e9cb999803313e32591df832353e31327c3c65e183c874aed38d12"),
    (
        None,
        "pickle",
        bytes(range(256)),
        "14bbae48ce379d2cfd3c49d3f9f2cb856873820a52aa215b4998ee63845dd44f",
    ),
    ("", "json", b'"tea"', "0d27c6efaef469ef6983eb6391e4e3eddef296d8567c2183d155a41a2a6af402"),
    (
        "|today",
        "json",
        b'"tea"',
        "40b674b597244561afa222ccccdd02ca956149dc64cbfbf7396211e4ca837a38",
    ),
    (
        "session",
        "b64,zlib",
        b"",
        "048cf41424c1fc6a544d3c4b2dd935122a4b4f6cc7b70cb31e1b3bb7e047d506",
    ),
    (
        "session",
        "pickle",
        bytes(range(256)),
        "a89f494819a75a319b74d5730392bed3f9b61a0cb188f2a8f31d583b3ceae942",
    ),
]


@pytest.mark.parametrize(("sort", "label", "data", "signature"), SIGNED)
def test_signature(sort: str | None, label: str, data: bytes, signature: str) -> None:
    made = item(data, label, Key("cache:news", sort))
    codec(signing_keys=KEY).sign(made)
    assert bytes.fromhex(signature) == made.signature
    codec(signing_keys=("a-newer-key-of-20-by", KEY)).verify(made)
    with pytest.raises(PayloadError):
        codec(signing_keys="a-newer-key-of-20-by").verify(made)


def test_times_are_not_signed() -> None:
    made = item(b'"tea"', "json", Key("cache:news"))
    made.created_ms, made.deadline_ms, made.version, made.writer = 1, 2, 3, "token"
    codec(signing_keys=KEY).sign(made)
    assert made.signature == bytes.fromhex(SIGNED[0][3])


@pytest.mark.owasp("11.4.1")
def test_signature_with_a_key_derived_from_the_secret() -> None:
    """The key was derived with another implementation of HKDF."""
    made = item(b"\x80\x02}.", "b64", Key("sess:id"))
    codec(secret="a secret of the application").sign(made)
    assert (
        "fc4cf24673c17cd0ef0437e0852e4d298dee35453a51e852ff3723b09e486515"
        == (made.signature or b"").hex()
    )

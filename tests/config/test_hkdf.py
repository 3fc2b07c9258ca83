"""HKDF: the test vectors of RFC 5869 for SHA-256, and the keys of two purposes."""

from __future__ import annotations

import pytest

from beaker_dynamodb.config.hkdf import derive, purpose_key

#: Appendix A.1 to A.3: input key, salt, info, and the derived key in hex.
VECTORS = [
    (
        b"\x0b" * 22,
        bytes(range(13)),
        bytes(range(0xF0, 0xFA)),
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    ),
    (
        bytes(range(80)),
        bytes(range(0x60, 0xB0)),
        bytes(range(0xB0, 0x100)),
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
        "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
        "cc30c58179ec3e87c14c01d5c1f3434f1d87",
    ),
    (
        b"\x0b" * 22,
        bytes(32),
        b"",
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    ),
]


@pytest.mark.owasp("11.4.1")
@pytest.mark.parametrize(("secret", "salt", "info", "key"), VECTORS, ids=["A.1", "A.2", "A.3"])
def test_vectors_of_the_rfc(secret: bytes, salt: bytes, info: bytes, key: str) -> None:
    expected = bytes.fromhex(key)
    assert expected == derive(secret, salt, info, len(expected))


def test_each_purpose_and_secret_has_its_own_key() -> None:
    keys = {purpose_key(secret, purpose) for secret in ("one", "two") for purpose in ("a", "b")}
    assert 4 == len(keys)
    assert {32} == {len(key) for key in keys}

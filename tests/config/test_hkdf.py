"""HKDF: a test vector of RFC 5869 for SHA-256, and the keys of two purposes."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from beaker_dynamodb.config.hkdf import purpose_key


@pytest.mark.owasp("11.4.1")
def test_a_vector_of_the_rfc() -> None:
    """Appendix A.3, which has no salt and no purpose; the vector goes on after 32 bytes."""
    key = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
    assert bytes.fromhex(key) == purpose_key("\x0b" * 22, "")


@pytest.mark.parametrize("secret", ["a secret", "ü" * 200])
def test_keys_are_those_of_another_implementation(secret: str) -> None:
    hkdf = HKDF(SHA256(), length=32, salt=None, info=b"a purpose")
    assert hkdf.derive(secret.encode()) == purpose_key(secret, "a purpose")


def test_each_purpose_and_secret_has_its_own_key() -> None:
    keys = {purpose_key(secret, purpose) for secret in ("one", "two") for purpose in ("a", "b")}
    assert 4 == len(keys)

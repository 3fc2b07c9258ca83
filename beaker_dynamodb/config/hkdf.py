"""Derive keys from ``session.secret``: HKDF with SHA-256 (RFC 5869).

Each purpose has its own key. Knowing one says nothing about the secret and the other keys.
"""

from __future__ import annotations

import hmac

HASH, HASH_BYTES = "sha256", 32


def purpose_key(secret: str, purpose: str) -> bytes:
    """Return the key of 32 bytes for one purpose.

    :param secret: ``session.secret``, or one of ``previous_secrets``.
    :param purpose: any string; the same one always gives the same key.
    """
    return derive(secret.encode("utf-8", "surrogatepass"), purpose.encode())


def derive(secret: bytes, info: bytes, salt: bytes = b"", length: int = HASH_BYTES) -> bytes:
    """Return ``length`` bytes, 255 * 32 at most."""
    # RFC 5869, section 2.2: without a salt, zeros.
    extracted = hmac.digest(salt or bytes(HASH_BYTES), secret, HASH)
    derived = block = b""
    for counter in range(1, -(-length // HASH_BYTES) + 1):
        block = hmac.digest(extracted, block + info + bytes([counter]), HASH)
        derived += block
    return derived[:length]

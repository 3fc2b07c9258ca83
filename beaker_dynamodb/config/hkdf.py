"""Derive keys from ``session.secret``: HKDF with SHA-256 (RFC 5869).

Each purpose has its own key. Knowing one reveals nothing about the secret or the other keys.
"""

from __future__ import annotations

import hmac

HASH, HASH_BYTES = "sha256", 32


def purpose_key(secret: str, purpose: str) -> bytes:
    """Return the 32-byte key for one purpose.

    :param secret: ``session.secret``, or one of ``previous_secrets``.
    """
    # RFC 5869, section 2.2: an omitted salt is all zeros.
    return derive(secret.encode(), bytes(HASH_BYTES), purpose.encode(), HASH_BYTES)


def derive(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """Return ``length`` derived bytes, at most 255 * 32."""
    extracted = hmac.digest(salt, secret, HASH)
    derived = block = b""
    for counter in range(1, -(-length // HASH_BYTES) + 1):
        block = hmac.digest(extracted, block + info + bytes([counter]), HASH)
        derived += block
    return derived[:length]

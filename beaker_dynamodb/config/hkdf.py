"""Derive keys from ``session.secret``: HKDF with SHA-256 (RFC 5869).

Each purpose has its own key. Knowing one reveals nothing about the secret or the other keys.
"""

from __future__ import annotations

import hmac

HASH = "sha256"


def purpose_key(secret: str, purpose: str) -> bytes:
    """Return the 32-byte key for one purpose.

    :param secret: ``session.secret``, or one of ``previous_secrets``.
    :param purpose: any string; the same one always yields the same key.
    """
    # RFC 5869, section 2.2: without a salt, zeros, to which HMAC pads an empty key.
    extracted = hmac.digest(b"", secret.encode(), HASH)
    # Section 2.3: the first block, which is the whole key.
    return hmac.digest(extracted, purpose.encode() + b"\x01", HASH)

"""Signatures of the session cookie, with ``session.secret``.

============  ==================================================================================
issued by     cookie's value
============  ==================================================================================
this package  ``sha256.SIGNATURE.VALUE``; HMAC-SHA-256 of ``NAME=VALUE``, with a derived key
Beaker        ``SIGNATUREVALUE``; HMAC-SHA-1 of the value, with the secret itself
============  ==================================================================================

The two forms cannot be confused: Beaker's begins with a hexadecimal digit, which ``s`` is not.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from beaker_dynamodb.config.hkdf import purpose_key
from beaker_dynamodb.config.parse import parse

#: The purpose of the derived key.
PURPOSE = "beaker_dynamodb cookie"
_SHA_256 = re.compile(r"sha256\.([0-9a-f]{64})\.([0-9a-f.]{32,93})")
_SHA_1 = re.compile(r"([0-9a-f]{40})([0-9a-f.]{32,93})")


class CookieSignatures:
    """Signs the values of session cookies, and verifies them.

    :param secret: ``session.secret``; with None, cookies are neither signed nor verified.
    :param previous: secrets whose signatures are still accepted.
    :param form: the option ``cookie_signature``.
    """

    def __init__(self, secret: str | None, previous: Iterable[str], form: str) -> None:
        secrets = [] if secret is None else [secret, *previous]
        self._keys = [purpose_key(key, PURPOSE) for key in secrets]
        # The secret itself is Beaker's key.
        self._beaker_keys = [key.encode() for key in secrets]
        self._issues_beaker = form == "beaker"
        self._accepts_beaker = form != "sha256-only"

    def sign(self, name: str, value: str) -> str:
        """Return the signed cookie value to send to the browser."""
        if not self._keys:
            return value
        if self._issues_beaker:
            return _beaker_signature(self._beaker_keys[0], value) + value
        return f"sha256.{_signature(self._keys[0], name, value)}.{value}"

    def verify(self, name: str, signed: str) -> tuple[str, bool] | None:
        """Return the value of a cookie, and whether `sign` would sign it in the same way.

        :returns: None if the signature is missing or wrong.
        """
        if not self._keys:
            return signed, True
        if match := _SHA_256.fullmatch(signed):
            expected = [_signature(key, name, match[2]) for key in self._keys]
        elif self._accepts_beaker and (match := _SHA_1.fullmatch(signed)):
            expected = [_beaker_signature(key, match[2]) for key in self._beaker_keys]
        else:
            return None
        matches = [hmac.compare_digest(match[1], each) for each in expected]
        if not any(matches):
            return None
        return match[2], matches[0] and (match.re is _SHA_1) == self._issues_beaker


def _signature(key: bytes, name: str, value: str) -> str:
    return hmac.new(key, f"{name}={value}".encode(), "sha256").hexdigest()


def _beaker_signature(key: bytes, value: str) -> str:
    return hmac.new(key, value.encode(), "sha1").hexdigest()


def cookie_signatures(secret: Any, previous_secrets: Any, form: Any) -> CookieSignatures:
    """Return the `CookieSignatures` for unparsed options. Equal options share one object.

    :raises ConfigurationError: an option is invalid.
    """
    if isinstance(previous_secrets, list):
        previous_secrets = tuple(previous_secrets)
    return _cookie_signatures(secret, previous_secrets, form)


@lru_cache(maxsize=256)
def _cookie_signatures(secret: Any, previous_secrets: Any, form: Any) -> CookieSignatures:
    options = parse(
        {"secret": secret, "previous_secrets": previous_secrets, "cookie_signature": form}
    )
    return CookieSignatures(options.secret, options.previous_secrets, options.cookie_signature)

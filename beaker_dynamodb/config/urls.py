"""Endpoint URLs without credentials, which botocore never sends."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit, urlunsplit

from beaker_dynamodb.config.converters import string


def endpoint_url(value: Any) -> str:
    """Convert the option: remove user and password.

    :raises ValueError: not an http or https URL; the message does not quote it.
    """
    url = string(value)
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("must be a URL such as http://127.0.0.1:8000")
    return without_userinfo(url)


def without_userinfo(url: str) -> str:
    """Return a URL without user and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))

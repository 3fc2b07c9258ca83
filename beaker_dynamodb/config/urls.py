"""Check endpoint URLs and remove credentials from them."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

#: Shown instead of a secret.
HIDDEN = "***"


def endpoint_url(value: str) -> str:
    """Return an endpoint URL without user and password: botocore never sends them.

    :raises ValueError: it is not an http or https URL; the message does not quote it.
    """
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("must be a URL such as http://127.0.0.1:8000")
    return without_userinfo(value)


def has_userinfo(url: str) -> bool:
    """Return whether a URL contains a user or a password."""
    return "@" in urlsplit(url).netloc


def without_userinfo(url: str) -> str:
    """Return a URL without user and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def shown(url: str) -> str:
    """Return a URL without credentials for a repr or message, or ``***`` if they remain."""
    try:
        url = without_userinfo(url)
    except ValueError:
        return HIDDEN
    return HIDDEN if "@" in url else url

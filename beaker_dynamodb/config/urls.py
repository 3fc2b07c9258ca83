"""Addresses of endpoints: checked, and without the user and password that some carry."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

#: What is shown in place of an address that may hold a password.
HIDDEN = "***"


def endpoint_url(value: str) -> str:
    """Return an endpoint's address without user and password, which botocore never sends.

    :raises ValueError: it is not an http or https address; the message does not quote it.
    """
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("must be an address such as http://127.0.0.1:8000")
    return without_userinfo(value)


def has_userinfo(url: str) -> bool:
    """Return whether an address has a user or a password."""
    return "@" in urlsplit(url).netloc


def without_userinfo(url: str) -> str:
    """Return an address without user and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def shown(url: str) -> str:
    """Return what a repr or a message may show of an address."""
    try:
        url = without_userinfo(url)
    except ValueError:
        return HIDDEN
    return HIDDEN if "@" in url else url

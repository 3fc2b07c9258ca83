"""Find the session cookies in a ``Cookie`` header, whatever else the header contains.

`http.cookies` discards the whole header if another program's cookie is malformed, and takes
quadratic time on some input (CVE-2024-7592). WebOb may find a cookie inside another cookie's value.
Browsers separate cookies with ``;``, which no name or value contains (RFC 6265, section 4.2), so
splitting there is exact and linear.
"""

from __future__ import annotations

import re
import secrets
from itertools import islice

from beaker_dynamodb.wsgi.cookie_signature import CookieSignatures

#: The value of a session cookie: an id from `new_id` or from Beaker, optionally followed by the
#: data version and its write time in epoch seconds (session_item.py). Applications may choose other
#: ids for sessions without a cookie; no browser can open those. A new form of id must be accepted
#: one release before it is issued: during an upgrade, servers of both versions receive both forms.
COOKIE_VALUE = re.compile(r"([0-9a-f]{64}|[0-9a-f]{32})(?:\.([0-9]{1,15})\.([0-9]{1,12}))?")

#: Maximum number of session cookies to look up in a request. Each costs a read.
MAX_CANDIDATES = 3


def new_id() -> str:
    """Return a fresh session id: 64 hexadecimal digits, 256 random bits."""
    return secrets.token_hex(32)


def cookie_values(header: str | None, name: str) -> list[str]:
    """Return the values of all cookies with this name, in the order of the header.

    A browser sends the cookie with the longest path first, then the oldest.

    :param header: WSGI's ``HTTP_COOKIE``, or None.
    """
    values = []
    for cookie in (header or "").split(";"):
        found, equals, value = cookie.partition("=")
        if equals and found.strip(" \t") == name:
            values.append(_unquoted(value.strip(" \t")))
    return values


def candidates(header: str | None, name: str, signatures: CookieSignatures) -> dict[str, bool]:
    """Return the distinct valid values of a request's session cookies, up to `MAX_CANDIDATES`.

    A browser sends several cookies with one name if they were set for different domains or paths.

    :returns: the values in the order of the header. Each is mapped to True if a new cookie would
        be signed in the same way, otherwise False.
    """
    found: dict[str, bool] = {}
    for signed in cookie_values(header, name):
        verified = signatures.verify(name, signed)
        if verified is not None and COOKIE_VALUE.fullmatch(verified[0]):
            value, current = verified
            found[value] = found.get(value, False) or current
    return dict(islice(found.items(), MAX_CANDIDATES))


def _unquoted(value: str) -> str:
    # Ids and signatures need no quotes, but a proxy may add them.
    quoted = len(value) >= 2 and value[0] == value[-1] == '"'
    return value[1:-1] if quoted else value

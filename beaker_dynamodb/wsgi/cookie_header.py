"""Find the session cookies in a ``Cookie`` header, whatever else the header contains.

`http.cookies` discards the whole header for one malformed cookie of another program, and takes
quadratic time on some (CVE-2024-7592). WebOb finds a cookie inside the value of another. Browsers
separate cookies with ``;``, which no name or value contains (RFC 6265, section 4.2), so splitting
there is exact and linear.
"""

from __future__ import annotations

import re
import uuid

from beaker.session import SignedCookie

#: The value of a session cookie: an id in Beaker's form, optionally followed by the data version
#: and its write time in epoch seconds (version_cookie.py). Programs may choose other ids for
#: sessions without a cookie; no browser can open those. A later version that issues ids of another
#: form must accept that form one release earlier: during an upgrade, servers of both versions
#: receive both.
COOKIE_VALUE = re.compile(r"([0-9a-f]{32})(?:\.([0-9]{1,15})\.([0-9]{1,12}))?")

#: How many session cookies of one request are looked up in the store; each costs a read.
MAX_CANDIDATES = 3


def new_id() -> str:
    """Return a fresh session id in Beaker's form: 32 hexadecimal digits, 122 random bits."""
    return uuid.uuid4().hex


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


def candidates(header: str | None, name: str, secret: str | None) -> list[str]:
    """Return the distinct well-formed values of a request's session cookies, at most three.

    A browser sends several cookies of one name if they were set for different domains or paths.

    :param secret: Beaker's ``session.secret``; if set, unsigned cookies are ignored.
    """
    values = cookie_values(header, name)
    if secret:
        verify = SignedCookie(secret).value_decode
        # A wrong signature gives a false value.
        values = [value for value, _ in map(verify, values) if value]
    return list(dict.fromkeys(filter(COOKIE_VALUE.fullmatch, values)))[:MAX_CANDIDATES]


def _unquoted(value: str) -> str:
    # Ids and signatures need no quotes, but a proxy may add them.
    quoted = len(value) >= 2 and value[0] == value[-1] == '"'
    return value[1:-1] if quoted else value

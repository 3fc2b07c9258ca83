"""Find the session cookie in a ``Cookie`` header, whatever else the header holds.

`http.cookies` discards the whole header for one odd cookie of another program, and takes quadratic
time on some (CVE-2024-7592). WebOb finds a cookie inside the value of another. Browsers separate
cookies with ``;``, which no name or value contains (RFC 6265, section 4.2), so splitting there is
exact and linear.
"""

from __future__ import annotations

import re
import uuid

from beaker.session import InvalidSignature, SignedCookie

#: What a cookie of ours says: an id as Beaker makes them and, under ``consistent_read = auto``, a
#: version and when that was written, in epoch seconds. A program may choose other ids for sessions
#: without a cookie; no browser can open those. A later version that issues ids of another form must
#: accept that form one release earlier: during an upgrade, servers of both versions meet both.
ISSUED = re.compile(r"([0-9a-f]{32})(?:\.([0-9]{1,15})\.([0-9]{1,12}))?")

#: Session cookies of one request that are looked up in the store; each costs a read.
MAX_CANDIDATES = 3


def new_id() -> str:
    """Return a fresh session id in Beaker's form: 32 hexadecimal digits, 122 random bits."""
    return uuid.uuid4().hex


def cookie_values(header: str | None, name: str) -> list[str]:
    """Return the values of all cookies with this name, in the header's order.

    A browser sends the cookie with the longest path first, and of equal paths the oldest.

    :param header: as WSGI has it in ``HTTP_COOKIE``; None if there is none.
    """
    values = []
    for cookie in (header or "").split(";"):
        found, equals, value = cookie.partition("=")
        if equals and found.strip(" \t") == name:
            values.append(_unquoted(value.strip(" \t")))
    return values


def candidates(header: str | None, name: str, secret: str | None) -> list[str]:
    """Return what the session cookies of a request say, each once, three at most.

    A browser sends several cookies of one name where they were set for different domains or paths.

    :param secret: Beaker's ``session.secret``; if it is set, the cookies must be signed with it.
    """
    values = cookie_values(header, name)
    if secret:
        verify = SignedCookie(secret).value_decode
        values = [id for id, _ in map(verify, values) if id and id is not InvalidSignature]
    return list(dict.fromkeys(filter(ISSUED.fullmatch, values)))[:MAX_CANDIDATES]


def _unquoted(value: str) -> str:
    # No id or signature needs quotes, but a proxy may have added them.
    quoted = len(value) >= 2 and value[0] == value[-1] == '"'
    return value[1:-1] if quoted else value

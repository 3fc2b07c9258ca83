"""The response headers that a session adds."""

from __future__ import annotations

from collections.abc import Iterable

from beaker_dynamodb.wsgi.session_object import SessionObject

Headers = list[tuple[str, str]]


def with_session(headers: Iterable[tuple[str, str]], session: SessionObject) -> Headers:
    """Return a copy of the application's headers with the session's headers added.

    - ``Vary: Cookie``, if the session was read;
    - ``Set-Cookie``, if there is a cookie to set;
    - ``Cache-Control: no-store`` with it, unless the application sets ``Cache-Control``.
    """
    merged = [*headers]
    if session.depends_on_cookie:
        _vary_by_cookie(merged)
    cookies = session.cookies_to_set
    if cookies:
        merged += [("Set-Cookie", cookie) for cookie in cookies]
        if not any(name.lower() == "cache-control" for name, _ in merged):
            merged.append(("Cache-Control", "no-store"))
    return merged


def _vary_by_cookie(headers: Headers) -> None:
    last = None
    for index, (name, value) in enumerate(headers):
        if name.lower() == "vary":
            if {"cookie", "*"} & {field.strip().lower() for field in value.split(",")}:
                return
            last = index
    if last is None:
        headers.append(("Vary", "Cookie"))
    else:
        name, value = headers[last]
        headers[last] = (name, f"{value}, Cookie" if value.strip() else "Cookie")

"""A store that did not answer is not asked again by the same request, for 5 seconds at most.

A request is known by Beaker's lazy session object (`SessionObject`), which exists once per request
under either middleware, or by its session. Beaker hands neither to a backend, and if loading fails
no session is left to remember anything. So the objects are looked up on the call stack, but only
after a call went unanswered: the ordinary path costs one comparison. A session without a cookie
belongs to no request; the program that opened it may try again when it likes.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.exceptions import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

#: The clock, in seconds; tests replace it.
monotonic = time.monotonic
#: How long a request remembers. A streamed response may last for hours.
MEMORY_SECONDS = 5.0

#: The name of the attribute, of such an object, that holds the time of the unanswered call.
_MARK = "_beaker_dynamodb_unanswered_at"
#: Until then some request of this process may be marked.
_marked_until = float("-inf")


def note(error: StoreUnavailable) -> None:
    """Mark the current request if DynamoDB did not answer it at all."""
    global _marked_until
    if error.aws_code is not None:
        return
    now = monotonic()
    for attributes in _request():
        attributes[_MARK] = now
        _marked_until = now + MEMORY_SECONDS


def check(operation: str, table: str) -> None:
    """Refuse a call of a request that got no answer a moment ago.

    :raises StoreUnavailable: a new exception each time.
    """
    now = monotonic()
    if now >= _marked_until:
        return
    marks = [attributes[_MARK] for attributes in _request() if _MARK in attributes]
    if marks and (seconds := now - max(marks)) < MEMORY_SECONDS:
        raise StoreUnavailable(
            f"{operation} on table {table!r}: not sent, because DynamoDB did not answer this "
            f"request {seconds:.1f} s ago. The same request can try again "
            f"{MEMORY_SECONDS - seconds:.1f} s from now, another one at once",
            operation=operation,
            table=table,
        )


def _request() -> Iterator[dict[str, Any]]:
    """Yield the attributes of the session objects that called this code."""
    from beaker.session import Session, SessionObject

    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        names = frame.f_code.co_varnames
        if names and names[0] == "self":
            owner = frame.f_locals.get("self")
            # Not isinstance: it would ask a proxy of another library for its __class__.
            kind = type(owner)
            if issubclass(kind, SessionObject) or (
                issubclass(kind, Session) and vars(owner).get("use_cookies")
            ):
                yield vars(owner)
        frame = frame.f_back

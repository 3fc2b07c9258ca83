"""After an unanswered call, the same request sends no other call for up to 5 seconds.

A request is identified by Beaker's lazy session object (`SessionObject`), which both middlewares
create once per request, or by its session. Beaker passes neither to a backend, and if loading
fails, no session remains. So the objects are searched on the call stack, but only after a call went
unanswered: ordinary calls cost one comparison. A session without a cookie belongs to no request;
its program may try again at any time.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.exceptions import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

#: Seconds. Tests replace it.
monotonic = time.monotonic
#: How long a request sends no calls. It may last for hours, if its response is streamed.
MEMORY_SECONDS = 5.0

#: The attribute of these objects that holds the time of the unanswered call.
_MARK = "_beaker_dynamodb_unanswered_at"
#: No request of this process is marked after this time.
_marked_until = float("-inf")


def note(error: StoreUnavailable) -> None:
    """Mark the current request if DynamoDB did not answer at all."""
    global _marked_until
    if error.aws_code is not None:
        return
    now = monotonic()
    for attributes in _request():
        attributes[_MARK] = now
        _marked_until = now + MEMORY_SECONDS


def check(operation: str, table: str) -> None:
    """Refuse a call if the current request is marked.

    :raises StoreUnavailable: the request got no answer a moment ago.
    """
    now = monotonic()
    if now >= _marked_until:
        return
    marks = [attributes[_MARK] for attributes in _request() if _MARK in attributes]
    if marks and (seconds := now - max(marks)) < MEMORY_SECONDS:
        raise StoreUnavailable(
            f"{operation} on table {table!r}: not sent, because DynamoDB did not answer this "
            f"request {seconds:.1f} s ago. The same request can try again in "
            f"{MEMORY_SECONDS - seconds:.1f} s, another one at once",
            operation=operation,
            table=table,
        )


def _request() -> Iterator[dict[str, Any]]:
    """Yield the attributes of the session objects on the call stack."""
    from beaker.session import Session, SessionObject

    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        names = frame.f_code.co_varnames
        if names and names[0] == "self":
            owner = frame.f_locals.get("self")
            # Not isinstance, which would trigger the proxies of other libraries (__class__).
            kind = type(owner)
            if issubclass(kind, SessionObject) or (
                issubclass(kind, Session) and vars(owner).get("use_cookies")
            ):
                yield vars(owner)
        frame = frame.f_back

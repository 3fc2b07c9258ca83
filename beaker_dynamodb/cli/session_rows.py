"""Print sessions, each as a line or a JSON object.

The digest of a session's id is shown, as in the log. The id itself is as good as a password, so it
is shown only on request.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from beaker_dynamodb.cli.capacity import Capacity
from beaker_dynamodb.cli.console import counted, printable
from beaker_dynamodb.cli.times import iso
from beaker_dynamodb.sessions.stored_session import StoredSession

#: Length of a time such as 2026-11-24T04:23:41Z.
_WIDTH = 20


def described(session: StoredSession, *, show_id: bool = False) -> dict[str, Any]:
    """Return a session as a dict for JSON output."""
    return {
        "digest": session.digest,
        **({"id": session.id} if show_id else {}),
        "created": iso(session.created),
        "used": iso(session.accessed),
        "expires": iso(session.expires),
        "special": {
            name: b64encode(value).decode() if isinstance(value, bytes) else value
            for name, value in session.special.items()
        },
    }


def print_rows(found: Iterable[StoredSession], *, show_ids: bool = False) -> None:
    """Print a table row by row, as the sessions are found."""
    name, width = ("id", 32) if show_ids else ("digest", 17)
    for number, session in enumerate(found):
        if number == 0:
            times = "  ".join(f"{word:{_WIDTH}}" for word in ("created", "used", "expires"))
            click.echo(f"{name:{width}}  {times}  special keys")
        special = ", ".join(f"{name}={value}" for name, value in session.special.items())
        words = [f"{session.id if show_ids else session.digest:{width}}"]
        for time in (session.created, session.accessed, session.expires):
            words.append(f"{iso(time) or '-':{_WIDTH}}")
        click.echo(printable("  ".join([*words, special]).rstrip()))


@contextmanager
def summary(
    found: Iterable[StoredSession], done: str, used: Capacity
) -> Iterator[Iterator[StoredSession]]:
    """Yield the sessions; then print the number on stderr; after an error, only if it is not 0.

    :param done: what was done to them: "revoked".
    """
    number = 0

    def counting() -> Iterator[StoredSession]:
        nonlocal number
        for session in found:
            number += 1
            yield session

    failed = True
    try:
        yield counting()
        failed = False
    finally:
        # If nothing was done before an error, the error message is enough.
        if number or not failed:
            click.echo(f"{counted(number, 'session')} {done}; {used} used.", err=True)

"""Find the sessions that the command line selects by ``--where KEY=VALUE``, id or digest."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Mapping
from contextlib import closing
from decimal import Decimal, InvalidOperation
from typing import Any

import click

from beaker_dynamodb.cli.command import Failed
from beaker_dynamodb.cli.settings import Settings
from beaker_dynamodb.config import converters
from beaker_dynamodb.exceptions import SpecialKeyError
from beaker_dynamodb.items.special_keys import SpecialKeys
from beaker_dynamodb.sessions.session_store import SessionStore
from beaker_dynamodb.sessions.stored_session import StoredSession

_DIGEST = re.compile(r"@[0-9a-f]{16}")

where_flag = click.option(
    "--where",
    multiple=True,
    metavar="KEY=VALUE",
    help="Only sessions with this special key; repeatable. At least one key must have an index.",
)


def conditions(settings: Settings, where: tuple[str, ...]) -> dict[str, Any]:
    """Convert ``KEY=VALUE`` to the types of the option ``special_keys``.

    :raises click.UsageError: a key is not in the option, or a value has the wrong type.
    """
    types = settings.options.special_types
    converted: dict[str, Any] = {}
    for word in where:
        name, equals, value = word.partition("=")
        if not equals:
            raise click.UsageError(f"--where {word!r} is not KEY=VALUE")
        if name not in types:
            raise click.UsageError(f"--where: {name!r} is not in the option special_keys")
        try:
            converted[name] = _convert(types[name], value)
            SpecialKeys(settings.options).attribute(name, converted[name])
        except (ValueError, SpecialKeyError) as error:
            raise click.UsageError(f"--where {word!r}: {error}") from None
    return converted


def _convert(kind: str, value: str) -> Any:
    if kind == "N":
        try:
            return Decimal(value)
        except InvalidOperation:
            raise ValueError("is not a number") from None
    if kind == "BOOL":
        return converters.boolean(value)
    return value.encode() if kind == "B" else value


def read_id(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Return the argument ID; ``-`` reads it from stdin."""
    return sys.stdin.readline().strip() if value == "-" else value


def is_digest(session_id: str) -> bool:
    """Return whether an argument is a digest. DynamoDB cannot look up a session by its digest."""
    return bool(_DIGEST.fullmatch(session_id))


def find(
    store: SessionStore,
    names: Collection[str],
    special: Mapping[str, Any],
    *,
    consistent: bool = True,
) -> list[StoredSession]:
    """Return the sessions with these ids or digests.

    :param special: special keys that narrow the search for digests; if empty, the table is scanned.
    :raises Failed: a session does not exist or has expired.
    """
    found = [store.get(name, consistent=consistent) for name in names if not is_digest(name)]
    wanted = set(filter(is_digest, names))
    if wanted:
        with closing(store.sessions(special)) as listed:
            for session in listed:
                if session.digest in wanted:
                    wanted.remove(session.digest)
                    found.append(session)
                    if not wanted:
                        break
    if wanted or None in found:
        raise Failed("the session does not exist or has expired")
    return [session for session in found if session is not None]

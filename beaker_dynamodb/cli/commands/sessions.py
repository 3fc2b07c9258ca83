"""`beaker-dynamodb sessions list`, `show` and `revoke`.

Whoever has a session's id has the session: ids are shown only where that was asked for. What
stands in their place is a digest, the one that our log lines have; `show` and `revoke` take it too.
"""

from __future__ import annotations

import hashlib
import re
import sys
from base64 import b64encode
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import click

from beaker_dynamodb.cli.capacity import Capacity
from beaker_dynamodb.cli.console import counted, print_json, print_paged, printable
from beaker_dynamodb.cli.describe import described_session
from beaker_dynamodb.cli.frame import Failed, LazyGroup, command, json_flag, verbose_flag
from beaker_dynamodb.cli.settings import Settings
from beaker_dynamodb.cli.settings_flags import with_settings
from beaker_dynamodb.config import converters
from beaker_dynamodb.dynamodb.client import ClientSource
from beaker_dynamodb.exceptions import SpecialKeyError
from beaker_dynamodb.items.keys import key_bytes
from beaker_dynamodb.items.special_keys import SpecialKeys
from beaker_dynamodb.sessions.session_store import SessionStore
from beaker_dynamodb.sessions.stored_session import StoredSession

_DIGEST = re.compile(r"@[0-9a-f]{16}")


@click.group(
    cls=LazyGroup,
    commands_in={
        "list": ("sessions:list_", "List the sessions that are alive."),
        "show": ("sessions:show", "Show one session."),
        "revoke": ("sessions:revoke", "End sessions: log somebody out."),
    },
    example="sessions list --ini production.ini --where userId=42",
)
@verbose_flag
def sessions() -> None:
    """List sessions, look at one, end some."""


where_flag = click.option(
    "--where",
    multiple=True,
    metavar="KEY=VALUE",
    help="Sessions that have this special key, one of index_keys; repeat it to narrow down.",
)


@command(
    "list",
    example="sessions list --ini production.ini --where userId=42\n"
    "sessions list --ini production.ini --limit 100 --json",
)
@where_flag
@click.option("--limit", type=click.IntRange(1), metavar="NUMBER", help="Stop after so many.")
@click.option("--show-ids", is_flag=True, help="Show ids: whoever has one has the session.")
@json_flag
@with_settings
def list_(
    settings: Settings,
    where: tuple[str, ...],
    limit: int | None,
    show_ids: bool,
    as_json: bool,
) -> None:
    """List the sessions that are alive; no payload, and a digest (@...) in place of each id.

    With --where this is a Query of an index; without, it reads the whole table. A digest is the
    same as in the log, and `show` and `revoke` take it. Times are UTC; "used" is as exact as the
    option touch_interval.
    """
    number = 0

    def found() -> Iterator[StoredSession]:
        nonlocal number
        for session in _store(settings).sessions(_conditions(settings, where)):
            if number == limit:
                return
            number += 1
            yield session

    with Capacity(ClientSource(settings.existing)()) as used:
        if as_json:
            listed = [_as_json(session, show_ids) for session in found()]
            print_json({"sessions": listed, "capacity_units": used.as_json()})
            return
        print_paged(_lines(found(), show_ids))
    click.echo(f"{counted(number, 'session', 'sessions')} listed; {used} used.", err=True)


@command(
    "show",
    example="sessions show @3f1c0a9b52d47e60 --ini production.ini --where userId=42\n"
    "sessions show - --ini production.ini --payload < file-with-an-id",
)
@click.argument("session_id", metavar="ID")
@where_flag
@click.option("--payload", is_flag=True, help="Show what is in the session as well.")
@json_flag
@with_settings
def show(
    settings: Settings, session_id: str, where: tuple[str, ...], payload: bool, as_json: bool
) -> None:
    """Show one session: its times and special keys, and with --payload what is in it.

    ID is the session's id, its digest (@...) as `list` shows it, or - to read it from stdin,
    which no list of processes shows. A digest is looked for in the whole table, or with --where in
    an index. A pickle is described, and nothing in it is run.
    """
    with Capacity(ClientSource(settings.existing)()) as used:
        session = _find(settings, session_id, where)
        described = described_session(session.text()) if payload else None
    answer = _as_json(session, False)
    if described is not None:
        answer |= {"format": described.format, "payload": described.value}
    if as_json:
        print_json({**answer, "capacity_units": used.as_json()})
        return
    special = answer.pop("special")
    answer.pop("payload", None)
    for name, value in {**answer, **special}.items():
        shown = "" if value is None else str(value)
        click.echo(f"{printable(name):10}  {printable(shown)}")
    if described is not None and described.value is not None:
        print_json(described.value)
    click.echo(f"{used} used.", err=True)


@command(
    "revoke",
    example="sessions revoke --ini production.ini --where userId=42\n"
    "sessions revoke --ini production.ini --where userId=42 --keep @3f1c0a9b52d47e60\n"
    "sessions revoke @3f1c0a9b52d47e60 --ini production.ini",
)
@click.argument("session_id", metavar="[ID]", required=False)
@where_flag
@click.option("--keep", multiple=True, metavar="ID", help="Not this one; any number.")
@json_flag
@with_settings
def revoke(
    settings: Settings,
    session_id: str | None,
    where: tuple[str, ...],
    keep: tuple[str, ...],
    as_json: bool,
) -> None:
    """End one session by its id or digest, or all that have a special key.

    No request in flight brings one back. ID is as for `show`.
    """
    if session_id is None and not where:
        raise click.UsageError("name a session, or --where KEY=VALUE")
    if session_id is not None and keep:
        raise click.UsageError("--keep goes with --where only")
    store = _store(settings)
    with Capacity(ClientSource(settings.existing)()) as used:
        if session_id is not None:
            ended = int(store.delete(_find(settings, session_id, where)))
        else:
            kept = [_find(settings, one, where) for one in keep]
            ended = store.revoke(_conditions(settings, where), keep=kept)
    if as_json:
        print_json({"revoked": ended, "capacity_units": used.as_json()})
    else:
        click.echo(f"{counted(ended, 'session', 'sessions')} revoked; {used} used.")


# -- parts ----------------------------------------------------------------------------------------


def digest(session: StoredSession) -> str:
    """Give what stands for a session's id: 16 hexadecimal digits of its SHA-256, as in the log."""
    if session.hashed:
        return f"@{session.id.lstrip('%#')[:16]}"
    return f"@{hashlib.sha256(key_bytes(session.id)).hexdigest()[:16]}"


def _store(settings: Settings) -> SessionStore:
    return SessionStore(**{**settings.given, "create_table": False})


def _find(settings: Settings, session_id: str, where: tuple[str, ...]) -> StoredSession:
    """Find one session by id or digest.

    :raises Failed: there is none.
    """
    if session_id == "-":
        session_id = sys.stdin.readline().strip()
    store = _store(settings)
    found: StoredSession | None
    if _DIGEST.fullmatch(session_id):
        listed = store.sessions(_conditions(settings, where))
        found = next((one for one in listed if digest(one) == session_id), None)
    else:
        found = store.get(session_id)
    if found is None:
        raise Failed("there is no such session, or it has expired")
    return found


def _conditions(settings: Settings, where: tuple[str, ...]) -> dict[str, Any]:
    types = dict(settings.options.special_keys)
    conditions: dict[str, Any] = {}
    for text in where:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.UsageError(f"--where {text!r} is not KEY=VALUE")
        if name not in types:
            raise click.UsageError(f"--where: {name!r} is none of the option special_keys")
        try:
            conditions[name] = _cast(types[name], value)
            SpecialKeys(settings.options).attribute(name, conditions[name])
        except (ValueError, SpecialKeyError) as error:
            raise click.UsageError(f"--where {text!r}: {error}") from None
    return conditions


def _cast(kind: str, text: str) -> Any:
    if kind == "N":
        try:
            return Decimal(text)
        except InvalidOperation:
            raise ValueError("is no number") from None
    if kind == "BOOL":
        return converters.boolean(text)
    return text.encode() if kind == "B" else text


def _as_json(session: StoredSession, show_ids: bool) -> dict[str, Any]:
    shown = {"id": session.id} if show_ids else {}
    times = {
        "created": session.created,
        "used": session.accessed,
        "expires": session.expires,
    }
    return {
        "digest": digest(session),
        **shown,
        **{name: time and time.isoformat(timespec="seconds") for name, time in times.items()},
        "special": {
            name: b64encode(value).decode() if isinstance(value, bytes) else value
            for name, value in session.special.items()
        },
    }


def _lines(found: Iterator[StoredSession], show_ids: bool) -> Iterator[str]:
    names = ["id" if show_ids else "digest", "created", "used", "expires", "special keys"]
    width = 32 if show_ids else 17
    for number, session in enumerate(found):
        if not number:
            yield f"{names[0]:{width}}  {names[1]:19}  {names[2]:19}  {names[3]:19}  {names[4]}"
        times = (session.created, session.accessed, session.expires)
        special = ", ".join(f"{name}={value}" for name, value in session.special.items())
        shown = session.id if show_ids else digest(session)
        words = [f"{shown:{width}}", *map(_moment, times), special]
        yield printable("  ".join(words).rstrip())


def _moment(time: datetime | None) -> str:
    return f"{'-' if time is None else f'{time:%Y-%m-%d %H:%M:%S}':19}"

"""`beaker-dynamodb sessions list`, `show` and `revoke`.

A session's id is as good as a password, so ids are shown on request only. Their place takes the
digest that log lines show; `show` and `revoke` accept it.
"""

from __future__ import annotations

import re
import sys
from base64 import b64encode
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

import click

from beaker_dynamodb.cli.capacity import Capacity
from beaker_dynamodb.cli.command import VERBOSE, Failed, command, examples, json_flag
from beaker_dynamodb.cli.console import counted, print_json, print_paged, printable
from beaker_dynamodb.cli.describe import describe_session
from beaker_dynamodb.cli.flags import with_settings
from beaker_dynamodb.cli.settings import Settings
from beaker_dynamodb.cli.where import conditions, where_flag
from beaker_dynamodb.dynamodb.client import ClientSource
from beaker_dynamodb.items.keys import short_hash
from beaker_dynamodb.sessions.session_store import SessionStore
from beaker_dynamodb.sessions.stored_session import StoredSession

_DIGEST = re.compile(r"@[0-9a-f]{16}")


@click.group(
    "sessions",
    params=[VERBOSE],
    epilog=examples("sessions list --ini production.ini --where userId=42"),
)
def sessions() -> None:
    """List, show and revoke sessions."""


@sessions.add_command
@command(
    "list",
    example="sessions list --ini production.ini --where userId=42\n"
    "sessions list --ini production.ini --limit 100 --json",
)
@where_flag
@click.option("--limit", type=click.IntRange(1), metavar="NUMBER", help="Stop after NUMBER rows.")
@click.option("--show-ids", is_flag=True, help="Show ids. An id gives access to its session.")
@json_flag
@with_settings
def list_(
    settings: Settings,
    where: tuple[str, ...],
    limit: int | None,
    show_ids: bool,
    as_json: bool,
) -> None:
    """List the live sessions; no payload, and a digest (@...) in place of each id.

    With --where this is a Query of an index; without, it reads the whole table. The digest is the
    one in the log; `show` and `revoke` accept it. Times are UTC; "used" is as exact as the option
    touch_interval.
    """
    with Capacity(ClientSource(settings.existing)()) as used:
        found = islice(_store(settings).sessions(conditions(settings, where)), limit)
        if as_json:
            listed = [_as_json(session, show_ids) for session in found]
            print_json({"sessions": listed, "capacity_units": used.as_json()})
            return
        rows = _Rows(found, show_ids)
        print_paged(rows)
    click.echo(f"{counted(rows.count, 'session', 'sessions')} listed; {used} used.", err=True)


@sessions.add_command
@command(
    "show",
    example="sessions show @3f1c0a9b52d47e60 --ini production.ini --where userId=42\n"
    "sessions show - --ini production.ini --payload < file-with-an-id",
)
@click.argument("session_id", metavar="ID")
@where_flag
@click.option("--payload", is_flag=True, help="Show what the session contains too.")
@json_flag
@with_settings
def show(
    settings: Settings, session_id: str, where: tuple[str, ...], payload: bool, as_json: bool
) -> None:
    """Show one session: its times, its special keys, and with --payload what it contains.

    ID is the session's id, its digest (@...) as `list` shows it, or - to read the id from stdin,
    which keeps it out of process lists. A digest is searched in the whole table, or with --where
    in an index. No pickle is run; an object is shown as the name of its class.
    """
    with Capacity(ClientSource(settings.existing)()) as used:
        session = _find(settings, session_id, where)
        form, value = describe_session(session.text()) if payload else (None, None)
    answer = _as_json(session, show_id=False)
    if payload:
        answer["format"] = form
    if as_json:
        shown = {"payload": value} if payload else {}
        print_json({**answer, **shown, "capacity_units": used.as_json()})
        return
    special = answer.pop("special")
    for name, content in {**answer, **special}.items():
        click.echo(f"{printable(name):10}  {'' if content is None else printable(str(content))}")
    if value is not None:
        print_json(value)
    click.echo(f"{used} used.", err=True)


@sessions.add_command
@command(
    "revoke",
    example="sessions revoke --ini production.ini --where userId=42\n"
    "sessions revoke --ini production.ini --where userId=42 --keep @3f1c0a9b52d47e60\n"
    "sessions revoke @3f1c0a9b52d47e60 --ini production.ini",
)
@click.argument("session_id", metavar="[ID]", required=False)
@where_flag
@click.option("--keep", multiple=True, metavar="ID", help="Keep this session; repeatable.")
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

    Requests in flight cannot bring a session back. ID is the same as for `show`.
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
            ended = store.revoke(conditions(settings, where), keep=kept)
    if as_json:
        print_json({"revoked": ended, "capacity_units": used.as_json()})
    else:
        click.echo(f"{counted(ended, 'session', 'sessions')} revoked; {used} used.")


# -- finding --------------------------------------------------------------------------------------


def _store(settings: Settings) -> SessionStore:
    return SessionStore(**{**settings.given, "create_table": False})


def _find(settings: Settings, session_id: str, where: tuple[str, ...]) -> StoredSession:
    """Find one session by id or digest.

    :raises Failed: it does not exist.
    """
    if session_id == "-":
        session_id = sys.stdin.readline().strip()
    store = _store(settings)
    found: StoredSession | None
    if _DIGEST.fullmatch(session_id):
        listed = store.sessions(conditions(settings, where))
        found = next((one for one in listed if digest(one) == session_id), None)
    else:
        found = store.get(session_id)
    if found is None:
        raise Failed("there is no such session, or it has expired")
    return found


# -- output ---------------------------------------------------------------------------------------


def digest(session: StoredSession) -> str:
    """Return the first 16 hexadecimal digits of the id's SHA-256, as log lines show it."""
    if session.hashed:
        return f"@{session.id.lstrip('%#')[:16]}"
    return f"@{short_hash(session.id)}"


def _as_json(session: StoredSession, show_id: bool) -> dict[str, Any]:
    times = {"created": session.created, "used": session.accessed, "expires": session.expires}
    return {
        "digest": digest(session),
        **({"id": session.id} if show_id else {}),
        **{name: time and time.isoformat(timespec="seconds") for name, time in times.items()},
        "special": {
            name: b64encode(value).decode() if isinstance(value, bytes) else value
            for name, value in session.special.items()
        },
    }


class _Rows:
    """The lines of a list; ``count`` is the number of sessions in it so far."""

    def __init__(self, found: Iterator[StoredSession], show_ids: bool) -> None:
        self._found = found
        self._show_ids = show_ids
        self.count = 0

    def __iter__(self) -> Iterator[str]:
        name, width = ("id", 32) if self._show_ids else ("digest", 17)
        for session in self._found:
            if not self.count:
                yield f"{name:{width}}  {'created':19}  {'used':19}  {'expires':19}  special keys"
            self.count += 1
            times = (session.created, session.accessed, session.expires)
            special = ", ".join(f"{name}={value}" for name, value in session.special.items())
            shown = session.id if self._show_ids else digest(session)
            words = [f"{shown:{width}}", *map(_time, times), special]
            yield printable("  ".join(words).rstrip())


def _time(time: datetime | None) -> str:
    return f"{'-' if time is None else f'{time:%Y-%m-%d %H:%M:%S}':19}"

"""`beaker-dynamodb sessions revoke` and `erase`."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import click

from beaker_dynamodb.backend import Backend
from beaker_dynamodb.cli.command import command, confirm, json_flag, yes_flag
from beaker_dynamodb.cli.console import counted, print_json
from beaker_dynamodb.cli.flags import with_settings
from beaker_dynamodb.cli.scans import metered
from beaker_dynamodb.cli.session_rows import described, print_rows, summary
from beaker_dynamodb.cli.settings import Settings
from beaker_dynamodb.cli.times import with_period
from beaker_dynamodb.cli.where import conditions, find, is_digest, read_id, where_flag
from beaker_dynamodb.config.options import Options
from beaker_dynamodb.dynamodb.expressions import Condition
from beaker_dynamodb.items.keys import Keys
from beaker_dynamodb.sessions.session_store import SessionStore
from beaker_dynamodb.sessions.stored_session import StoredSession

ROTATE = (
    "Rotate session.secret first, and signing_keys if they leaked too, and restart the "
    "application. Until then, new sessions are as exposed as those revoked here."
)


@command(
    "revoke",
    changes=True,
    example="sessions revoke --ini production.ini --where userId=42 --dry-run\n"
    "sessions revoke --ini production.ini --where userId=42 --keep @3f1c0a9b52d47e60\n"
    "sessions revoke @3f1c0a9b52d47e60 --ini production.ini\n"
    "sessions revoke --all --ini production.ini",
)
@click.argument("session_id", metavar="[ID]", required=False, callback=read_id)
@where_flag
@click.option(
    "--all",
    "all_",
    is_flag=True,
    help="End all sessions, after a secret leaked. Rotate session.secret first.",
)
@click.option("--keep", multiple=True, metavar="ID", help="Keep this session; repeatable.")
@with_period
@click.option("--dry-run", is_flag=True, help="Only list the sessions that would end.")
@yes_flag
@json_flag
@with_settings
def revoke(
    settings: Settings,
    session_id: str | None,
    where: tuple[str, ...],
    all_: bool,
    keep: tuple[str, ...],
    period: Condition | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """End one session by its id or digest, those with a special key, or all.

    Requests in flight cannot bring a session back. ID is the same as for `show`.

    --all repeats a consistent read of the whole table until it finds no session. If new sessions
    keep starting, end only those from before the new secret: --created-before TIME.
    """
    if [session_id is not None or bool(where), all_].count(True) != 1:
        raise click.UsageError("pass one of: a session, --where KEY=VALUE, or --all")
    if keep and (session_id is not None or all_):
        raise click.UsageError("--keep requires --where")
    if period is not None and session_id is not None:
        raise click.UsageError("times require --where or --all")
    options = settings.existing(consistent_read=True)
    store, special = SessionStore.of(Backend(options)), conditions(settings, where)
    with metered(options) as used:
        scan = session_id is not None and is_digest(session_id) and not special
        with metered(options, scan=scan, consistent=True, until="the session is found"):
            named = find(store, keep if session_id is None else [session_id], special)
        chosen = _Chosen(options, store, named, session_id is not None, special, period)
        if all_:
            click.echo(ROTATE, err=True)
        if not (dry_run or yes) and (question := chosen.question()):
            confirm(question)
        found = chosen.listed() if dry_run else chosen.revoked()
        done = "would be revoked" if dry_run else "revoked"
        with closing(found), summary(found, done, used) as sessions:
            if as_json:
                rows = [described(session) for session in sessions]
                number = 0 if dry_run else len(rows)
                units = used.as_json()
                print_json({"revoked": number, "sessions": rows, "capacity_units": units})
            else:
                print_rows(sessions)


@dataclass
class _Chosen:
    """The sessions that the command line selects.

    :param named: those that it names by id or digest: the one to end, or those to keep.
    """

    options: Options
    store: SessionStore
    named: list[StoredSession]
    is_one: bool
    special: dict[str, Any]
    period: Condition | None

    def question(self) -> str:
        """Return what to ask before revoking, or an empty string if no session would end."""
        table = f"table {self.options.table_name!r}"
        if self.is_one or self.special:
            number = sum(1 for _ in self.listed())
            return f"Revoke {counted(number, 'session')} in {table}?" if number else ""
        prefix = Keys(self.options).prefixes[0]
        which = "all" if self.period is None else "the chosen"
        return f"Is the secret rotated? Revoke {which} sessions with prefix {prefix!r} in {table}?"

    def listed(self) -> Generator[StoredSession, None, None]:
        """Yield the sessions without ending them."""
        if self.is_one:
            yield from self.named
            return
        kept = {session.digest for session in self.named}
        with (
            metered(self.options, scan=not self.special, consistent=True, rows=True),
            closing(self.store.sessions(self.special, condition=self.period)) as found,
        ):
            yield from (session for session in found if session.digest not in kept)

    def revoked(self) -> Generator[StoredSession, None, None]:
        """End the sessions; yield each one that ended."""
        if self.is_one:
            yield from filter(self.store.delete, self.named)
            return
        if self.special:
            yield from self.store.revoke_each(self.special, keep=self.named, condition=self.period)
            return
        while True:
            number = 0
            with metered(self.options, scan=True, consistent=True, rows=True):
                for session in self.store.revoke_pass(self.period):
                    number += 1
                    yield session
            if not number:
                return
            found = counted(number, "session")
            click.echo(
                f"{found} revoked. Reading again, to find sessions that started since.", err=True
            )


@command(
    "erase",
    changes=True,
    example="sessions erase --ini production.ini --where userId=42 --dry-run",
)
@click.option("--where", required=True, metavar="KEY=VALUE", help="The user_key and its value.")
@click.option("--dry-run", is_flag=True, help="Only count the sessions that would be deleted.")
@yes_flag
@json_flag
@with_settings
def erase(settings: Settings, where: str, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Delete everything that is stored about a user: sessions, their chunks, and the user's item.

    Needs the option user_key. Log-ins in flight fail. To make sure of that, an item with only a
    digest of the user stays for an hour.
    """
    special = conditions(settings, (where,))
    options = settings.existing(consistent_read=True)
    if special.keys() != {options.user_key}:
        raise click.UsageError("--where must name the option user_key")
    with metered(options) as used:
        store = SessionStore.of(Backend(options))
        found = store.count(special) if dry_run or not yes else 0
        if not (dry_run or yes):
            sessions = counted(found, "session")
            confirm(f"Erase a user with {sessions} in table {options.table_name!r}?")
        number = found if dry_run else store.erase(special)
        if as_json:
            erased = 0 if dry_run else number
            print_json({"found": number, "erased": erased, "capacity_units": used.as_json()})
            return
        done = "would be erased" if dry_run else "erased"
        click.echo(f"{counted(number, 'session')} {done}; {used} used.", err=True)

"""`beaker-dynamodb sessions erase`."""

from __future__ import annotations

import click

from beaker_dynamodb.backend import Backend
from beaker_dynamodb.cli.command import command, confirm, json_flag, yes_flag
from beaker_dynamodb.cli.console import counted, print_json
from beaker_dynamodb.cli.flags import with_settings
from beaker_dynamodb.cli.scans import metered
from beaker_dynamodb.cli.settings import Settings
from beaker_dynamodb.cli.where import conditions
from beaker_dynamodb.sessions.session_store import SessionStore


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
    """Delete all that is stored about a user: sessions, their chunks, and the user's item.

    Needs the option user_key. Log-ins in flight fail. An item without personal data stays for an
    hour to make sure of that.
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

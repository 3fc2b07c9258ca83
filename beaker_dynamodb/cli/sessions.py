"""`beaker-dynamodb sessions list` and `show`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import closing
from itertools import islice

import click

from beaker_dynamodb.backend import Backend
from beaker_dynamodb.cli.command import VERBOSE, Group, command, examples, json_flag
from beaker_dynamodb.cli.console import print_json, printable
from beaker_dynamodb.cli.describe import describe_session
from beaker_dynamodb.cli.flags import with_settings
from beaker_dynamodb.cli.revoke import erase, revoke
from beaker_dynamodb.cli.scans import consistent_flag, metered
from beaker_dynamodb.cli.session_rows import described, print_rows, summary
from beaker_dynamodb.cli.settings import Settings
from beaker_dynamodb.cli.times import with_period
from beaker_dynamodb.cli.where import conditions, find, is_digest, read_id, where_flag
from beaker_dynamodb.dynamodb.expressions import Condition
from beaker_dynamodb.sessions.session_store import SessionStore
from beaker_dynamodb.sessions.stored_session import StoredSession

#: The attributes of a `StoredSession` to sort by.
SORTED_BY = {"created": "created", "used": "accessed", "expires": "expires"}


@click.group(
    "sessions",
    cls=Group,
    params=[VERBOSE],
    epilog=examples("sessions list --ini production.ini --where userId=42"),
)
def sessions() -> None:
    """List, show, revoke and erase sessions."""


sessions.add_command(revoke)
sessions.add_command(erase)


@sessions.add_command
@command(
    "list",
    example="sessions list --ini production.ini --where userId=42 --sort used\n"
    "sessions list --ini production.ini --used-before 7d --limit 100\n"
    "sessions list --ini production.ini --jsonl > sessions.jsonl",
)
@where_flag
@with_period
@click.option(
    "--sort", type=click.Choice([*SORTED_BY]), help="Sort the result of --where, latest first."
)
@click.option("--limit", type=click.IntRange(1), metavar="NUMBER", help="Stop after NUMBER rows.")
@click.option("--show-ids", is_flag=True, help="Show ids. An id gives access to its session.")
@consistent_flag
@json_flag
@click.option("--jsonl", "as_jsonl", is_flag=True, help="Print a line of JSON for each session.")
@with_settings
def list_(
    settings: Settings,
    where: tuple[str, ...],
    period: Condition | None,
    sort: str | None,
    limit: int | None,
    show_ids: bool,
    consistent: bool,
    as_json: bool,
    as_jsonl: bool,
) -> None:
    """List live sessions, without their payloads.

    With --where, this queries an index, and the result can be sorted. Without it, this scans the
    table until --limit is reached. A digest (@...) is shown instead of each id, the same as in the
    log; `show` and `revoke` accept it. Times are UTC; "used" may be behind by touch_interval.
    """
    if sort and not where:
        raise click.UsageError(
            "--sort requires --where: a scan returns sessions in no particular order"
        )
    if consistent and where:
        raise click.UsageError("--consistent does not work with --where: DynamoDB's indexes lag")
    if as_json and as_jsonl:
        raise click.UsageError("--json and --jsonl cannot be combined")
    options = settings.existing(consistent_read=consistent)
    found = SessionStore.of(Backend(options)).sessions(
        conditions(settings, where), condition=period, expected=None if sort else limit
    )
    with (
        closing(found),
        metered(
            options,
            scan=not where,
            consistent=consistent,
            until="--limit is reached" if limit else "",
            rows=not as_json,
        ) as used,
        summary(islice(_sorted(found, sort), limit), "listed", used) as listed,
    ):
        if as_json:
            rows = [described(session, show_id=show_ids) for session in listed]
            print_json({"sessions": rows, "capacity_units": used.as_json()})
        elif as_jsonl:
            for session in listed:
                row = described(session, show_id=show_ids)
                click.echo(printable(json.dumps(row, ensure_ascii=False)))
        else:
            print_rows(listed, show_ids=show_ids)


def _sorted(found: Iterable[StoredSession], sort: str | None) -> Iterable[StoredSession]:
    if sort is None:
        return found

    def time(session: StoredSession) -> float:
        value = getattr(session, SORTED_BY[sort])
        # Sessions that never expire come first, and those without a known access last.
        return value.timestamp() if value else float("inf" if sort == "expires" else "-inf")

    return sorted(found, key=time, reverse=True)


@sessions.add_command
@command(
    "show",
    example="sessions show @3f1c0a9b52d47e60 --ini production.ini --where userId=42\n"
    "sessions show - --ini production.ini --payload < file-with-an-id",
)
@click.argument("session_id", metavar="ID", callback=read_id)
@where_flag
@click.option("--payload", is_flag=True, help="Also show the session's contents.")
@consistent_flag
@json_flag
@with_settings
def show(
    settings: Settings,
    session_id: str,
    where: tuple[str, ...],
    payload: bool,
    consistent: bool,
    as_json: bool,
) -> None:
    """Show one session: its times, its special keys, and with --payload its contents.

    ID is the session's id, its digest (@...) as `list` shows it, or - to read the id from stdin,
    which keeps it out of process lists. A digest is looked up by scanning the table, or an index
    with --where. No pickle is run; an object is shown as the name of its class.
    """
    options = settings.existing(consistent_read=consistent)
    scan = is_digest(session_id) and not where
    with metered(options, scan=scan, consistent=consistent, until="the session is found") as used:
        store = SessionStore.of(Backend(options))
        (session,) = find(store, [session_id], conditions(settings, where), consistent=consistent)
        answer, value = described(session), None
        if payload:
            answer["format"], value = describe_session(session.text())
    if as_json:
        if payload:
            answer["payload"] = value
        print_json({**answer, "capacity_units": used.as_json()})
        return
    special = answer.pop("special")
    for name, content in {**answer, **special}.items():
        click.echo(f"{printable(name):10}  {'' if content is None else printable(str(content))}")
    if value is not None:
        print_json(value)
    click.echo(f"{used} used.", err=True)

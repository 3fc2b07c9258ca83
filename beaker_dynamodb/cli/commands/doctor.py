"""`beaker-dynamodb doctor`."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict

import click

from beaker_dynamodb.cli.checks import ERROR, OK, WARNING, Result
from beaker_dynamodb.cli.console import print_json, printable
from beaker_dynamodb.cli.diagnosis import examine
from beaker_dynamodb.cli.frame import FAILED, command, json_flag
from beaker_dynamodb.cli.settings import Settings
from beaker_dynamodb.cli.settings_flags import with_settings

COLOURS = {OK: "green", WARNING: "yellow", ERROR: "red"}


@command(
    "doctor",
    example="doctor --ini production.ini\n"
    "doctor --url dynamodb://eu-west-1/myapp-sessions --for cache",
)
@json_flag
@with_settings
@click.pass_context
def doctor(ctx: click.Context, settings: Settings, as_json: bool) -> None:
    """Check everything that sessions and caches need, and say how to mend what is wrong.

    Credentials, Region, table, key, time to live, indexes; every operation, tried on an item that
    is deleted again; clock, round trip, safety of the serializer, and a sample of 100 items. Run
    it where the application runs, with its credentials. Exit code 1 if there is an error.
    """
    results = []
    for result in examine(settings):
        results.append(result)
        if not as_json:
            _show(result)
    count = Counter(result.status for result in results)
    if as_json:
        print_json({"ok": not count[ERROR], "checks": [asdict(result) for result in results]})
    else:
        click.echo(", ".join(_counted(count[status], status) for status in (OK, WARNING, ERROR)))
    if count[ERROR]:
        ctx.exit(FAILED)


def _show(result: Result) -> None:
    status = click.style(f"{result.status:7}", fg=COLOURS[result.status])
    click.echo(f"{status}  {result.name:20}  {printable(result.text)}")
    if result.mend:
        click.echo(f"{'':29}  -> {result.mend}")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if noun != OK and number != 1 else ''}"

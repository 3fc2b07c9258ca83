"""`beaker-dynamodb clear`."""

from __future__ import annotations

import functools
import sys

import click

from beaker_dynamodb.backend import Backend
from beaker_dynamodb.caches.storage import CacheStorage
from beaker_dynamodb.cli.capacity import Capacity
from beaker_dynamodb.cli.command import command, json_flag
from beaker_dynamodb.cli.console import counted, print_json, progress
from beaker_dynamodb.cli.flags import with_settings
from beaker_dynamodb.cli.settings import CACHE, Settings


@command(
    "clear",
    example="clear --ini production.ini --namespace news\n"
    "clear --url dynamodb://eu-west-1/myapp-sessions --namespace news --yes",
)
@click.option("--namespace", required=True, metavar="NAME", help="The cache namespace.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_flag
@functools.partial(with_settings, purpose=CACHE)
def clear(settings: Settings, namespace: str, yes: bool, as_json: bool) -> None:
    """Delete all entries of one cache namespace.

    Does the same as clear() of the cache. On a table without a sort key this reads the whole
    table. Entries that are written meanwhile stay. A value of more than 400 KB is several items.
    """
    if not yes:
        _confirm(settings, namespace)
    storage = CacheStorage(Backend(settings.existing))
    with (
        progress("items deleted") as advance,
        Capacity(storage.items.client(), on_call=lambda call: advance(call.batch_deletes)) as used,
    ):
        storage.query.delete(namespace)
    if as_json:
        print_json({"deleted": used.batch_deletes, "capacity_units": used.as_json()})
    else:
        click.echo(f"{counted(used.batch_deletes, 'item', 'items')} deleted; {used} used.")


def _confirm(settings: Settings, namespace: str) -> None:
    table = settings.options.table_name
    question = f"Delete all entries of the cache namespace {namespace!r} in table {table!r}?"
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        click.echo(err=True)
        raise click.UsageError("cannot ask: stdin is not a terminal; give --yes") from None
    if not agreed:
        raise click.Abort

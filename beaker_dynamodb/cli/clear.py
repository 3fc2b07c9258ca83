"""`beaker-dynamodb clear`."""

from __future__ import annotations

import functools

import click

from beaker_dynamodb.backend import Backend
from beaker_dynamodb.caches.storage import CacheStorage
from beaker_dynamodb.cli.capacity import Capacity
from beaker_dynamodb.cli.command import Failed, command, confirm, json_flag, yes_flag
from beaker_dynamodb.cli.console import counted, print_json
from beaker_dynamodb.cli.flags import with_settings
from beaker_dynamodb.cli.scans import metered
from beaker_dynamodb.cli.settings import CACHE, Settings


@command(
    "clear",
    changes=True,
    example="clear --ini production.ini --namespace news\n"
    "clear --url dynamodb://eu-west-1/myapp-sessions --namespace news --yes",
)
@click.option("--namespace", required=True, metavar="NAME", help="The cache namespace.")
@yes_flag
@json_flag
@functools.partial(with_settings, purpose=CACHE)
def clear(settings: Settings, namespace: str, yes: bool, as_json: bool) -> None:
    """Delete all entries of one cache namespace.

    Does the same as clear() of the cache. On a table without a sort key this scans the whole
    table. New entries written while it runs are kept. A value of more than 400 KB counts as
    several items. `beaker-dynamodb stats` lists the namespaces.
    """
    options = settings.existing(consistent_read=True)
    table = options.table_name
    if not yes:
        confirm(f"Delete all entries of the cache namespace {namespace!r} in table {table!r}?")
    storage = CacheStorage(Backend(options))
    with metered(options, scan=options.sort_key is None, consistent=True, long=True) as used:
        try:
            found = storage.query.delete(namespace)
        except BaseException:  # also Ctrl-C
            # DynamoDB may have carried out a batch whose response did not arrive.
            click.echo(f"{_summary(used)} Up to 25 more may have been deleted.", err=True)
            raise
    if not found:
        click.echo(f"{used} used.", err=True)
        raise Failed(
            f"cache namespace {namespace!r} does not exist in table {table!r} with prefix "
            f"{settings.prefix!r}; beaker-dynamodb stats, with the same flags, lists them"
        )
    if as_json:
        print_json({"deleted": used.batch_deletes, "capacity_units": used.as_json()})
    else:
        click.echo(_summary(used))


def _summary(used: Capacity) -> str:
    return f"{counted(used.batch_deletes, 'item')} deleted; {used} used."

"""`beaker-dynamodb clear`."""

from __future__ import annotations

import functools

import click

from beaker_dynamodb.backend import Backend
from beaker_dynamodb.caches.storage import CacheStorage
from beaker_dynamodb.cli.command import Failed, command, confirm, json_flag, yes_flag
from beaker_dynamodb.cli.console import counted, print_json
from beaker_dynamodb.cli.scans import metered
from beaker_dynamodb.cli.settings import Settings, with_settings
from beaker_dynamodb.config.beaker_settings import CACHE


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
    table. Entries that are written meanwhile stay. A value that is being computed counts too.
    `beaker-dynamodb stats` lists the namespaces.
    """
    options = settings.existing(consistent_read=True)
    table = options.table_name
    if not yes:
        confirm(f"Delete all entries of the cache namespace {namespace!r} in table {table!r}?")
    with metered(options, scan=options.sort_key is None, long=True) as used:
        found = CacheStorage(Backend(options)).query.delete(namespace)
    if not found:
        click.echo(f"{used} used.", err=True)
        raise Failed(
            f"cache namespace {namespace!r} does not exist in table {table!r} with prefix "
            f"{settings.prefix!r}; beaker-dynamodb stats, with the same flags, lists them"
        )
    if as_json:
        print_json({"deleted": found, "capacity_units": used.as_json()})
    else:
        click.echo(f"{counted(found, 'entry', 'entries')} deleted; {used} used.")

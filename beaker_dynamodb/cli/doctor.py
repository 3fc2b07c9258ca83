"""`beaker-dynamodb doctor`."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

import click

from beaker_dynamodb.cli import checks
from beaker_dynamodb.cli.check_items import Operations, check_sample
from beaker_dynamodb.cli.check_security import check_security
from beaker_dynamodb.cli.checks import ERROR, OK, WARNING, Result, failed
from beaker_dynamodb.cli.command import FAILED, command, json_flag
from beaker_dynamodb.cli.console import counted, print_json, printable
from beaker_dynamodb.cli.flags import with_settings
from beaker_dynamodb.cli.settings import Settings
from beaker_dynamodb.dynamodb import table_state
from beaker_dynamodb.exceptions import ConfigurationError, DynamoDBError
from beaker_dynamodb.items.keys import Key
from beaker_dynamodb.items.store import ItemStore

COLORS = {OK: "green", WARNING: "yellow", ERROR: "red"}


@command(
    "doctor",
    changes=True,
    example="doctor --ini production.ini\n"
    "doctor --url dynamodb://eu-west-1/myapp-sessions --for cache",
)
@json_flag
@with_settings
@click.pass_context
def doctor(ctx: click.Context, settings: Settings, as_json: bool) -> None:
    """Check everything that sessions and caches need, and say how to fix what is wrong.

    Checks credentials, Region, table, key, time to live and indexes; tries every operation on
    test items that it deletes again; checks the clock, the round trip, a sample of 100 items and
    the security settings (of cookies and lifetimes only with --ini), and names the requirements
    of OWASP ASVS 5.0 that they cover. Run it where the application runs, with its credentials.
    Exit code 1 if there is an error.
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
        warnings, errors = counted(count[WARNING], "warning"), counted(count[ERROR], "error")
        click.echo(f"{count[OK]} ok, {warnings}, {errors}")
    if count[ERROR]:
        ctx.exit(FAILED)


def _show(result: Result) -> None:
    status = click.style(f"{result.status:7}", fg=COLORS[result.status])
    asvs = f" (ASVS {', '.join(result.asvs)})" if result.asvs else ""
    click.echo(f"{status}  {result.name:20}  {printable(result.text)}{asvs}")
    if result.remedy:
        click.echo(f"{'':29}  -> {result.remedy}")


def examine(settings: Settings) -> Iterator[Result]:
    """Run all checks in order; skip those that cannot work after a failed one."""
    items = ItemStore(settings.existing())
    described = yield from _check_table(items, settings)
    usable = described is not None and (yield from _check_use(items, settings, described))
    yield from check_security(settings, described or {})
    if usable:
        try:
            yield from check_sample(items, settings)
        except DynamoDBError as error:
            yield failed("sample", error)


def _check_table(
    items: ItemStore, settings: Settings
) -> Generator[Result, None, Mapping[str, Any] | None]:
    """Check whether the table can be reached.

    :returns: its description, or None if it does not exist or cannot be used; empty if
        DescribeTable is denied.
    """
    result = checks.check_credentials(items.options)
    yield result
    if result.status == ERROR:
        return None
    try:
        client = items.client()
    except ConfigurationError as error:
        yield Result("region", ERROR, str(error), "set region_name, or AWS_DEFAULT_REGION")
        return None
    except DynamoDBError as error:
        yield failed("credentials", error)
        return None
    yield Result("region", OK, f"{client.meta.region_name}, {client.meta.endpoint_url}")
    described: Mapping[str, Any] | None
    try:
        described = table_state.describe(client, settings.options.table_name)
        result = checks.check_table(settings.options, described)
    except DynamoDBError as error:
        # The application may be allowed to use a table without being allowed to describe it.
        result, described = failed("table", error), {}
    yield result
    return None if result.status == ERROR else described


def _check_use(
    items: ItemStore, settings: Settings, described: Mapping[str, Any]
) -> Generator[Result, None, bool]:
    """Check the table's properties and every operation.

    :param described: the table's description; empty if DescribeTable is denied.
    :returns: whether its items can be read with these options.
    """
    client, options = items.client(), items.options
    index_keys = options.index_keys
    if described:
        key = checks.check_key(client, options)
        yield key
    yield checks.check_time_to_live(client, options)
    if described:
        indexes = checks.check_indexes(options, described)
        yield indexes
        if key.status == ERROR:
            return False
        if indexes.status == ERROR:
            index_keys = ()
    yield from Operations(items, settings.prefix, index_keys).check()
    yield from _check_connection(items, settings.prefix)
    return True


def _check_connection(items: ItemStore, prefix: str) -> Iterator[Result]:
    sort = None if items.options.sort_key is None else "|doctor"
    key = items.layout.key_attributes(Key(f"{prefix}|doctor", sort))
    read = partial(items.call, "get_item", Key=key)
    try:
        read()  # its errors say more than the client's
        before = time.time()
        # Not the response of `read`: the fast transport returns no HTTP headers.
        response = items.client().get_item(TableName=items.options.table_name, Key=key)
        yield checks.check_clock(response, before, time.time())
    except DynamoDBError as error:
        yield failed("clock", error)
    yield checks.check_round_trip(read)

"""Whether sessions and caches will work here: all checks, in order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from beaker_dynamodb.cli import checks, checks_items
from beaker_dynamodb.cli.checks import ERROR, Result
from beaker_dynamodb.cli.settings import Settings
from beaker_dynamodb.exceptions import ConfigurationError, DynamoDBError
from beaker_dynamodb.items.store import ItemStore


def examine(settings: Settings) -> Iterator[Result]:
    """Give a result for each check; those that a failed one makes pointless are left out."""
    options = settings.existing
    items = ItemStore(options)
    found = checks.credentials(options)
    yield found
    if found.status == ERROR:
        return
    try:
        client = items.client()
    except ConfigurationError as error:
        yield Result("region", ERROR, str(error), "set region_name, or AWS_DEFAULT_REGION")
        return
    except DynamoDBError as error:
        yield checks.failed("credentials", error)
        return
    yield checks.region(client)
    described: Mapping[str, Any] | None
    try:
        found, described = checks.table(client, settings.options)
    except DynamoDBError as error:
        # The application may well be allowed to use a table that it may not describe.
        found, described = checks.failed("table", error), {}
    yield found
    if found.status == ERROR or described is None:
        return
    key = checks.key_schema(client, options) if described else None
    if key is not None:
        yield key
    yield _guarded("time to live", lambda: checks.time_to_live(client, options))
    if described:
        yield checks.indexes_there(options, described)
    if key is not None and key.status == ERROR:
        return
    throw_away = checks_items.ThrowAway(items, settings.prefix)
    yield from throw_away.results()
    yield from _line(items, settings)
    yield checks.safety(options)
    try:
        yield from checks_items.sample(items, settings)
    except DynamoDBError as error:
        yield checks.failed("sample", error)


def _line(items: ItemStore, settings: Settings) -> Iterator[Result]:
    key = {"S": f"{settings.prefix}|doctor"}
    attributes = {items.options.hash_key: key}
    if items.options.sort_key is not None:
        attributes[items.options.sort_key] = {"S": "|doctor"}

    def read() -> Any:
        return items.call("get_item", Key=attributes)

    def clock() -> Result:
        before = time.time()
        return checks.clock(read(), before, time.time())

    yield _guarded("clock", clock)
    yield _guarded("round trip", lambda: checks.round_trip(read))


def _guarded(name: str, check: Callable[[], Result]) -> Result:
    try:
        return check()
    except DynamoDBError as error:
        return checks.failed(name, error)

"""The table: its definition, its creation, and how an existing table differs from it.

Requests use this module only if their table is missing or has a different key.
"""

from __future__ import annotations

import json
import logging
import shlex
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.config.options import Options
from beaker_dynamodb.dynamodb import indexes, table_state
from beaker_dynamodb.dynamodb.error_mapping import cause, translate
from beaker_dynamodb.dynamodb.indexes import throughput
from beaker_dynamodb.exceptions import (
    AccessDenied,
    ConfigurationError,
    DynamoDBError,
    StoreUnavailable,
)

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

log = logging.getLogger("beaker_dynamodb")


def definition(options: Options) -> dict[str, Any]:
    """Return the parameters of CreateTable for these options."""
    keys = [(options.hash_key, "HASH")]
    if options.sort_key is not None:
        keys.append((options.sort_key, "RANGE"))
    request: dict[str, Any] = {
        "TableName": options.table_name,
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name, _ in keys],
        "KeySchema": [{"AttributeName": name, "KeyType": kind} for name, kind in keys],
    }
    if options.provisioned:
        request["BillingMode"] = "PROVISIONED"
        request["ProvisionedThroughput"] = throughput(options)
    else:
        request["BillingMode"] = "PAY_PER_REQUEST"
    if options.index_keys:
        request["AttributeDefinitions"] += indexes.attribute_definitions(options)
        request["GlobalSecondaryIndexes"] = indexes.definitions(options)
    return request


def aws_command(options: Options) -> str:
    """Return AWS CLI commands that create this table and enable its time to live."""
    from botocore import xform_name  # "TableName" becomes "table-name"

    words = ["aws dynamodb create-table"]
    for name, value in definition(options).items():
        text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
        words.append(f"--{xform_name(name, '-')} {shlex.quote(text)}")
    return (
        " ".join(words)
        + f" && aws dynamodb wait table-exists --table-name {options.table_name}"
        + f" && {_time_to_live_command(options)}"
    )


def _time_to_live_command(options: Options) -> str:
    return (
        f"aws dynamodb update-time-to-live --table-name {options.table_name} "
        f"--time-to-live-specification Enabled=true,AttributeName={options.ttl_attribute}"
    )


def own_command(options: Options, region: str) -> str:
    """Return the ``beaker-dynamodb`` command that creates this table."""
    words = ["beaker-dynamodb create-table --table-name", options.table_name]
    words += ["--region-name", region]
    names = ("hash_key", "sort_key", "ttl_attribute", "read_capacity_units")
    for name in (*names, "write_capacity_units", "endpoint_url"):
        value = getattr(options, name)
        if value != getattr(type(options), name, None):
            words += [f"--{name.replace('_', '-')}", shlex.quote(str(value))]
    if options.special_keys:
        keys = ",".join(f"{k.name}:{k.type}{':index' * k.indexed}" for k in options.special_keys)
        words += ["--special-keys", shlex.quote(keys)]
    return " ".join(words)


def make_usable(client: DynamoDBClient, options: Options, sleep: Callable[[float], None]) -> None:
    """Create a missing table (option ``create_table``), or wait in case it is being created.

    :raises ConfigurationError: it does not exist and ``create_table`` is off.
    :raises AccessDenied: a permission is missing; the message shows the command to run instead.
    :raises StoreUnavailable: the table cannot be used now; the message names its state.
    """
    if options.create_table:
        create(client, options, sleep)
        return
    try:
        if table_state.wait_until_usable(client, options, sleep, new=False):
            return
    except StoreUnavailable:
        raise
    except DynamoDBError:
        pass  # for instance, DescribeTable is not allowed
    raise ConfigurationError(
        f"table {options.table_name!r} does not exist and create_table is false; create it with: "
        f"{own_command(options, client.meta.region_name)} (extra cli), or: {aws_command(options)}",
        table=options.table_name,
        aws_code="ResourceNotFoundException",
    )


def create(client: DynamoDBClient, options: Options, sleep: Callable[[float], None]) -> None:
    """Create the table, wait until it can be used and enable time to live.

    If several processes do this at once, all of them succeed.

    :raises AccessDenied: a permission is missing; the message shows the command to run instead.
    :raises StoreUnavailable: the table is not usable in time.
    """
    try:
        request_creation(client, definition(options))
        while not table_state.wait_until_usable(client, options, sleep, new=True):
            # The old table was still being deleted.
            request_creation(client, definition(options))
    except AccessDenied as error:
        raise AccessDenied(
            f"{error}; allow it, or create the table with: {aws_command(options)}",
            operation=error.operation,
            table=error.table,
            aws_code=error.aws_code,
        ) from error.__cause__
    enable_time_to_live_or_warn(client, options)


def request_creation(client: DynamoDBClient, request: dict[str, Any]) -> bool:
    """Call CreateTable; return whether this call created the table.

    An existing table may be in any state.
    """
    table = request["TableName"]
    try:
        client.create_table(**request)
    except client.exceptions.ResourceInUseException:
        return False
    except Exception as error:
        raise translate(error, "CreateTable", table) from cause(error)
    log.info("created table %r", table)
    return True


def enable_time_to_live_or_warn(client: DynamoDBClient, options: Options) -> None:
    """Enable the table's time to live; log a warning if that fails."""
    try:
        enable_time_to_live(client, options)
    except Exception as error:
        # Only warn, because sessions work without time to live: expired items just accumulate.
        # For a moment, UpdateTimeToLive may also not find a new table.
        log.warning(
            "table %r: time to live could not be enabled (%s); expired items will not be deleted "
            "until you run: %s",
            options.table_name,
            error,
            _time_to_live_command(options),
        )


def enable_time_to_live(client: DynamoDBClient, options: Options) -> bool:
    """Enable the table's time to live; return False if it was already enabled."""
    table, attribute = options.table_name, options.ttl_attribute
    try:
        client.update_time_to_live(
            TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": attribute}
        )
    except Exception as error:
        with suppress(Exception):
            if time_to_live_attribute(client, table) == attribute:
                return False  # already enabled, perhaps by another process
        raise translate(error, "UpdateTimeToLive", table) from cause(error)
    return True


def time_to_live_attribute(client: DynamoDBClient, table: str) -> str | None:
    """Return the attribute of the table's time to live, or None if it is disabled."""
    try:
        found = client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    except Exception as error:
        raise translate(error, "DescribeTimeToLive", table) from cause(error)
    enabled = found.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
    return found.get("AttributeName") if enabled else None


def mismatch(client: DynamoDBClient, options: Options) -> ConfigurationError | None:
    """Return an error that describes how the table's key differs from the options, or None.

    AWS's own messages do not. If DescribeTable fails, the error says that the key may differ.
    """
    wanted = _describe_key(definition(options))
    try:
        found = _describe_key(client.describe_table(TableName=options.table_name)["Table"])
    except Exception:
        found = "perhaps a different key (DescribeTable failed or is not allowed)"
    if found == wanted:
        return None
    return ConfigurationError(
        f"table {options.table_name!r} has {found}, but the options hash_key and sort_key say "
        f"{wanted}",
        table=options.table_name,
        aws_code="ValidationException",
    )


def _describe_key(description: Any) -> str:
    types = {d["AttributeName"]: d["AttributeType"] for d in description["AttributeDefinitions"]}
    names = {"HASH": "partition key", "RANGE": "sort key"}
    return " and ".join(
        f"{names[k['KeyType']]} {k['AttributeName']!r} ({types[k['AttributeName']]})"
        for k in description["KeySchema"]
    )

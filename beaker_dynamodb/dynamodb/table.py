"""The table: what it must look like, creating it, explaining how it differs.

No request of a running application comes here unless its table is missing or of another shape.
"""

from __future__ import annotations

import json
import logging
import shlex
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.dynamodb import indexes, table_state
from beaker_dynamodb.dynamodb.error_mapping import cause, missing_table, translate
from beaker_dynamodb.dynamodb.indexes import throughput
from beaker_dynamodb.exceptions import AccessDenied, ConfigurationError, DynamoDBError

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from beaker_dynamodb.config.options import Options

log = logging.getLogger("beaker_dynamodb")


def definition(options: Options) -> dict[str, Any]:
    """Give the parameters of CreateTable for these options."""
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
    """Give the AWS CLI's command that makes the same table, ready to be pasted."""
    request = definition(options)
    words = [
        "aws dynamodb create-table --table-name",
        options.table_name,
        "--attribute-definitions",
    ]
    words += [
        shlex.quote(f"AttributeName={d['AttributeName']},AttributeType={d['AttributeType']}")
        for d in request["AttributeDefinitions"]
    ]
    words.append("--key-schema")
    words += [
        shlex.quote(f"AttributeName={k['AttributeName']},KeyType={k['KeyType']}")
        for k in request["KeySchema"]
    ]
    words.append(f"--billing-mode {request['BillingMode']}")
    if options.provisioned:
        units = ",".join(f"{name}={n}" for name, n in request["ProvisionedThroughput"].items())
        words.append(f"--provisioned-throughput {units}")
    if options.index_keys:
        text = json.dumps(request["GlobalSecondaryIndexes"], separators=(",", ":"))
        words.append(f"--global-secondary-indexes {shlex.quote(text)}")
    return (
        " ".join(words)
        + f" && aws dynamodb wait table-exists --table-name {options.table_name}"
        + f" && aws dynamodb update-time-to-live --table-name {options.table_name}"
        + f" --time-to-live-specification Enabled=true,AttributeName={options.ttl_attribute}"
    )


def make_usable(client: DynamoDBClient, options: Options) -> bool:
    """Create a table that was not found, or wait until it can be used; return True.

    :raises ConfigurationError: it does not exist and ``create_table`` is off.
    :raises AccessDenied: a permission is missing; the message says what to run instead.
    :raises StoreUnavailable: the table cannot be used now; the message names its state.
    """
    if options.create_table:
        create(client, options)
        return True
    found: str | None
    try:
        found = table_state.status(client, options.table_name)
    except DynamoDBError:
        found = None  # such as a policy without DescribeTable
    if found is None:
        raise missing_table(options.table_name, aws_command(options))
    table_state.refuse_lasting(found, options.table_name)
    if not table_state.wait_until_usable(client, options, found):
        raise missing_table(options.table_name, aws_command(options))
    return True


def create(client: DynamoDBClient, options: Options) -> None:
    """Create the table, wait until it can be used and turn on its time to live.

    Several processes may do this at once: all of them return when the table is there.

    :raises AccessDenied: a permission is missing; the message says what to run instead.
    :raises StoreUnavailable: the table cannot be used in time.
    """
    try:
        request_creation(client, definition(options))
        while not table_state.wait_until_usable(client, options):
            # The old table was still being deleted.
            request_creation(client, definition(options))
    except AccessDenied as error:
        raise _explained(error, options) from error.__cause__
    enable_time_to_live(client, options)


def request_creation(client: DynamoDBClient, request: dict[str, Any]) -> bool:
    """Call CreateTable; return whether it created the table.

    If another process created it first, its state may be any.
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


def _explained(error: AccessDenied, options: Options) -> AccessDenied:
    return AccessDenied(
        f"{error}; allow it, or create the table with: {aws_command(options)}",
        operation=error.operation,
        table=error.table,
        aws_code=error.aws_code,
    )


def enable_time_to_live(client: DynamoDBClient, options: Options) -> None:
    """Turn on the table's time to live; log a warning if that fails."""
    try:
        turn_on_time_to_live(client, options)
    except DynamoDBError as error:
        # A warning, because sessions work without it; only expired items accumulate.
        log.warning(
            "table %r: time to live could not be turned on (%s); expired items will not be deleted "
            "until you run: aws dynamodb update-time-to-live --table-name %s "
            "--time-to-live-specification Enabled=true,AttributeName=%s",
            options.table_name,
            error,
            options.table_name,
            options.ttl_attribute,
        )


def turn_on_time_to_live(client: DynamoDBClient, options: Options) -> bool:
    """Turn on the table's time to live; return False if it was on already.

    :raises DynamoDBError: it could not be turned on.
    """
    table, attribute = options.table_name, options.ttl_attribute
    try:
        client.update_time_to_live(
            TableName=table,
            TimeToLiveSpecification={"Enabled": True, "AttributeName": attribute},
        )
    except Exception as error:
        with suppress(Exception):
            if time_to_live_attribute(client, table) == attribute:
                return False  # another process turned it on first
        raise translate(error, "UpdateTimeToLive", table) from cause(error)
    return True


def time_to_live_attribute(client: DynamoDBClient, table: str) -> str | None:
    """Return the attribute of the table's time to live, or None if it is off."""
    try:
        answer = client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    except Exception as error:
        raise translate(error, "DescribeTimeToLive", table) from cause(error)
    on = answer.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
    return answer.get("AttributeName") if on else None


def mismatch(client: DynamoDBClient, options: Options) -> ConfigurationError | None:
    """Explain how the table's key differs from what the options say; None where it does not.

    AWS's messages do not tell: there is another one for each operation and each difference.
    """
    wanted = _key_text(definition(options))
    try:
        found = _key_text(client.describe_table(TableName=options.table_name)["Table"])
    except Exception:
        found = "perhaps another key (DescribeTable, which would tell, is not allowed)"
    if found == wanted:
        return None
    return ConfigurationError(
        f"table {options.table_name!r} has {found}, the options hash_key and sort_key say {wanted}",
        table=options.table_name,
        aws_code="ValidationException",
    )


def _key_text(description: Any) -> str:
    types = {d["AttributeName"]: d["AttributeType"] for d in description["AttributeDefinitions"]}
    names = {"HASH": "partition key", "RANGE": "sort key"}
    return " and ".join(
        f"{names[k['KeyType']]} {k['AttributeName']!r} ({types[k['AttributeName']]})"
        for k in description["KeySchema"]
    )

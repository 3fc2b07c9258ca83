"""Waits until a table is usable, and raises if it will not become usable by itself."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.config.options import Options
from beaker_dynamodb.dynamodb.error_mapping import MissingTable, cause, translate
from beaker_dynamodb.dynamodb.shared_attempt import Pause
from beaker_dynamodb.exceptions import StoreUnavailable

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

#: How long a request waits for a table that is being created.
WAIT_SECONDS = 10.0
#: Maximum time between two calls of DescribeTable.
POLL_SECONDS = 0.5
#: Items can be read and written while a table is UPDATING.
USABLE = frozenset({"ACTIVE", "UPDATING"})
#: States that change without intervention (AWS API reference, TableDescription).
TEMPORARY = frozenset({"CREATING", "DELETING"})
_RESTORE = (
    "restore it under another name from DynamoDB's backup (ArchivalSummary in DescribeTable), "
    "and set table_name"
)
_REMEDIES = {
    "ARCHIVED": _RESTORE,
    "ARCHIVING": _RESTORE,
    "INACCESSIBLE_ENCRYPTION_CREDENTIALS": (
        "make its KMS key usable again: the key is disabled or scheduled for deletion, or its "
        "policy does not allow DynamoDB; after seven days DynamoDB archives the table"
    ),
    "REPLICATION_NOT_AUTHORIZED": "grant the permissions for replication between accounts",
}


class TableNotReady(StoreUnavailable):
    """The table, or an index of it, was not ready in time."""


def describe(client: DynamoDBClient, table: str) -> Mapping[str, Any] | None:
    """Return the table's description, or None if DescribeTable does not find it.

    :raises DynamoDBError: DescribeTable failed.
    """
    try:
        return client.describe_table(TableName=table)["Table"]
    except Exception as error:
        failure = translate(error, "DescribeTable", table)
        if isinstance(failure, MissingTable):
            return None
        raise failure from cause(error)


def wait_until_usable(
    client: DynamoDBClient, options: Options, sleep: Callable[[float], None], *, new: bool
) -> bool:
    """Wait up to `WAIT_SECONDS` for a table that is being created; see `wait_until`.

    :returns: False if the table does not exist.
    """
    described = wait_until(
        client,
        options.table_name,
        lambda described: described["TableStatus"] in USABLE,
        seconds=WAIT_SECONDS,
        clock=options.clock,
        sleep=sleep,
        new=new,
    )
    return described is not None


def wait_until(
    client: DynamoDBClient,
    table: str,
    ready: Callable[[Mapping[str, Any]], bool],
    *,
    seconds: float,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    new: bool = True,
) -> Mapping[str, Any] | None:
    """Poll a table until it is ready.

    :param seconds: maximum wait.
    :param clock: returns epoch seconds.
    :param new: it may have just been created, so DescribeTable may not find it at first.
    :returns: the description, or None if the table does not exist or was deleted.
    :raises TableNotReady: it is not ready in time.
    :raises StoreUnavailable: its state will not change without intervention.
    """
    waiting = Pause()
    waiting.begin(clock(), seconds)
    while True:
        described = describe(client, table)
        state = "not found" if described is None else described["TableStatus"]
        if described is None:
            if not new:
                return None
        elif state not in USABLE | TEMPORARY:
            remedy = _REMEDIES.get(state, "see the table in the DynamoDB console")
            raise StoreUnavailable(
                f"table {table!r} is {state} and cannot be used: {remedy}",
                operation="DescribeTable",
                table=table,
            )
        elif ready(described):
            return described
        if not waiting.is_active(clock()):
            raise TableNotReady(
                f"table {table!r} is {state} after {seconds:.0f} seconds; try again later",
                operation="DescribeTable",
                table=table,
            )
        new = new and state != "DELETING"
        sleep(random.uniform(POLL_SECONDS / 2, POLL_SECONDS))

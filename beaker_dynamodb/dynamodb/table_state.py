"""Waiting for a table that cannot be used yet, and naming a state that no wait can end."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.dynamodb.error_mapping import MissingTable, cause, translate
from beaker_dynamodb.dynamodb.shared_attempt import Pause
from beaker_dynamodb.exceptions import StoreUnavailable

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from beaker_dynamodb.config.options import Options

#: Longest wait of a request for a table that is being created.
WAIT_SECONDS = 10.0
#: Longest time between two looks at it.
POLL_SECONDS = 0.5
#: A table in UPDATING serves items as well.
USABLE = frozenset({"ACTIVE", "UPDATING"})
#: States that end by themselves (AWS API reference, TableDescription).
PASSING = frozenset({"CREATING", "DELETING"})
_RESTORE = (
    "restore it, under another name, from the backup that DynamoDB has made of it "
    "(ArchivalSummary in DescribeTable), and set table_name"
)
_REMEDIES = {
    "ARCHIVED": _RESTORE,
    "ARCHIVING": _RESTORE,
    "INACCESSIBLE_ENCRYPTION_CREDENTIALS": (
        "make its KMS key usable again: it is disabled, about to be deleted, or its policy does "
        "not allow DynamoDB; after seven days the table is archived"
    ),
    "REPLICATION_NOT_AUTHORIZED": "grant the permissions that replication between accounts needs",
}


class TableNotReady(StoreUnavailable):
    """The table is in a state that passes, and has been for `WAIT_SECONDS`."""


def status(client: DynamoDBClient, table: str) -> str | None:
    """Return the table's state, or None if DescribeTable does not find it.

    :raises DynamoDBError: DescribeTable failed.
    """
    described = describe(client, table)
    return None if described is None else described["TableStatus"]


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


def refuse_lasting(found: str | None, table: str) -> None:
    """Raise for a state that does not end by itself.

    :param found: the table's state.
    :raises StoreUnavailable: it names the state, and what to do about it.
    """
    if found is None or found in USABLE or found in PASSING:
        return
    remedy = _REMEDIES.get(found, "see the table in the DynamoDB console")
    raise StoreUnavailable(
        f"table {table!r} is {found} and cannot be used: {remedy}",
        operation="DescribeTable",
        table=table,
    )


def wait_until_usable(client: DynamoDBClient, options: Options, before: str | None = None) -> bool:
    """Wait for a table that is being created.

    :param before: the state at an earlier look.
    :returns: False if the table was being deleted and is gone now.
    :raises TableNotReady: it cannot be used after `WAIT_SECONDS`.
    :raises StoreUnavailable: it is in a state that does not end by itself.
    """
    described = wait_until(
        client,
        options.table_name,
        lambda described: described["TableStatus"] in USABLE,
        seconds=WAIT_SECONDS,
        clock=options.clock,
        before=before,
    )
    return described is not None


def wait_until(
    client: DynamoDBClient,
    table: str,
    ready: Callable[[Mapping[str, Any]], bool],
    *,
    seconds: float,
    clock: Callable[[], float],
    sleep: Callable[[float], None] = time.sleep,
    before: str | None = None,
) -> Mapping[str, Any] | None:
    """Poll a table until it is ready.

    :param ready: called with the table's description.
    :param seconds: longest wait.
    :param clock: returns epoch seconds.
    :param before: the state at an earlier poll.
    :returns: the description; None if the table was being deleted and is gone now.
    :raises TableNotReady: it is not ready in time.
    :raises StoreUnavailable: it is in a state that does not end by itself.
    """
    waiting = Pause()
    waiting.begin(clock(), seconds)
    while True:
        described = describe(client, table)
        found = None if described is None else described["TableStatus"]
        refuse_lasting(found, table)
        if described is not None and ready(described):
            return described
        # A table that was created a moment ago may not be found yet.
        if found is None and before == "DELETING":
            return None
        if not waiting.lasts(clock()):
            raise TableNotReady(
                f"table {table!r} is {found or 'not found'} after {seconds:.0f} seconds; "
                "try again later",
                operation="DescribeTable",
                table=table,
            )
        before = found
        sleep(random.uniform(POLL_SECONDS / 2, POLL_SECONDS))

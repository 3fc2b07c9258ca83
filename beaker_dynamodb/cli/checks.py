"""What `doctor` looks at outside the items: credentials, table, clock, line, serializer.

Each check is a function that gives a `Result`, and raises a DynamoDBError where it cannot tell.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from beaker_dynamodb.cli.iam_policy import INDEX_QUERY
from beaker_dynamodb.cli.provision import call
from beaker_dynamodb.config.parse import Options
from beaker_dynamodb.dynamodb import indexes
from beaker_dynamodb.dynamodb import table as tables
from beaker_dynamodb.dynamodb.client_factory import client_error
from beaker_dynamodb.dynamodb.error_mapping import MissingTable
from beaker_dynamodb.exceptions import AccessDenied, ConfigurationError, DynamoDBError

OK, WARNING, ERROR = "ok", "warning", "error"

#: Clocks may differ by so many seconds: the HTTP header Date has whole ones.
SKEW_SECONDS = 5.0
#: From then on AWS refuses what is signed (IAM user guide, signing of requests).
MAX_SKEW_SECONDS = 300.0
#: A table in the same Region answers within 10 ms; every request of a user waits for it.
ROUND_TRIP_SECONDS = 0.1
ROUND_TRIPS = 5
#: Actions that the requests of sessions and caches do without: what they are for, and the flags of
#: the policy that allows them.
OPTIONAL = {
    "BatchGetItem": ("values of more than 400 KB", " --use large-values"),
    "BatchWriteItem": ("clear() and values of more than 400 KB", " --use clear --use large-values"),
    "Query": ("keys() and clear()", " --use keys --use clear"),
    INDEX_QUERY: ("SessionStore and the command sessions", " --use session-store"),
    "Scan": ("keys(), clear(), lists of all sessions and this command", " --use doctor"),
    "DescribeTable": ("this command and the creation of tables", " --use doctor"),
    "DescribeTimeToLive": ("this command and the creation of tables", " --use doctor"),
}


@dataclass(frozen=True)
class Result:
    """What one check found.

    :param name: what was looked at.
    :param status: `OK`, `WARNING` or `ERROR`.
    :param text: what was found.
    :param mend: what to do about it.
    """

    name: str
    status: str
    text: str
    mend: str = ""


def failed(name: str, error: DynamoDBError) -> Result:
    """Give the result of a check that could not be made."""
    if error.aws_code == "ResourceNotFoundException":
        mend = "beaker-dynamodb create-table, with the same flags"
        return Result(name, ERROR, f"table {error.table!r} does not exist", mend)
    if not isinstance(error, AccessDenied):
        return Result(name, ERROR, str(error), "look at the network, endpoint_url and region_name")
    # On an index Query is another matter than on the table.
    operation = INDEX_QUERY if name.startswith("Query, ") else error.operation or ""
    who, flags = OPTIONAL.get(operation, ("", ""))
    mend = f"beaker-dynamodb policy{flags} prints what to allow"
    if who:
        return Result(name, WARNING, str(error), f"only for {who}: {mend}")
    return Result(name, ERROR, str(error), mend)


def credentials(options: Options) -> Result:
    """Whether there are credentials, and where they are from; never what they are."""
    from boto3.session import Session

    name = "credentials"
    if options.aws_access_key_id is not None:
        return Result(name, OK, "from the option aws_access_key_id")
    try:
        found = Session(profile_name=options.profile_name).get_credentials()
    except Exception as error:
        text = str(client_error(error, options.table_name))
        return Result(name, ERROR, text, "fix the AWS configuration, or profile_name")
    if found is None:
        return Result(
            name,
            ERROR,
            "none found",
            "give the machine a role, run `aws configure`, or set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY",
        )
    return Result(name, OK, f"found by AWS's chain: {found.method}")


def region(client: Any) -> Result:
    """Which Region, and which endpoint."""
    return Result("region", OK, f"{client.meta.region_name}, {client.meta.endpoint_url}")


def table(client: Any, options: Options) -> tuple[Result, Mapping[str, Any] | None]:
    """Whether the table is there and ACTIVE; gives its description too."""
    name = "table"
    try:
        described = call(client, "DescribeTable", options.table_name, TableName=options.table_name)
    except MissingTable:
        status = WARNING if options.create_table else ERROR
        mend = "beaker-dynamodb create-table, with the same flags"
        return Result(name, status, f"{options.table_name!r} does not exist", mend), None
    state = described["Table"]["TableStatus"]
    found = described["Table"]
    if state not in ("ACTIVE", "UPDATING"):
        return Result(name, ERROR, f"{options.table_name!r} is {state}", "wait"), None
    items = found.get("ItemCount", 0)
    # DynamoDB counts them every six hours (API reference, TableDescription).
    text = f"{options.table_name!r} is {state}, about {items:,} items"
    return Result(name, OK, text), found


def key_schema(client: Any, options: Options) -> Result:
    """Whether the table's key is the one that the options say."""
    wrong = tables.mismatch(client, options)
    if wrong is not None:
        return Result("key", ERROR, str(wrong), "set hash_key and sort_key, or take another table")
    keys = [options.hash_key, *([options.sort_key] if options.sort_key else [])]
    return Result("key", OK, " and ".join(keys))


def time_to_live(client: Any, options: Options) -> Result:
    """Whether DynamoDB deletes expired items, and by the right attribute."""
    name, attribute = "time to live", options.ttl_attribute
    answer = call(client, "DescribeTimeToLive", options.table_name, TableName=options.table_name)
    told = answer["TimeToLiveDescription"]
    found = told.get("AttributeName")
    if told["TimeToLiveStatus"] not in ("ENABLED", "ENABLING"):
        text = "is off: expired items are never deleted, and are paid for"
        return Result(name, ERROR, text, "beaker-dynamodb create-table turns it on")
    if found != attribute:
        text = f"goes by {found!r}, and the items have {attribute!r}"
        return Result(name, ERROR, text, f"set ttl_attribute = {found}, or turn it off there")
    return Result(name, OK, f"on, by {attribute!r}")


def indexes_there(options: Options, described: Mapping[str, Any]) -> Result:
    """Whether every one of ``index_keys`` has its index."""
    name = "indexes"
    if not options.index_keys:
        return Result(name, OK, "none wanted")
    try:
        missing = indexes.missing(options, described)
    except ConfigurationError as error:
        return Result(
            name, ERROR, str(error), "delete the index, then beaker-dynamodb create-table"
        )
    if missing:
        names = ", ".join(index["IndexName"] for index in missing)
        return Result(name, ERROR, f"missing: {names}", "beaker-dynamodb create-table adds them")
    filling = [
        index["IndexName"]
        for index in described.get("GlobalSecondaryIndexes", [])
        if index.get("IndexStatus", "ACTIVE") != "ACTIVE"
    ]
    if filling:
        return Result(name, WARNING, f"not ACTIVE yet: {', '.join(filling)}", "wait")
    return Result(name, OK, ", ".join(indexes.index_name(key) for key in options.index_keys))


def clock(answer: Mapping[str, Any], before: float, after: float) -> Result:
    """Whether this machine's clock agrees with the server's.

    :param answer: of any call; its HTTP header ``Date`` is the server's time.
    :param before: this machine's time when it was sent, epoch seconds.
    :param after: and when it had come.
    """
    name = "clock"
    date = answer["ResponseMetadata"].get("HTTPHeaders", {}).get("date")
    if date is None:
        return Result(name, WARNING, "the server does not tell its time")
    server = parsedate_to_datetime(date).timestamp()
    # The header is cut off to whole seconds: the server's time is anywhere in that second.
    ahead = max(before - (server + 1), 0) or min(after - server, 0)
    if abs(ahead) <= SKEW_SECONDS:
        return Result(name, OK, f"within {SKEW_SECONDS:g} seconds of the server's")
    text = f"{abs(ahead):.0f} seconds {'ahead of' if ahead > 0 else 'behind'} the server's"
    status = WARNING if abs(ahead) < MAX_SKEW_SECONDS else ERROR
    return Result(name, status, text, "let the machine keep time by NTP; expiry goes by its clock")


def round_trip(
    read: Callable[[], object], monotonic: Callable[[], float] = time.perf_counter
) -> Result:
    """How long a read takes, from here: the median of a few.

    :param read: makes one call.
    """
    times = []
    for _ in range(ROUND_TRIPS):
        began = monotonic()
        read()
        times.append(monotonic() - began)
    median = statistics.median(times)
    text = f"{median * 1000:.1f} ms, the median of {ROUND_TRIPS} reads"
    if median <= ROUND_TRIP_SECONDS:
        return Result("round trip", OK, text)
    return Result("round trip", WARNING, text, "is the table in another Region?")


def safety(options: Options) -> Result:
    """Whether somebody who can write to the table can run code in the application."""
    name = "serializer"
    mend = "set signing_keys (README, Signed values)"
    if not options.signing_keys:
        text = "whoever can write to the table can run code in the application, through pickle"
        return Result(name, WARNING, text, mend)
    if options.signing_keys_accept_unsigned:
        text = "items without a signature are accepted, so signing_keys protects against nothing"
        mend = "when all servers sign, take signing_keys_accept_unsigned away"
        return Result(name, WARNING, text, mend)
    return Result(name, OK, "what is not signed is not read")

"""The results of `doctor`, and its checks of credentials, table, clock and round trip."""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Any, ParamSpec

from beaker_dynamodb.cli.iam_policy import INDEX_QUERY
from beaker_dynamodb.config.options import Options
from beaker_dynamodb.dynamodb import indexes, table, table_state
from beaker_dynamodb.dynamodb.authentication import REFUSED_CREDENTIALS
from beaker_dynamodb.dynamodb.client_factory import client_error
from beaker_dynamodb.exceptions import AccessDenied, ConfigurationError, DynamoDBError

OK, WARNING, ERROR = "ok", "warning", "error"

#: Tolerated clock difference: the HTTP header Date has only whole seconds.
SKEW_SECONDS = 5.0
#: AWS refuses signatures with a larger difference (IAM user guide, signing of requests).
MAX_SKEW_SECONDS = 300.0
#: Longest acceptable round trip. A table in the same Region answers within 10 ms.
ROUND_TRIP_SECONDS = 0.1
ROUND_TRIPS = 5
CREATE_TABLE = "beaker-dynamodb create-table, with the same flags"
#: Actions that ordinary requests do not need: the features that need them, and the flags of
#: `beaker-dynamodb policy` that allow them.
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
    """The result of one check.

    :param name: what was checked.
    :param status: `OK`, `WARNING` or `ERROR`.
    :param text: what was found.
    :param remedy: how to fix it, or what could be improved; may be empty.
    :param asvs: the OWASP ASVS 5.0 requirements that it covers (docs/explanation/owasp.md).
    """

    name: str
    status: str
    text: str
    remedy: str = ""
    asvs: tuple[str, ...] = ()


def failed(name: str, error: DynamoDBError) -> Result:
    """Return the result of a check whose call failed."""
    if error.aws_code == "ResourceNotFoundException":
        return Result(name, ERROR, f"table {error.table!r} does not exist", CREATE_TABLE)
    if not isinstance(error, AccessDenied):
        if error.aws_code in REFUSED_CREDENTIALS:
            remedy = "renew them at their source, for example with: aws sso login"
            return Result("credentials", ERROR, str(error), remedy)
        if error.aws_code is not None:
            return Result(name, ERROR, str(error))
        text, _, remedy = str(error).partition(". ")  # what happened, what to check
        return Result(name, ERROR, text, remedy)
    # IAM distinguishes a Query of an index from a Query of the table.
    action = INDEX_QUERY if name.startswith("Query, ") else error.operation or ""
    user, flags = OPTIONAL.get(action, ("", ""))
    remedy = f"beaker-dynamodb policy{flags} prints what to allow"
    if user:
        return Result(name, WARNING, str(error), f"only for {user}: {remedy}")
    return Result(name, ERROR, str(error), remedy)


P = ParamSpec("P")
#: What a check returns: status, text, and a remedy if there is one.
Found = tuple[str, str] | tuple[str, str, str]


def check(name: str, *asvs: str) -> Callable[[Callable[P, Found]], Callable[P, Result]]:
    """Turn a function into a check that returns a `Result` with this name, even if a call fails."""

    def decorate(function: Callable[P, Found]) -> Callable[P, Result]:
        @functools.wraps(function)
        def run(*args: P.args, **given: P.kwargs) -> Result:
            try:
                return replace(Result(name, *function(*args, **given)), asvs=asvs)
            except DynamoDBError as error:
                return failed(name, error)

        return run

    return decorate


@check("credentials")
def check_credentials(options: Options) -> Found:
    """Check that credentials exist, and say where they come from; never show them."""
    from boto3.session import Session

    if options.aws_access_key_id is not None:
        return OK, "from the option aws_access_key_id"
    try:
        found = Session().get_credentials()
    except Exception as error:
        reason = str(client_error(error, options.table_name))
        return ERROR, reason, "fix the AWS configuration, or AWS_PROFILE"
    if found is None:
        remedy = (
            "give the machine a role, run `aws configure`, or set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY"
        )
        return ERROR, "none found", remedy
    return OK, f"found by AWS's chain: {found.method}"


@check("table")
def check_table(options: Options, described: Mapping[str, Any] | None) -> Found:
    """Check that the table exists and can be used.

    :param described: the table's description, or None if it does not exist.
    """
    quoted = repr(options.table_name)
    if described is None:
        status = WARNING if options.create_table else ERROR
        return status, f"{quoted} does not exist", CREATE_TABLE
    state = described["TableStatus"]
    if state not in table_state.USABLE:
        return ERROR, f"{quoted} is {state}", "wait"
    # DynamoDB counts the items every six hours (API reference, TableDescription).
    return OK, f"{quoted} is {state}, about {described.get('ItemCount', 0):,} items"


@check("key")
def check_key(client: Any, options: Options) -> Found:
    """Check that the table has the configured key."""
    wrong = table.mismatch(client, options)
    if wrong is not None:
        return ERROR, str(wrong), "set hash_key and sort_key, or use another table"
    return OK, " and ".join(filter(None, (options.hash_key, options.sort_key)))


@check("time to live")
def check_time_to_live(client: Any, options: Options) -> Found:
    """Check that time to live is on and uses the configured attribute."""
    attribute = options.ttl_attribute
    found = table.time_to_live_attribute(client, options.table_name)
    if found is None:
        text = "is off: expired items are never deleted, and cost storage"
        return ERROR, text, "beaker-dynamodb create-table turns it on"
    if found != attribute:
        text = f"is on for {found!r}, but the items have {attribute!r}"
        remedy = f"set ttl_attribute = {found}, or turn time to live off and run create-table later"
        return ERROR, text, remedy
    return OK, f"on (attribute {attribute!r})"


@check("indexes")
def check_indexes(options: Options, described: Mapping[str, Any]) -> Found:
    """Check that each indexed special key has its index."""
    if not options.index_keys:
        return OK, "none configured"
    try:
        missing = indexes.missing(options, described)
    except ConfigurationError as error:
        return ERROR, str(error), "delete the index, then run beaker-dynamodb create-table"
    if missing:
        names = ", ".join(index["IndexName"] for index in missing)
        return ERROR, f"missing: {names}", "beaker-dynamodb create-table adds them"
    creating = [
        index["IndexName"]
        for index in described.get("GlobalSecondaryIndexes", [])
        if index.get("IndexStatus", "ACTIVE") != "ACTIVE"
    ]
    if creating:
        return WARNING, f"not ACTIVE yet: {', '.join(creating)}", "wait"
    for wanted in indexes.definitions(options):
        found = indexes.find(described, wanted["IndexName"])
        if found is not None and (lacking := indexes.lacking(found, wanted)):
            text = (
                f"{found['IndexName']} lacks {', '.join(lacking)}, so each session found with it "
                "costs one more read"
            )
            return WARNING, text, "beaker-dynamodb create-table --replace-indexes"
    return OK, ", ".join(indexes.index_name(key) for key in options.index_keys)


@check("clock")
def check_clock(response: Mapping[str, Any], before: float, after: float) -> Found:
    """Compare this machine's clock with the HTTP header ``Date`` of a response.

    :param before: this machine's time when the request was sent, in epoch seconds.
    :param after: its time when the response arrived.
    """
    date = response["ResponseMetadata"].get("HTTPHeaders", {}).get("date")
    if date is None:
        return WARNING, "the server does not send its time"
    server = parsedate_to_datetime(date).timestamp()
    # The header has no fraction: the server's time is anywhere in that second.
    ahead = max(before - (server + 1), 0) or min(after - server, 0)
    if abs(ahead) <= SKEW_SECONDS:
        return OK, f"within {SKEW_SECONDS:g} seconds of the server's"
    text = f"{abs(ahead):.0f} seconds {'ahead of' if ahead > 0 else 'behind'} the server's"
    status = WARNING if abs(ahead) < MAX_SKEW_SECONDS else ERROR
    return status, text, "synchronize the clock with NTP; expiry depends on it"


@check("round trip")
def check_round_trip(
    read: Callable[[], object], monotonic: Callable[[], float] = time.perf_counter
) -> Found:
    """Measure the median duration of a few reads."""
    durations = []
    for _ in range(ROUND_TRIPS):
        started = monotonic()
        read()
        durations.append(monotonic() - started)
    median = statistics.median(durations)
    text = f"{median * 1000:.1f} ms, the median of {ROUND_TRIPS} reads"
    if median <= ROUND_TRIP_SECONDS:
        return OK, text
    return WARNING, text, "is the table in another Region?"

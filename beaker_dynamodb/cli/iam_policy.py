"""The smallest IAM policy for a use of the table: actions and resources without wildcards.

TransactWriteItems needs only the permissions of its writes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from beaker_dynamodb.config.options import Options
from beaker_dynamodb.dynamodb.indexes import index_name
from beaker_dynamodb.exceptions import ConfigurationError
from beaker_dynamodb.items.keys import Keys

REQUESTS = ("GetItem", "PutItem", "DeleteItem")
CREATION = ("CreateTable", "DescribeTable", "UpdateTimeToLive", "DescribeTimeToLive")
#: Actions on the table itself, not on items.
ON_TABLE = frozenset(
    {
        *CREATION,
        "DescribeContinuousBackups",
        "ListTagsOfResource",
        "TagResource",
        "UpdateContinuousBackups",
        "UpdateTable",
    }
)
#: Placeholder for dynamodb:Query on the indexes instead of the table.
INDEX_QUERY = "Query on the indexes"


def _sessions(options: Options) -> tuple[str, ...]:
    # Sessions that end are replaced by markers. Only `hash_ids = migrate` needs DeleteItem.
    requests = REQUESTS if options.hash_ids == "migrate" else ("GetItem", "PutItem")
    return requests if options.max_sessions is None else (*requests, "BatchGetItem")


def _session_store(options: Options) -> tuple[str, ...]:
    # A revoke writes the user item, and markers.
    write = () if options.user_key is None else ("PutItem",)
    return ("GetItem", "DeleteItem", *write, *_indexes(options))


def _listing(options: Options) -> tuple[str, ...]:
    return ("Scan",) if options.sort_key is None else ("Query",)


def _indexes(options: Options) -> tuple[str, ...]:
    return (INDEX_QUERY,) if options.index_keys else ()


#: Uses of the table, and the actions that they need.
USES: dict[str, Callable[[Options], tuple[str, ...]]] = {
    "sessions": _sessions,
    "cache": lambda _: REQUESTS,
    # Values and sessions of more than 400 KB.
    "large-values": lambda _: ("BatchGetItem", "BatchWriteItem"),
    "keys": _listing,
    # A PutItem for each value that another process is computing.
    "clear": lambda options: (*_listing(options), "BatchWriteItem", "PutItem"),
    # SessionStore, and the command `sessions`: by id and by special key.
    "session-store": _session_store,
    # All sessions, or one by the digest of its id.
    "all-sessions": lambda _: ("Scan",),
    "create": lambda _: CREATION,
    # Subcommands. `create-table-extras` is for the optional flags of `create-table`.
    "create-table": lambda _: (*CREATION, "UpdateTable"),
    "create-table-extras": lambda _: (
        "ListTagsOfResource",
        "TagResource",
        "DescribeContinuousBackups",
        "UpdateContinuousBackups",
    ),
    "doctor": lambda options: (
        *REQUESTS,
        "BatchGetItem",
        "BatchWriteItem",
        "Scan",
        *(("Query",) if options.sort_key is not None else ()),
        *_indexes(options),
        "DescribeTable",
        "DescribeTimeToLive",
    ),
    "stats": lambda _: ("Scan", "DescribeTable"),
    # Permissions on the target table only.
    "migrate": lambda _: ("GetItem", "BatchGetItem", "PutItem"),
    "reap": lambda _: ("Scan", "DeleteItem"),
}


#: Uses that access only sessions, or only cache entries. `large-values` applies to
#: those that it is combined with, all other uses access both.
OF_SESSIONS = frozenset({"sessions", "session-store", "migrate"})
OF_CACHES = frozenset({"cache", "keys", "clear"})

#: Prefixes of the Regions outside the partition `aws` (AWS general reference, ARNs).
PARTITIONS = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
}


def policy_document(
    options: Options,
    uses: Iterable[str],
    account: str = "ACCOUNT",
    partition: str | None = None,
    *,
    leading_keys: bool = False,
) -> dict[str, Any]:
    """Return the policy document.

    :param uses: names in `USES`.
    :param account: AWS account number, or a placeholder.
    :param partition: default: derived from the Region.
    :param leading_keys: allow only items with the prefixes of these uses, for a shared table.
    :raises ConfigurationError: ``leading_keys`` with a use that reads items of all prefixes.
    """
    wanted = [(use, action) for use in uses for action in USES[use](options)]
    actions = list(dict.fromkeys(action for _, action in wanted))
    table = arn(options, account, partition)
    on_items = [action for action in actions if action not in ON_TABLE | {INDEX_QUERY}]
    statements = []
    if on_items:
        condition = _leading_keys(options, wanted) if leading_keys else {}
        statements.append({**_statement("BeakerItems", on_items, [table]), **condition})
    if INDEX_QUERY in actions:
        indexes = [f"{table}/index/{index_name(key)}" for key in options.index_keys]
        statements.append(_statement("BeakerIndexes", ["Query"], indexes))
    on_table = [action for action in actions if action in ON_TABLE]
    if on_table:
        statements.append(_statement("BeakerTable", on_table, [table]))
    return {"Version": "2012-10-17", "Statement": statements}


def arn(options: Options, account: str, partition: str | None = None) -> str:
    """Return the table's ARN, with the placeholder REGION if no Region is set."""
    name = options.table_name
    if name.startswith("arn:"):
        return name
    region = options.region_name or "REGION"
    found = (one for beginning, one in PARTITIONS.items() if region.startswith(beginning))
    partition = partition or next(found, "aws")
    return f"arn:{partition}:dynamodb:{region}:{account}:table/{name}"


def _statement(sid: str, actions: list[str], resources: list[str]) -> dict[str, Any]:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Action": [f"dynamodb:{action}" for action in actions],
        "Resource": resources[0] if len(resources) == 1 else resources,
    }


def _leading_keys(options: Options, wanted: list[tuple[str, str]]) -> dict[str, Any]:
    for use, action in wanted:
        if action in ("Scan", INDEX_QUERY):
            raise ConfigurationError(
                f"--leading-keys: {use} reads the items of all prefixes ({action}), which cannot "
                "be allowed for one prefix only; name other uses, such as --use sessions, or give "
                "each application its own table"
            )
    uses = {use for use, _ in wanted}
    session, cache = Keys(options).prefixes
    prefixes = [session] * bool(uses & OF_SESSIONS) + [cache] * bool(uses & OF_CACHES)
    if not all(prefixes := list(dict.fromkeys(prefixes or [session, cache]))):
        raise ConfigurationError("--leading-keys: the option prefix is empty")
    # A policy escapes wildcard characters like this (IAM user guide, policy variables).
    literal = [re.sub(r"[*?$]", lambda found: f"${{{found[0]}}}", prefix) for prefix in prefixes]
    return {
        "Condition": {
            "ForAllValues:StringLike": {
                "dynamodb:LeadingKeys": [f"{prefix}*" for prefix in literal]
            },
            # ForAllValues also matches a request without keys.
            "Null": {"dynamodb:LeadingKeys": "false"},
        }
    }

"""Run the tests of items, sessions and caches on other servers: ``python -m tests.engines``.

Prints a row for each server: what it supports, and how many tests pass. A test fails where it
expects what the server lacks; the names of failed tests go to standard error.

python -m tests.engines            # all servers
python -m tests.engines dynalite
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tests.conftest import CACHE, dynamodb_local, pytest_configure
from tests.servers.endpoint import create_table
from tests.servers.engines import ENGINES, VARIABLE

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

TITLES = {
    "local": "DynamoDB Local 3.3",
    "moto": "moto 5.2",
    "dynalite": "dynalite 4.0",
    "ministack": "ministack 1.5",
    "mrsc": "moto behind a proxy that acts like a strongly consistent global table (MRSC)",
}
FOLDERS = ["tests/items", "tests/sessions", "tests/caches"]
HEAD = (
    "| server | transactions | time to live | item of a failed condition | capacity units | tests |"
)


def main(names: list[str]) -> None:
    """Print a table of the servers."""
    print(HEAD, "|---|---|---|---|---|---|", sep="\n", flush=True)
    for name in names or TITLES:
        print(f"| {TITLES[name]} | {' | '.join([*_abilities(name), _tests(name)])} |", flush=True)


def _abilities(name: str) -> list[str]:
    """Return whether the server has what this package uses if it can."""
    if name == "moto":
        return ["yes", "yes", "yes", "not as on AWS"]
    pytest_configure()  # isolate from the developer's AWS account
    server = dynamodb_local() if name == "local" else ENGINES[name](CACHE)
    with server as endpoint:
        create_table(endpoint.client, "abilities")
        item = {"id": {"S": "key"}, "value": {"S": "x" * 2000}}
        endpoint.client.put_item(TableName="abilities", Item=item)
        found = [_transactions, _time_to_live, _item_of_a_failed_condition, _capacity_units]
        return ["yes" if ability(endpoint.client) else "no" for ability in found]


def _transactions(client: DynamoDBClient) -> bool:
    put: Any = {"TableName": "abilities", "Item": {"id": {"S": "other"}}}
    with suppress(ClientError):
        client.transact_write_items(TransactItems=[{"Put": put}])
        return True
    return False


def _time_to_live(client: DynamoDBClient) -> bool:
    wanted: Any = {"Enabled": True, "AttributeName": "expires"}
    with suppress(ClientError):
        client.update_time_to_live(TableName="abilities", TimeToLiveSpecification=wanted)
        return True
    return False


def _item_of_a_failed_condition(client: DynamoDBClient) -> bool:
    try:
        client.put_item(
            TableName="abilities",
            Item={"id": {"S": "key"}},
            ConditionExpression="attribute_not_exists(id)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ClientError as error:
        return "Item" in error.response
    return False


def _capacity_units(client: DynamoDBClient) -> bool:
    """Return whether units are as on AWS: 1 for a consistent read, 2 for writing 2,000 bytes."""
    read = client.get_item(
        TableName="abilities",
        Key={"id": {"S": "key"}},
        ConsistentRead=True,
        ReturnConsumedCapacity="TOTAL",
    )
    write = client.put_item(
        TableName="abilities",
        Item={"id": {"S": "new"}, "value": {"S": "x" * 2000}},
        ReturnConsumedCapacity="TOTAL",
    )
    used = [answer.get("ConsumedCapacity", {}).get("CapacityUnits") for answer in (read, write)]
    return used == [1, 2]


def _tests(name: str) -> str:
    """Run the tests and return how many passed."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "2", "-m", "not full and not local", *FOLDERS],
        env={**os.environ, VARIABLE: name, "HYPOTHESIS_PROFILE": "quick"},
        capture_output=True,
        text=True,
        check=False,
    )
    print(
        name, *re.findall(r"^FAILED (\S+)", done.stdout, re.MULTILINE), sep="\n  ", file=sys.stderr
    )
    counts = {
        word: int(number)
        for number, word in re.findall(r"(\d+) (passed|failed|error)", done.stdout)
    }
    return f"{counts.get('passed', 0)} of {sum(counts.values())}"


if __name__ == "__main__":
    main(sys.argv[1:])

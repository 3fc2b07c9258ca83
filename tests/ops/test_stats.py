"""stats: what is counted, and that nothing in the table stops it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.cli.statistics import BARS, prefix
from tests.ops.conftest import Run

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

pytestmark = pytest.mark.both_servers


def test_stats(run: Run, filled: dict[str, Any]) -> None:
    """Counts by prefix and type, live and expired; strangers only by number."""
    answer = json.loads(run("stats", "--json").stdout)
    caches, sessions = answer["groups"]
    assert ("cache:", "beaker-cache", 3, 0) == tuple(caches.values())[:4]
    assert ("sess:", "beaker-session", 5, 1) == tuple(sessions.values())[:4]
    assert 1 == answer["foreign"]
    assert 6 == sum(sessions["sizes"].values())
    assert 1.0 == sessions["read_units_per_request"]
    assert 1.0 == sessions["write_units_per_request"]
    assert 3000 > caches["largest"], "it is compressed"


def test_removed_entries_are_not_counted(run: Run, filled: dict[str, Any]) -> None:
    del DynamoDBNamespaceManager("news", **filled)["key-0"]
    answer = json.loads(run("stats", "--json").stdout)
    assert ["beaker-cache", "beaker-session"] == [group["type"] for group in answer["groups"]]
    assert 2 == answer["groups"][0]["live"]
    assert 1 == answer["foreign"]


def test_stats_for_people(run: Run, filled: dict[str, Any]) -> None:
    """The histogram has a bar for each size there is; the scan says what it cost."""
    result = run("stats")
    assert 0 == result.exit_code
    assert "█" in result.stdout
    assert "1 of the items are not of this package." in result.stdout
    assert "The scan used " in result.stdout
    assert run("stats", "--units-per-second", "0").exit_code == 2


def test_stats_with_damaged_items(
    run: Run, filled: dict[str, Any], client: DynamoDBClient, table_name: str
) -> None:
    """Odd keys, times and attributes of an item, or a wrong --hash-key, stop nothing."""
    kind = {"S": "beaker-session"}
    for key, created in (("[/x]:\x1b[31m:a", {"N": "1e30"}), ("[prod]:b", {"S": "today"})):
        item = {"id": {"S": key}, "type": kind, "created": created, "deadline": {"S": "x"}}
        client.put_item(TableName=table_name, Item=item)
    result = run("stats")
    assert 0 == result.exit_code
    assert "[/x]:\\u001b[31m: beaker-session" in result.stdout
    assert "[prod]: beaker-session" in result.stdout
    assert "unknown" in result.stdout
    assert "\x1b" not in result.stdout
    groups = json.loads(run("stats", "--hash-key", "foo", "--json").stdout)["groups"]
    assert {"", 8} == {groups[1]["prefix"], groups[1]["live"] + groups[1]["expired"]}


def test_stats_of_a_missing_table(run: Run, table_name: str) -> None:
    """Looking makes no table: an error that says how one is made."""
    result = run("stats")
    assert (2, "") == (result.exit_code, result.stdout)
    mend = f"table '{table_name}' does not exist: make it with beaker-dynamodb create-table"
    assert f"beaker-dynamodb: error: {mend}\n" == result.stderr


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("sess:abc", "sess:"),
        ("shop:two:abc", "shop:two:"),
        ("cache:news|a:b|c", "cache:"),
        ("cache:|lock|news|key", "cache:"),
        ("abc", ""),
    ],
)
def test_the_prefix_of_a_key(key: str, expected: str) -> None:
    """It ends with the last colon before the first bar: none is in an id or a namespace."""
    assert expected == prefix(key)


def test_the_histogram_ends_at_dynamodbs_limit() -> None:
    """No item is larger than the last bar."""
    assert 409_600 == BARS[-1]

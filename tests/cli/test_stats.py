"""stats."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.cli.stats import BARS, prefix
from tests.cli.conftest import Run

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


def test_items_are_counted_by_prefix_and_type(run: Run, filled: dict[str, Any]) -> None:
    DynamoDBNamespaceManager("news", **filled)["removed"] = 1
    del DynamoDBNamespaceManager("news", **filled)["removed"]
    answer = json.loads(run("stats", "--json").stdout)
    caches, sessions = answer["groups"]
    assert ("cache:", "beaker-cache", 3, 0) == tuple(caches.values())[:4]
    assert ("sess:", "beaker-session", 5, 1) == tuple(sessions.values())[:4]
    assert 1 == answer["foreign"]
    assert 6 == sum(sessions["sizes"].values())
    assert 1.0 == sessions["read_units_per_request"]
    assert 1.0 == sessions["write_units_per_request"]
    assert 3000 > caches["largest"], "it is compressed"


def test_the_output_for_people(run: Run, filled: dict[str, Any]) -> None:
    result = run("stats")
    assert 0 == result.exit_code
    assert "█" in result.stdout
    assert "1 of the items are not of this package." in result.stdout
    assert "The scan used " in result.stdout
    assert 2 == run("stats", "--units-per-second", "0").exit_code


def test_damaged_items_and_a_wrong_hash_key_are_counted(
    run: Run, filled: dict[str, Any], client: DynamoDBClient, table_name: str
) -> None:
    kind = {"S": "beaker-session"}
    for key, created in (("[/x]:\x1b[31m:a", {"N": "1e30"}), ("[prod]:b", {"S": "today"})):
        item = {"id": {"S": key}, "type": kind, "created": created, "deadline": {"S": "x"}}
        client.put_item(TableName=table_name, Item=item)
    result = run("stats")
    assert 0 == result.exit_code
    assert "[/x]:\\u001b[31m: beaker-session" in result.stdout
    assert "[prod]: beaker-session" in result.stdout
    assert "unknown" in result.stdout
    groups = json.loads(run("stats", "--hash-key", "foo", "--json").stdout)["groups"]
    assert {"", 8} == {groups[1]["prefix"], groups[1]["live"] + groups[1]["expired"]}


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
    assert expected == prefix(key)


def test_the_last_bar_is_dynamodbs_limit() -> None:
    assert 409_600 == BARS[-1]

"""clear."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager
from tests.cli.conftest import Run, keys

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


@pytest.mark.parametrize("words", [["--yes"], []])
def test_only_the_namespace_is_deleted(
    run: Run,
    filled: dict[str, Any],
    options: dict[str, Any],
    client: DynamoDBClient,
    table_name: str,
    words: list[str],
) -> None:
    DynamoDBNamespaceManager("newspaper", **options)[b"key"] = 1
    before = keys(client, table_name)
    result = run("clear", "--namespace", "news", *words, input="y\n")
    assert "3 items deleted; " in result.stdout
    left = {key for key in before if not key.startswith("cache:news|")}
    assert len(before) - 3 == len(left)
    assert left == keys(client, table_name)
    again = json.loads(run("clear", "--namespace", "news", "--yes", "--json").stdout)
    assert 0 == again["deleted"]


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [("n\n", 1, "stopped"), ("", 2, "cannot ask: stdin is not a terminal; give --yes")],
)
def test_without_a_yes_nothing_is_deleted(
    run: Run,
    filled: dict[str, Any],
    client: DynamoDBClient,
    table_name: str,
    answer: str,
    code: int,
    said: str,
) -> None:
    before = keys(client, table_name)
    result = run("clear", "--namespace", "news", input=answer)
    assert code == result.exit_code
    assert said in result.stderr.splitlines()[-1]
    assert before == keys(client, table_name)

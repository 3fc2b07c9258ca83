"""Global secondary indexes: created with the table, or missing from it."""

from __future__ import annotations

import json
import shlex
import time
from typing import Any

import pytest

from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.dynamodb import indexes, table
from tests.servers.endpoint import DynamoDBClient

TYPES = {"userId": "S", "logins": "N", "user.blob": "B", "admin": "BOOL"}


def special(*indexed: str) -> dict[str, Any]:
    keys = {name: f"{kind}:index" if name in indexed else kind for name, kind in TYPES.items()}
    return {"special_keys": keys}


def comparable(index: Any) -> dict[str, Any]:
    """Return the parts that definitions and descriptions of an index share."""
    units = index.get("ProvisionedThroughput", {})
    return {
        "name": index["IndexName"],
        "key": index["KeySchema"],
        "type": index["Projection"]["ProjectionType"],
        "attributes": sorted(index["Projection"]["NonKeyAttributes"]),
        "units": [units.get(name) or 0 for name in ("ReadCapacityUnits", "WriteCapacityUnits")],
    }


@pytest.mark.both_servers
@pytest.mark.parametrize("capacity", [{}, {"read_capacity_units": 7}])
def test_indexes_are_created_with_the_table(
    client: DynamoDBClient, options: dict[str, Any], capacity: dict[str, Any]
) -> None:
    keys = special("userId", "logins", "user.blob")
    parsed = parse({**options, **keys, **capacity})
    table.create(client, parsed, time.sleep)
    description = client.describe_table(TableName=parsed.table_name)["Table"]
    found = {
        index["IndexName"]: comparable(index) for index in description["GlobalSecondaryIndexes"]
    }
    assert found == {index["IndexName"]: comparable(index) for index in indexes.definitions(parsed)}
    assert {"beaker-logins", "beaker-user.blob", "beaker-userId"} == set(found)
    assert [[7, 5] if capacity else [0, 0]] * 3 == [index["units"] for index in found.values()]
    assert [] == indexes.missing(parsed, description)


def test_an_index_does_not_contain_the_payload() -> None:
    (index,) = indexes.definitions(parse(special("logins")))
    assert [{"AttributeName": "logins", "KeyType": "HASH"}] == index["KeySchema"]
    assert {
        "ProjectionType": "INCLUDE",
        "NonKeyAttributes": [
            *["expires", "accessed", "created", "deadline", "namespace", "type"],
            *["userId", "user.blob", "admin"],
        ],
    } == index["Projection"]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("userId", "beaker-userId"),
        ("user.id", "beaker-user.id"),
        ("größe", "beaker-d353a267"),
        ("k" * 248, "beaker-" + "k" * 248),
        ("k" * 249, "beaker-a6ba261a"),
    ],
)
def test_every_index_name_is_valid(key: str, expected: str) -> None:
    name = indexes.index_name(key)
    assert 3 <= len(name) <= 255
    assert name.isascii()
    assert expected == name[: len(expected)]


def test_the_aws_command_creates_the_key_and_the_indexes() -> None:
    options = parse({"special_keys": "user id:S:index", "sort_key": "part"})
    words = shlex.split(table.aws_command(options))
    request = table.definition(options)
    for option, name in [
        ("--attribute-definitions", "AttributeDefinitions"),
        ("--key-schema", "KeySchema"),
        ("--global-secondary-indexes", "GlobalSecondaryIndexes"),
    ]:
        assert request[name] == json.loads(words[words.index(option) + 1])

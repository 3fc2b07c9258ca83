"""The indexes: made with the table, or found to be lacking and added to it."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import pytest

from beaker_dynamodb import ConfigurationError, DynamoDBNamespaceManager
from beaker_dynamodb.config.parse import Options, parse
from beaker_dynamodb.dynamodb import indexes, table

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

pytestmark = [pytest.mark.both_servers, pytest.mark.both_shapes]

SPECIAL = {"special_keys": "userId:S, logins:N, user.blob:B, admin:BOOL"}
INDEXED = {**SPECIAL, "index_keys": "userId, logins, user.blob"}
NAMES = ["beaker-logins", "beaker-user.blob", "beaker-userId"]


def described(client: DynamoDBClient, options: Options) -> Any:
    """Give what DescribeTable says."""
    return client.describe_table(TableName=options.table_name)["Table"]


def comparable(index: Any) -> dict[str, Any]:
    """Give what a wanted index and a described one have in common; an order means nothing."""
    projection = {name: index["Projection"][name] for name in sorted(index["Projection"])}
    projection["NonKeyAttributes"] = sorted(projection["NonKeyAttributes"])
    units = index.get("ProvisionedThroughput", {})
    return {
        "name": index["IndexName"],
        "key": index["KeySchema"],
        "projection": projection,
        "units": [units.get(name) or 0 for name in ("ReadCapacityUnits", "WriteCapacityUnits")],
    }


@pytest.mark.parametrize("capacity", [{}, {"read_capacity_units": 7}])
def test_the_indexes_are_made_with_the_table(
    client: DynamoDBClient, options: dict[str, Any], capacity: dict[str, Any]
) -> None:
    """A table that is created has an index per index key, with capacity where it has some."""
    given = {**options, **INDEXED, **capacity}
    assert [] == DynamoDBNamespaceManager("cache", **given).keys()
    parsed = parse(given)
    found = described(client, parsed)
    by_name = sorted(found["GlobalSecondaryIndexes"], key=lambda index: index["IndexName"])
    assert NAMES == [index["IndexName"] for index in by_name]
    wanted = sorted(indexes.definitions(parsed), key=lambda index: index["IndexName"])
    assert [comparable(index) for index in wanted] == [comparable(index) for index in by_name]
    units = [7, 5] if capacity else [0, 0]
    assert [units] * 3 == [comparable(index)["units"] for index in by_name]
    assert [] == indexes.missing(parsed, found)


def test_an_index_holds_what_a_list_shows_and_no_payload() -> None:
    """It has the expiry, the times, the type, the other special keys; never the data."""
    (index,) = indexes.definitions(parse({**SPECIAL, "index_keys": "logins"}))
    assert [{"AttributeName": "logins", "KeyType": "HASH"}] == index["KeySchema"]
    assert {
        "ProjectionType": "INCLUDE",
        "NonKeyAttributes": [
            *["expires", "accessed", "created", "deadline", "namespace", "type"],
            *["userId", "user.blob", "admin"],
        ],
    } == index["Projection"]


def test_what_an_existing_table_lacks_can_be_added(
    client: DynamoDBClient, options: dict[str, Any]
) -> None:
    """Each lacking index is told, and what is told is what UpdateTable takes."""
    plain = {**options, **SPECIAL, "index_keys": "userId"}
    assert [] == DynamoDBNamespaceManager("cache", **plain).keys()
    parsed = parse({**plain, "index_keys": "userId, logins"})
    (lacking,) = indexes.missing(parsed, described(client, parsed))
    assert "beaker-logins" == lacking["IndexName"]
    client.update_table(**indexes.addition(parsed, lacking))
    assert [] == indexes.missing(parsed, described(client, parsed))


def test_an_index_with_another_key_is_explained(
    client: DynamoDBClient, options: dict[str, Any]
) -> None:
    """An index whose key is of another type than the options say is an error that names both."""
    plain = {**options, "special_keys": "userId:S", "index_keys": "userId"}
    assert [] == DynamoDBNamespaceManager("cache", **plain).keys()
    parsed = parse({**plain, "special_keys": "userId:N"})
    with pytest.raises(ConfigurationError, match=r"key userId \(S\), the options say userId \(N\)"):
        indexes.missing(parsed, described(client, parsed))


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("userId", "beaker-userId"),
        ("user.id", "beaker-user.id"),
        ("größe", "beaker-" + "d353a267"),
        ("k" * 248, "beaker-" + "k" * 248),
        ("k" * 249, "beaker-" + "a6ba261a"),
    ],
)
def test_every_key_gives_a_name_that_dynamodb_takes(key: str, expected: str) -> None:
    """An index is called by its key, or by a digest of one that cannot stand in a name."""
    name = indexes.index_name(key)
    assert 3 <= len(name) <= 255
    assert name.isascii()
    assert expected == name[: len(expected)]


def test_the_command_of_the_aws_cli_has_the_indexes() -> None:
    """The command that error messages show makes the same indexes, names with spaces too."""
    options = parse({"special_keys": "user id:S", "index_keys": "user id"})
    words = shlex.split(table.aws_command(options))
    assert "AttributeName=user id,AttributeType=S" in words
    assert indexes.definitions(options) == json.loads(
        words[words.index("--global-secondary-indexes") + 1]
    )

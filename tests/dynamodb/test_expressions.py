"""The expression builder."""

from __future__ import annotations

from typing import Any

import pytest

from beaker_dynamodb.dynamodb.expressions import Attr, Condition, read_params, write_params
from tests.servers.endpoint import DynamoDBClient

NOW = {"N": "5"}


@pytest.mark.parametrize(
    ("condition", "expression"),
    [
        (Attr("a").exists(), "attribute_exists(#a)"),
        (Attr("a").not_exists(), "attribute_not_exists(#a)"),
        (Attr("a").eq("x"), "#a = :a"),
        (Attr("a").ne("x"), "#a <> :a"),
        (Attr("a").lt(NOW), "#a < :a"),
        (Attr("a").lte(NOW), "#a <= :a"),
        (Attr("a").gt(NOW), "#a > :a"),
        (Attr("a").begins_with("x"), "begins_with(#a, :a)"),
        (Attr("a").is_in(["x", "y", "x"]), "#a IN (:a, :a2, :a)"),
        (Attr("a").exists() & Attr("b").exists() & Attr("c").exists(),
         "attribute_exists(#a) AND attribute_exists(#b) AND attribute_exists(#c)"),
        (Attr("a").exists() | Attr("b").exists() & Attr("c").exists(),
         "attribute_exists(#a) OR attribute_exists(#b) AND attribute_exists(#c)"),
        ((Attr("a").exists() | Attr("b").exists()) & Attr("c").exists(),
         "(attribute_exists(#a) OR attribute_exists(#b)) AND attribute_exists(#c)"),
        (Attr("a").exists() & (Attr("b").exists() | Attr("c").exists()),
         "attribute_exists(#a) AND (attribute_exists(#b) OR attribute_exists(#c))"),
    ],
)  # fmt: skip
def test_expressions(condition: Condition, expression: str) -> None:
    assert expression == write_params(condition)["ConditionExpression"]


def test_write_params_name_every_attribute_and_value() -> None:
    assert {
        "ConditionExpression": "#a = :a AND #deadline > :deadline AND #deadline <= :deadline2",
        "ExpressionAttributeNames": {"#a": "a", "#deadline": "deadline"},
        "ExpressionAttributeValues": {
            ":a": {"S": "marker"},
            ":deadline": NOW,
            ":deadline2": {"N": "6"},
        },
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    } == write_params(
        Attr("a").eq("marker") & Attr("deadline").gt(NOW) & Attr("deadline").lte({"N": "6"})
    )  # fmt: skip


def test_empty_values_are_left_out() -> None:
    assert {
        "ConditionExpression": "attribute_not_exists(#id)",
        "ExpressionAttributeNames": {"#id": "id"},
    } == write_params(Attr("id").not_exists(), return_item=False)


def test_read_params_share_placeholders() -> None:
    assert {
        "KeyConditionExpression": "#id = :id",
        "FilterExpression": "begins_with(#id, :id2) AND #type = :type",
        "ProjectionExpression": "#id, #deadline",
        "ExpressionAttributeNames": {"#id": "id", "#type": "type", "#deadline": "deadline"},
        "ExpressionAttributeValues": {":id": {"S": "a"}, ":id2": {"S": "b"}, ":type": {"S": "t"}},
    } == read_params(
        key=Attr("id").eq("a"),
        filter=Attr("id").begins_with("b") & Attr("type").eq("t"),
        projection=["id", "deadline", "id"],
    )


NAMES = ["SIZE", "user-id", "user.id", "user id", "Straße", "Strasse", "2fa", "_domain", "n" * 255]


@pytest.mark.both_servers
def test_every_attribute_name_can_be_used(client: DynamoDBClient, table_name: str) -> None:
    client.create_table(
        TableName=table_name,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    item: dict[str, Any] = {name: {"S": f"value of {name}"} for name in ["id", *NAMES]}
    client.put_item(TableName=table_name, Item=item)
    condition = Attr("id").exists()
    for name in NAMES:
        condition &= Attr(name).eq(item[name])
    found = client.scan(TableName=table_name, **read_params(filter=condition, projection=NAMES))
    assert [{name: item[name] for name in NAMES}] == found["Items"]

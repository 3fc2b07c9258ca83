"""policy: the document for each choice of uses, options and place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from beaker_dynamodb import ConfigurationError
from beaker_dynamodb.cli.iam_policy import policy_document
from beaker_dynamodb.cli.main import cli
from beaker_dynamodb.config.converters import SpecialKey
from beaker_dynamodb.config.options import Options
from tests.cli.conftest import Words

ACCOUNT = "123456789012"
INDEXED = Options(special_keys=(SpecialKey("user", "S", indexed=True),))
Permission = tuple[str, str]


def allowed(document: dict[str, Any]) -> set[Permission]:
    """Return the actions and resources of a document, each of whose statements has one resource."""
    statements = document["Statement"]
    return {(action, each["Resource"]) for each in statements for action in each["Action"]}


def test_leading_keys_limit_items_but_not_the_table() -> None:
    options = Options(prefix="shop*:")
    document = policy_document(options, ["sessions", "create"], ACCOUNT, leading_keys=True)
    items, on_table = document["Statement"]
    assert {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["shop${*}:*"]},
        "Null": {"dynamodb:LeadingKeys": "false"},
    } == items["Condition"]
    assert {"dynamodb:GetItem", "dynamodb:PutItem"} == set(items["Action"])
    assert "Condition" not in on_table


@pytest.mark.parametrize(
    ("uses", "prefixes"),
    [
        (["sessions"], ["sess:*"]),
        (["sessions", "large-values", "session-store"], ["sess:*"]),
        (["cache", "keys"], ["cache:*"]),
        (["cache", "sessions"], ["sess:*", "cache:*"]),
        (["large-values"], ["sess:*", "cache:*"]),
        (["clear"], ["cache:*"]),  # a Query where there is a sort key
    ],
)
def test_leading_keys_have_the_prefixes_of_the_uses(uses: Words, prefixes: list[str]) -> None:
    for prefix, expected in ((None, prefixes), ("x:", ["x:*"])):
        options = Options(sort_key="part", prefix=prefix)
        (statement,) = policy_document(options, uses, leading_keys=True)["Statement"]
        found = statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
        assert expected == found


@pytest.mark.parametrize(
    ("words", "uses"),
    [
        ([], ["sessions", "create"]),
        (["--reap-interval", "3600"], ["sessions", "create", "reap"]),
        (
            ["--special-keys", "user:S:index", "--create-table", "false"],
            ["sessions", "session-store"],
        ),
        (["--for", "cache", "--clear"], ["cache", "create", "clear"]),
        (["--use", "stats", "--reap-interval", "3600"], ["stats"]),
    ],
)
def test_the_default_uses_follow_from_the_options(words: Words, uses: Words) -> None:
    result = CliRunner().invoke(cli, ["policy", *words])
    assert policy_document(INDEXED, uses) == json.loads(result.stdout)


@pytest.mark.parametrize(
    ("words", "beginning", "said"),
    [
        ([], "arn:aws:dynamodb:REGION:ACCOUNT:", ["REGION", "ACCOUNT"]),
        (["--region-name", "cn-north-1"], "arn:aws-cn:dynamodb:cn-north-1:", ["ACCOUNT"]),
        (["--region-name", "us-gov-west-1", "--account", "1" * 12], "arn:aws-us-gov:dynamodb:", []),
        (["--region-name", "eu-west-1", "--partition", "x"], "arn:x:dynamodb:", ["ACCOUNT"]),
    ],
)
def test_the_arn_has_the_regions_partition(words: Words, beginning: str, said: list[str]) -> None:
    result = CliRunner().invoke(cli, ["policy", *words])
    resource = json.loads(result.stdout)["Statement"][0]["Resource"]
    assert resource.startswith(beginning)
    assert said == [line.split()[0] for line in result.stderr.splitlines()]


@pytest.mark.parametrize("use", ["clear", "keys", "stats", "all-sessions", "doctor", "reap"])
def test_leading_keys_allow_no_scan(use: str) -> None:
    with pytest.raises(ConfigurationError, match=f"--leading-keys: {use} reads the items of all"):
        policy_document(Options(), [use], leading_keys=True)


def test_leading_keys_with_an_index_need_named_uses() -> None:
    words = ["policy", "--leading-keys", "--special-keys", "user:S:index"]
    result = CliRunner().invoke(cli, words)
    assert (2, "") == (result.exit_code, result.stdout)
    assert "such as --use sessions" in result.stderr
    assert 0 == CliRunner().invoke(cli, [*words, "--use", "sessions"]).exit_code


def test_leading_keys_need_a_prefix() -> None:
    with pytest.raises(ConfigurationError, match="prefix is empty"):
        policy_document(Options(prefix=""), ["sessions"], leading_keys=True)


def test_a_table_given_as_an_arn_keeps_it() -> None:
    arn = "arn:aws-cn:dynamodb:cn-north-1:111122223333:table/mine"
    document = policy_document(Options(table_name=arn), ["sessions"], ACCOUNT)
    assert {arn} == {resource for _, resource in allowed(document)}

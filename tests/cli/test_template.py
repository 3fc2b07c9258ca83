"""template: the table that create-table makes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from beaker_dynamodb.cli.main import cli
from beaker_dynamodb.cli.template import LOGICAL_NAME
from tests.cli.conftest import Run

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

INDEXED = ("--special-keys", "userId:S:index, logins:N:index")
KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
TAGS = ("--tag", "app=shop", "--tag", "stage=live")
EXTRAS = (*TAGS, "--kms-key", KEY)
PROTECTED = ("--deletion-protection", "--point-in-time-recovery")
SHAPES = [
    (),
    (*INDEXED, "--read-capacity-units", "3"),
    ("--hash-key", "pk", "--sort-key", "sk", "--ttl-attribute", "ttl"),
]


@pytest.mark.parametrize("flags", SHAPES)
def test_cloudformation_is_the_table_that_create_table_makes(
    run: Run, client: DynamoDBClient, table_name: str, flags: tuple[str, ...]
) -> None:
    assert 0 == run("create-table", *flags).exit_code
    template = json.loads(run("template", *flags).stdout)
    properties = template["Resources"][LOGICAL_NAME]["Properties"]
    found: dict[str, Any] = dict(client.describe_table(TableName=table_name)["Table"])
    live = client.describe_time_to_live(TableName=table_name)["TimeToLiveDescription"]
    for name in ("TableName", "KeySchema"):
        assert properties[name] == found[name]
    billing = found.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    assert properties["BillingMode"] == billing
    assert properties["TimeToLiveSpecification"]["AttributeName"] == live["AttributeName"]
    assert attributes(properties) == attributes(found)
    assert indexes(properties) == indexes(found)


def attributes(table: Mapping[str, Any]) -> dict[str, str]:
    return {d["AttributeName"]: d["AttributeType"] for d in table["AttributeDefinitions"]}


def indexes(table: Mapping[str, Any]) -> dict[str, Any]:
    return {
        index["IndexName"]: (
            index["KeySchema"],
            sorted(index["Projection"]["NonKeyAttributes"]),
            index.get("ProvisionedThroughput", {}).get("ReadCapacityUnits") or 0,
        )
        for index in table.get("GlobalSecondaryIndexes", [])
    }


@pytest.mark.parametrize("flags", SHAPES)
def test_all_formats_are_one_table(flags: tuple[str, ...]) -> None:
    cloudformation, terraform, cdk = (
        json.loads(
            CliRunner()
            .invoke(cli, ["template", *flags, *EXTRAS, *PROTECTED, "--format", kind])
            .stdout
        )
        for kind in ("cloudformation", "terraform", "cdk-json")
    )
    properties = cloudformation["Resources"][LOGICAL_NAME]["Properties"]
    assert properties == pascal_case(cdk)
    (resource,) = terraform["resource"]["aws_dynamodb_table"].values()
    assert properties["TableName"] == resource["name"]
    assert properties["BillingMode"] == resource["billing_mode"]
    assert properties["KeySchema"] == key_schema(resource)
    assert attributes(properties) == {one["name"]: one["type"] for one in resource["attribute"]}
    assert properties.get("ProvisionedThroughput") == throughput(resource)
    assert properties.get("GlobalSecondaryIndexes", []) == [
        {
            "IndexName": index["name"],
            "KeySchema": key_schema(index),
            "Projection": {
                "ProjectionType": index["projection_type"],
                "NonKeyAttributes": index["non_key_attributes"],
            },
            **({"ProvisionedThroughput": units} if (units := throughput(index)) else {}),
        }
        for index in resource.get("global_secondary_index", [])
    ]
    assert properties["TimeToLiveSpecification"] == {
        "Enabled": resource["ttl"]["enabled"],
        "AttributeName": resource["ttl"]["attribute_name"],
    }
    assert {"enabled": True, "kms_key_arn": KEY} == resource["server_side_encryption"]
    assert properties["SSESpecification"] == {
        "SSEEnabled": True,
        "SSEType": "KMS",
        "KMSMasterKeyId": KEY,
    }
    assert resource["deletion_protection_enabled"] is properties["DeletionProtectionEnabled"]
    assert {"enabled": True} == resource["point_in_time_recovery"]
    assert {"PointInTimeRecoveryEnabled": True} == properties["PointInTimeRecoverySpecification"]
    assert {"app": "shop", "stage": "live"} == resource["tags"]
    assert resource["tags"] == {tag["Key"]: tag["Value"] for tag in properties["Tags"]}


def key_schema(described: Mapping[str, Any]) -> list[dict[str, str]]:
    schema = [{"AttributeName": described["hash_key"], "KeyType": "HASH"}]
    if "range_key" in described:
        schema.append({"AttributeName": described["range_key"], "KeyType": "RANGE"})
    return schema


def throughput(described: Mapping[str, Any]) -> dict[str, int] | None:
    if "read_capacity" not in described:
        return None
    return {
        "ReadCapacityUnits": described["read_capacity"],
        "WriteCapacityUnits": described["write_capacity"],
    }


def pascal_case(value: Any) -> Any:
    if isinstance(value, dict):
        names = {name: re.sub("^(sse|kms)", lambda m: m[0].upper(), name) for name in value}
        return {names[n][0].upper() + names[n][1:]: pascal_case(v) for n, v in value.items()}
    return [pascal_case(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("kind", ["cloudformation", "terraform", "cdk-json"])
def test_a_table_given_as_an_arn_has_its_name_in_templates(kind: str) -> None:
    arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/mine"
    result = CliRunner().invoke(cli, ["template", "--format", kind, "--table-name", arn])
    assert '"mine"' in result.stdout
    assert arn not in result.stdout


@pytest.mark.parametrize("key", ["alias/mine", "1234abcd-12ab-34cd-56ef-1234567890ab"])
def test_terraform_needs_the_arn_of_a_key(key: str) -> None:
    words = ["template", "--kms-key", key, "--format"]
    refused = CliRunner().invoke(cli, [*words, "terraform"])
    assert (2, "") == (refused.exit_code, refused.stdout)
    assert "--kms-key: Terraform needs the key's ARN" in refused.stderr
    assert key in CliRunner().invoke(cli, [*words, "cloudformation"]).stdout


@pytest.mark.full
def test_cfn_lint_passes(tmp_path: Path) -> None:
    paths = []
    for number, flags in enumerate(SHAPES):
        template = CliRunner().invoke(cli, ["template", *flags, *EXTRAS, *PROTECTED]).stdout
        paths.append(tmp_path / f"{number}.json")
        paths[-1].write_text(template)
    linter = [
        sys.executable,
        "-c",
        "import cfnlint.runner; cfnlint.runner.main()",
        *map(str, paths),
    ]
    done = subprocess.run(linter, capture_output=True, text=True)
    assert (0, "") == (done.returncode, done.stdout + done.stderr)

"""template: the table that create-table creates."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from beaker_dynamodb.cli.main import cli
from beaker_dynamodb.cli.template import LOGICAL_NAME
from tests.cli.conftest import Described, Run, Words

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
    run: Run, described: Described, time_to_live: Any, flags: Words
) -> None:
    assert 0 == run("create-table", *flags).exit_code
    made = json.loads(run("template", *flags).stdout)
    properties = made["Resources"][LOGICAL_NAME]["Properties"]
    found = described()
    for name in ("TableName", "KeySchema"):
        assert properties[name] == found[name]
    billing = found.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    assert properties["BillingMode"] == billing
    assert properties["TimeToLiveSpecification"]["AttributeName"] == time_to_live()
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


def template(*flags: str) -> Result:
    return CliRunner().invoke(cli, ["template", *flags])


def test_terraform_and_cdk_have_every_property() -> None:
    flags = (*INDEXED, "--sort-key", "sk", "--read-capacity-units", "3", *EXTRAS, *PROTECTED)

    def made(kind: str) -> Any:
        return json.loads(template(*flags, "--format", kind).stdout)

    properties = made("cloudformation")["Resources"][LOGICAL_NAME]["Properties"]
    projected = [i["Projection"]["NonKeyAttributes"] for i in properties["GlobalSecondaryIndexes"]]
    capacity = {"read_capacity": 3, "write_capacity": 5}
    names = {"S": ["id", "sk", "userId"], "N": ["logins"]}
    assert {
        "name": "sessions",
        "billing_mode": "PROVISIONED",
        "hash_key": "id",
        "range_key": "sk",
        **capacity,
        "attribute": [{"name": name, "type": kind} for kind in names for name in names[kind]],
        "ttl": {"enabled": True, "attribute_name": "expires"},
        "global_secondary_index": [
            {
                "name": f"beaker-{key}",
                "hash_key": key,
                **capacity,
                "projection_type": "INCLUDE",
                "non_key_attributes": others,
            }
            for key, others in zip(("userId", "logins"), projected, strict=True)
        ],
        "server_side_encryption": {"enabled": True, "kms_key_arn": KEY},
        "deletion_protection_enabled": True,
        "point_in_time_recovery": {"enabled": True},
        "tags": {"app": "shop", "stage": "live"},
    } == made("terraform")["resource"]["aws_dynamodb_table"]["sessions"]
    cdk = made("cdk-json")
    renamed = {
        "SSESpecification": "sseSpecification",
        "KMSMasterKeyId": "kmsMasterKeyId",
        "SSEType": "sseType",
        "SSEEnabled": "sseEnabled",
    }
    shown = json.dumps(properties)
    for name in re.findall(r'"(\w+)":', shown):
        new = renamed.get(name, name[0].lower() + name[1:])
        shown = shown.replace(f'"{name}":', f'"{new}":')
    assert cdk == json.loads(shown)
    encryption = {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY}
    assert encryption == properties["SSESpecification"]
    assert properties["DeletionProtectionEnabled"]
    assert {"PointInTimeRecoveryEnabled": True} == properties["PointInTimeRecoverySpecification"]
    assert {"app": "shop", "stage": "live"} == {t["Key"]: t["Value"] for t in properties["Tags"]}


@pytest.mark.parametrize("flags", SHAPES)
def test_yaml_is_the_same_template(flags: Words) -> None:
    words = (*flags, *EXTRAS, *PROTECTED)
    text = template(*words, "--format", "yaml").stdout
    assert json.loads(template(*words).stdout) == yaml.safe_load(text)


@pytest.mark.parametrize(("table", "name"), [("my.app", "my_app"), ("9-lives", "_9-lives")])
def test_the_name_in_terraform_is_that_of_the_table(table: str, name: str) -> None:
    made = json.loads(template("--format", "terraform", "--table-name", table).stdout)
    assert table == made["resource"]["aws_dynamodb_table"][name]["name"]


@pytest.mark.parametrize("kind", ["cloudformation", "yaml", "terraform", "cdk-json"])
def test_a_table_given_as_an_arn_has_its_name_in_templates(kind: str) -> None:
    arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/mine"
    result = template("--format", kind, "--table-name", arn)
    assert '"mine"' in result.stdout
    assert arn not in result.stdout


@pytest.mark.parametrize("key", ["alias/mine", "1234abcd-12ab-34cd-56ef-1234567890ab"])
def test_terraform_needs_the_arn_of_a_key(key: str) -> None:
    refused = template("--kms-key", key, "--format", "terraform")
    assert (2, "") == (refused.exit_code, refused.stdout)
    assert "--kms-key: Terraform needs the key's ARN" in refused.stderr
    assert key in template("--kms-key", key, "--format", "cloudformation").stdout


@pytest.mark.full
def test_cfn_lint_passes(tmp_path: Path) -> None:
    for number, flags in enumerate(SHAPES):
        for kind, suffix in (("cloudformation", "json"), ("yaml", "yaml")):
            made = template("--format", kind, *flags, *EXTRAS, *PROTECTED).stdout
            (tmp_path / f"{number}.{suffix}").write_text(made)
    program = "import cfnlint.runner; cfnlint.runner.main()"
    linter = [sys.executable, "-c", program, *map(str, tmp_path.iterdir())]
    done = subprocess.run(linter, capture_output=True, text=True)
    assert (0, "") == (done.returncode, done.stdout + done.stderr)

"""create-table and template: the same table by two ways, and an existing one is added to."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from beaker_dynamodb.cli.main import cli
from beaker_dynamodb.cli.provision import CHANGED, KEPT, Extras, Provisioner
from beaker_dynamodb.cli.table_template import LOGICAL_NAME
from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.dynamodb.client import ClientSource
from tests.conftest import dynamodb_local
from tests.ops.conftest import Run
from tests.servers.endpoint import create_table
from tests.servers.recorder import CallRecorder

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from tests.servers.endpoint import Endpoint

pytestmark = pytest.mark.both_servers

INDEXED = ("--special-keys", "userId:S, logins:N", "--index-keys", "userId, logins")
INDEX = {"special_keys": "userId:S", "index_keys": "userId"}
KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
TAGS = ("--tag", "app=shop", "--tag", "stage=live")
EXTRAS = (*TAGS, "--kms-key", KEY)
PROTECTED = ("--deletion-protection", "--point-in-time-recovery")


@pytest.fixture(scope="module")
def endpoint(request: pytest.FixtureRequest, engine: str) -> Iterator[Endpoint]:
    """Each server in turn; a DynamoDB Local of these tests' own.

    One that has served for long makes no more indexes: they stay in CREATING for ever.
    """
    if engine == "moto":
        yield request.getfixturevalue("moto_endpoint")
    else:
        with dynamodb_local() as endpoint:
            yield endpoint


def described(client: DynamoDBClient, table_name: str) -> dict[str, Any]:
    """Give all that the server says of a table, in one form."""
    table = client.describe_table(TableName=table_name)["Table"]
    live = client.describe_time_to_live(TableName=table_name)["TimeToLiveDescription"]
    return {
        "attributes": {
            d["AttributeName"]: d["AttributeType"] for d in table["AttributeDefinitions"]
        },
        "key": table["KeySchema"],
        "billing": table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED"),
        "indexes": shapes(table.get("GlobalSecondaryIndexes", [])),
        "time to live": live.get("AttributeName"),
    }


def shapes(indexes: Any) -> dict[str, Any]:
    """Give indexes by name, without what changes by itself."""
    return {
        index["IndexName"]: (
            index["KeySchema"],
            sorted(index["Projection"]["NonKeyAttributes"]),
            index.get("ProvisionedThroughput", {}).get("ReadCapacityUnits") or 0,
        )
        for index in indexes
    }


def of_template(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Give what `described` would give of a table with CloudFormation's properties."""
    return {
        "attributes": {
            d["AttributeName"]: d["AttributeType"] for d in properties["AttributeDefinitions"]
        },
        "key": properties["KeySchema"],
        "billing": properties["BillingMode"],
        "indexes": shapes(properties.get("GlobalSecondaryIndexes", [])),
        "time to live": properties["TimeToLiveSpecification"]["AttributeName"],
    }


def test_the_table_is_made_and_then_as_wanted(run: Run) -> None:
    """The first run makes it and says so, the second finds nothing to do."""
    first, second = run("create-table", *INDEXED), run("create-table", *INDEXED)
    assert (0, 0) == (first.exit_code, second.exit_code)
    assert re.search(r"^\+ table '.*' created: .*index 'beaker-userId'", first.stdout)
    assert "+ time to live turned on, by 'expires'" in first.stdout
    assert "+" not in {line[0] for line in second.stdout.splitlines()}
    assert "Nothing to do." == second.stdout.splitlines()[-1]


def test_an_existing_table_gets_what_it_lacks(
    run: Run, client: DynamoDBClient, table_name: str
) -> None:
    """A bare table ends as one that was made with everything, its indexes added one by one."""
    create_table(client, table_name)
    result = run("create-table", *INDEXED, "--json")
    answer = json.loads(result.stdout)
    assert 3 == answer["changes"]
    assert ["kept", "kept", "changed", "changed", "changed"] == [
        step["status"] for step in answer["steps"]
    ]
    assert "expires" == described(client, table_name)["time to live"]
    assert {"beaker-userId", "beaker-logins"} == set(described(client, table_name)["indexes"])


@pytest.mark.parametrize("when", ["when it is made", "later"])
def test_tags_and_protection(run: Run, client: DynamoDBClient, table_name: str, when: str) -> None:
    """They are set on a new table and added to an existing one; a second run changes nothing."""
    if when == "later":
        run("create-table")
    result = run("create-table", *TAGS, *PROTECTED)
    assert 0 == result.exit_code, result.output
    table = client.describe_table(TableName=table_name)["Table"]
    assert table["DeletionProtectionEnabled"]
    tags = client.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"]
    assert {"app": "shop", "stage": "live"} == {tag["Key"]: tag["Value"] for tag in tags}
    backups = client.describe_continuous_backups(TableName=table_name)
    recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert "ENABLED" == recovery["PointInTimeRecoveryStatus"]
    again = run("create-table", *TAGS, *PROTECTED)
    assert "Nothing to do." == again.stdout.splitlines()[-1]


def test_encryption(run: Run, table_name: str, endpoint: Endpoint, client: DynamoDBClient) -> None:
    """A new table is encrypted with the key; a table that has another gets it by UpdateTable."""
    assert 0 == run("create-table", "--kms-key", KEY).exit_code
    table = client.describe_table(TableName=table_name)["Table"]
    assert KEY == table["SSEDescription"]["KMSMasterKeyArn"]
    ours = ClientSource(parse({"table_name": table_name, **endpoint.options}))()
    with CallRecorder(ours) as calls:
        assert 0 == run("create-table", "--kms-key", KEY).exit_code
        assert 0 == run("create-table", "--kms-key", KEY.rpartition("/")[2]).exit_code
        assert "UpdateTable" not in calls.operations
        assert 0 == run("create-table", "--kms-key", "alias/other").exit_code
    (update,) = [call for call in calls if call.operation == "UpdateTable"]
    assert {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": "alias/other"} == update.params[
        "SSESpecification"
    ]


def test_a_table_of_another_key_is_an_error_with_both(
    run: Run, client: DynamoDBClient, table_name: str
) -> None:
    """Nothing is changed, and one line names the key that is there and the one wanted."""
    create_table(client, table_name)
    before = described(client, table_name)
    result = run("create-table", "--hash-key", "sid")
    assert (2, "") == (result.exit_code, result.stdout)
    assert "has partition key 'id' (S)" in result.stderr
    assert "say partition key 'sid' (S)" in result.stderr
    assert before == described(client, table_name)


def test_time_to_live_on_another_attribute_is_an_error(run: Run) -> None:
    """It cannot be changed at once: the error says how."""
    run("create-table", "--ttl-attribute", "ttl")
    result = run("create-table")
    assert (2, "") == (result.exit_code, result.stdout)
    assert "has time to live on 'ttl'" in result.stderr
    assert "update-time-to-live" in result.stderr


def test_an_index_of_another_key_is_an_error(run: Run) -> None:
    """An index whose key is of another type is named with both."""
    run("create-table", "--special-keys", "userId:S", "--index-keys", "userId")
    result = run("create-table", "--special-keys", "userId:N", "--index-keys", "userId")
    assert 2 == result.exit_code
    assert "has the key userId (S), the options say userId (N)" in result.stderr


def test_what_cannot_be_changed_is_told(run: Run) -> None:
    """Other billing, and an index that lacks attributes, are told with ! and left alone."""
    run("create-table", "--special-keys", "userId:S", "--index-keys", "userId")
    more = ("--special-keys", "userId:S, name:S", "--index-keys", "userId")
    result = run("create-table", *more, "--read-capacity-units", "7")
    assert 0 == result.exit_code
    assert "! billing is PAY_PER_REQUEST, not PROVISIONED, 7 read, 5 write units" in result.stdout
    assert "! index 'beaker-userId' has no name" in result.stdout


def test_a_provisioned_tables_index_has_its_capacity(
    run: Run, client: DynamoDBClient, table_name: str
) -> None:
    """An index that is added to a provisioned table needs capacity: the table's own."""
    run("create-table", "--read-capacity-units", "3", "--write-capacity-units", "4")
    assert 0 == run("create-table", *INDEXED).exit_code
    assert {3} == {units for *_, units in described(client, table_name)["indexes"].values()}


@pytest.mark.parametrize("tag", ["nothing", "=value"])
def test_a_tag_is_a_key_and_a_value(run: Run, tag: str) -> None:
    """Anything else is a wrong use."""
    result = run("create-table", "--tag", tag)
    assert 2 == result.exit_code
    assert "is not KEY=VALUE" in result.stderr


def test_two_at_once(
    client: DynamoDBClient, table_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is second, with the table and then with time to live, takes what is there as wanted."""
    options = parse({"table_name": table_name, **INDEX})
    first, second = (Provisioner(client, options, Extras()).steps() for _ in range(2))
    with monkeypatch.context() as patched:
        # Both have seen that there is no table.
        patched.setattr(Provisioner, "_describe", lambda _: None)
        patched.setattr(Provisioner, "_wait", lambda *_: table_of(client, table_name))
        made, found = next(first), next(second)
    assert (CHANGED, KEPT) == (made.status, found.status)
    assert f"table {table_name!r} is there" in found.text
    assert CHANGED == [*first][-1].status
    assert {KEPT} == {step.status for step in second}


def table_of(client: DynamoDBClient, table_name: str) -> Any:
    """Give a table's description, once it is there."""
    client.get_waiter("table_exists").wait(TableName=table_name)
    return client.describe_table(TableName=table_name)["Table"]


# -- template -------------------------------------------------------------------------------------

SHAPES = [
    (),
    INDEXED,
    ("--hash-key", "pk", "--sort-key", "sk", "--ttl-attribute", "ttl"),
    (*INDEXED, "--read-capacity-units", "3"),
]


@pytest.mark.parametrize("flags", SHAPES)
def test_the_template_is_the_table_that_create_table_makes(
    run: Run, client: DynamoDBClient, table_name: str, flags: tuple[str, ...]
) -> None:
    """CloudFormation's properties say what DescribeTable says of the table that is made."""
    assert 0 == run("create-table", *flags).exit_code
    template = json.loads(run("template", *flags).stdout)
    properties = template["Resources"][LOGICAL_NAME]["Properties"]
    assert table_name == properties["TableName"]
    assert described(client, table_name) == of_template(properties)


@pytest.mark.parametrize("flags", SHAPES)
def test_terraform_and_cdk_say_the_same(run: Run, flags: tuple[str, ...]) -> None:
    """The three formats are one table."""
    cloudformation, terraform, cdk = (
        json.loads(run("template", *flags, *EXTRAS, *PROTECTED, "--format", kind).stdout)
        for kind in ("cloudformation", "terraform", "cdk-json")
    )
    properties = cloudformation["Resources"][LOGICAL_NAME]["Properties"]
    assert properties == capitalised(cdk)
    (resource,) = terraform["resource"]["aws_dynamodb_table"].values()
    assert properties == of_terraform(resource)


@pytest.mark.parametrize("kind", ["cloudformation", "terraform", "cdk-json"])
def test_a_table_by_its_arn_has_its_name_in_templates(kind: str) -> None:
    """No format takes an ARN for the name of the table."""
    arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/mine"
    result = CliRunner().invoke(cli, ["template", "--format", kind, "--table-name", arn])
    assert '"mine"' in result.stdout
    assert arn not in result.stdout


@pytest.mark.parametrize("key", ["alias/mine", "1234abcd-12ab-34cd-56ef-1234567890ab"])
def test_terraform_takes_a_key_by_its_arn_only(key: str) -> None:
    """An id or an alias is a wrong use there, and fine for CloudFormation."""
    words = ["template", "--kms-key", key, "--format"]
    refused = CliRunner().invoke(cli, [*words, "terraform"])
    assert (2, "") == (refused.exit_code, refused.stdout)
    assert "--kms-key: Terraform takes the ARN of a key" in refused.stderr
    assert key in CliRunner().invoke(cli, [*words, "cloudformation"]).stdout


def capitalised(value: Any) -> Any:
    """Give the CDK's names CloudFormation's spelling."""
    if isinstance(value, dict):
        return {
            re.sub("^sse", "SSE", name)[0].upper() + re.sub("^sse", "SSE", name)[1:]
            if name != "kmsMasterKeyId"
            else "KMSMasterKeyId": capitalised(inner)
            for name, inner in value.items()
        }
    return [capitalised(inner) for inner in value] if isinstance(value, list) else value


def of_terraform(resource: Mapping[str, Any]) -> dict[str, Any]:
    """Give the CloudFormation properties of a Terraform resource."""

    def key(described: Mapping[str, Any]) -> list[dict[str, str]]:
        schema = [{"AttributeName": described["hash_key"], "KeyType": "HASH"}]
        if "range_key" in described:
            schema.append({"AttributeName": described["range_key"], "KeyType": "RANGE"})
        return schema

    def capacity(described: Mapping[str, Any]) -> dict[str, Any]:
        if "read_capacity" not in described:
            return {}
        return {
            "ProvisionedThroughput": {
                "ReadCapacityUnits": described["read_capacity"],
                "WriteCapacityUnits": described["write_capacity"],
            }
        }

    indexes = [
        {
            "IndexName": index["name"],
            "KeySchema": key(index),
            "Projection": {
                "ProjectionType": index["projection_type"],
                "NonKeyAttributes": index["non_key_attributes"],
            },
            **capacity(index),
        }
        for index in resource.get("global_secondary_index", [])
    ]
    encryption = resource["server_side_encryption"]
    return {
        "TableName": resource["name"],
        "BillingMode": resource["billing_mode"],
        "KeySchema": key(resource),
        **capacity(resource),
        "AttributeDefinitions": [
            {"AttributeName": one["name"], "AttributeType": one["type"]}
            for one in resource["attribute"]
        ],
        **({"GlobalSecondaryIndexes": indexes} if indexes else {}),
        "TimeToLiveSpecification": {
            "Enabled": resource["ttl"]["enabled"],
            "AttributeName": resource["ttl"]["attribute_name"],
        },
        "SSESpecification": {
            "SSEEnabled": encryption["enabled"],
            "SSEType": "KMS",
            "KMSMasterKeyId": encryption["kms_key_arn"],
        },
        "DeletionProtectionEnabled": resource["deletion_protection_enabled"],
        "PointInTimeRecoverySpecification": {
            "PointInTimeRecoveryEnabled": resource["point_in_time_recovery"]["enabled"]
        },
        "Tags": [{"Key": key, "Value": value} for key, value in resource["tags"].items()],
    }


@pytest.mark.full
@pytest.mark.parametrize("flags", SHAPES)
def test_cfn_lint_passes(run: Run, flags: tuple[str, ...], tmp_path: Path) -> None:
    """AWS's own linter finds nothing in the CloudFormation template."""
    path = tmp_path / "template.json"
    path.write_text(run("template", *flags, *EXTRAS, *PROTECTED).stdout)
    linter = [sys.executable, "-c", "import cfnlint.runner; cfnlint.runner.main()", str(path)]
    done = subprocess.run(linter, capture_output=True, text=True)
    assert (0, "") == (done.returncode, done.stdout + done.stderr)

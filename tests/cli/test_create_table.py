"""create-table: a new table, and what it adds to an existing one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from botocore.stub import Stubber

from beaker_dynamodb import DynamoDBError
from beaker_dynamodb.cli.provision import Provisioner
from beaker_dynamodb.cli.table_changes import CHANGED, KEPT, TableChanges
from beaker_dynamodb.cli.table_request import Extras
from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.dynamodb import indexes
from beaker_dynamodb.dynamodb.client import ClientSource
from tests.cli.conftest import Run
from tests.cli.test_template import INDEXED, KEY, PROTECTED, TAGS
from tests.conftest import dynamodb_local
from tests.servers.endpoint import create_table
from tests.servers.recorder import CallRecorder

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from tests.servers.endpoint import Endpoint


@pytest.fixture(scope="module")
def endpoint(request: pytest.FixtureRequest, engine: str) -> Iterator[Endpoint]:
    """A DynamoDB Local of these tests' own: after a long run, its new indexes stay in CREATING."""
    if engine == "moto":
        yield request.getfixturevalue("moto_endpoint")
    else:
        with dynamodb_local() as endpoint:
            yield endpoint


INDEX = ("--special-keys", "userId:S:index")


def time_to_live(client: DynamoDBClient, table_name: str) -> str | None:
    described = client.describe_time_to_live(TableName=table_name)
    return described["TimeToLiveDescription"].get("AttributeName")


@pytest.mark.both_servers
def test_a_new_table_and_a_second_run(run: Run) -> None:
    first, second = run("create-table", *INDEXED), run("create-table", *INDEXED)
    assert (0, 0) == (first.exit_code, second.exit_code)
    assert re.search(r"^\+ table '.*' created: .*index 'beaker-userId'", first.stdout)
    assert "+ time to live turned on, by 'expires'" in first.stdout
    assert "+" not in {line[0] for line in second.stdout.splitlines()}
    assert "Nothing to do." == second.stdout.splitlines()[-1]


@pytest.mark.both_servers
def test_an_existing_table_gets_what_it_lacks(
    run: Run, client: DynamoDBClient, table_name: str
) -> None:
    create_table(client, table_name)
    answer = json.loads(run("create-table", *INDEXED, "--json").stdout)
    assert 3 == answer["changes"]
    assert ["kept", "kept", "changed", "changed", "changed"] == [
        step["status"] for step in answer["steps"]
    ]
    assert "expires" == time_to_live(client, table_name)
    found = client.describe_table(TableName=table_name)["Table"]["GlobalSecondaryIndexes"]
    assert {"beaker-userId", "beaker-logins"} == {index["IndexName"] for index in found}


@pytest.mark.parametrize("existing", [False, True])
def test_extras_are_set_once(
    run: Run, client: DynamoDBClient, table_name: str, existing: bool
) -> None:
    if existing:
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


def test_the_key_is_changed_only_to_another_one(
    run: Run, options: dict[str, object], client: DynamoDBClient, table_name: str
) -> None:
    assert 0 == run("create-table", "--kms-key", KEY).exit_code
    table = client.describe_table(TableName=table_name)["Table"]
    assert KEY == table["SSEDescription"]["KMSMasterKeyArn"]
    with CallRecorder(ClientSource(parse(options))()) as calls:
        for key in (KEY, KEY.rpartition("/")[2], "alias/other"):
            assert 0 == run("create-table", "--kms-key", key).exit_code
    (update,) = [call for call in calls if call.operation == "UpdateTable"]
    assert {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": "alias/other"} == update.params[
        "SSESpecification"
    ]


@pytest.mark.parametrize(
    ("existing", "wanted", "said"),
    [
        ([], ["--hash-key", "sid"], "has partition key 'id' (S), .* say partition key 'sid' (S)"),
        (["--ttl-attribute", "ttl"], [], "has time to live on 'ttl', .*update-time-to-live"),
        (
            INDEX,
            ["--special-keys", "userId:N:index"],
            "has the key userId (S), the options say userId (N)",
        ),
    ],
)
def test_a_table_of_another_shape_is_not_changed(
    run: Run,
    client: DynamoDBClient,
    table_name: str,
    existing: list[str],
    wanted: list[str],
    said: str,
) -> None:
    run("create-table", *existing)
    before = time_to_live(client, table_name)
    result = run("create-table", *wanted, *PROTECTED)
    assert (2, "") == (result.exit_code, result.stdout)
    assert re.search(said.replace("(", r"\(").replace(")", r"\)"), result.stderr)
    assert before == time_to_live(client, table_name)
    described = client.describe_table(TableName=table_name)["Table"]
    assert not described.get("DeletionProtectionEnabled")


def test_differences_that_cannot_be_changed_are_shown(run: Run) -> None:
    run("create-table", *INDEX)
    more = ("--special-keys", "userId:S:index, name:S")
    result = run("create-table", *more, "--read-capacity-units", "7")
    assert 0 == result.exit_code
    assert "! billing is PAY_PER_REQUEST, not PROVISIONED, 7 read, 5 write units" in result.stdout
    assert "! index 'beaker-userId' has no name" in result.stdout


def test_a_new_index_gets_the_capacity_of_its_provisioned_table(
    run: Run, client: DynamoDBClient, table_name: str
) -> None:
    run("create-table", "--read-capacity-units", "3", "--write-capacity-units", "4")
    assert 0 == run("create-table", *INDEXED).exit_code
    found = client.describe_table(TableName=table_name)["Table"]["GlobalSecondaryIndexes"]
    assert [3, 3] == [index["ProvisionedThroughput"]["ReadCapacityUnits"] for index in found]


@pytest.mark.parametrize("tag", ["nothing", "=value"])
def test_a_tag_without_key_or_value_is_refused(run: Run, tag: str) -> None:
    result = run("create-table", "--tag", tag)
    assert 2 == result.exit_code
    assert "is not KEY=VALUE" in result.stderr


# -- tables that change meanwhile: scripted answers -----------------------------------------------

TABLE: dict[str, Any] = {
    "TableName": "sessions",
    "TableStatus": "ACTIVE",
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
    "SSEDescription": {"Status": "ENABLED", "KMSMasterKeyArn": KEY},
}
ON: dict[str, Any] = {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}
OFF: dict[str, Any] = {"TimeToLiveStatus": "DISABLED"}


class Script:
    """A provisioner whose client gives scripted answers."""

    def __init__(self, extras: Extras, given: dict[str, Any]) -> None:
        keys = {"aws_access_key_id": "testkey", "aws_secret_access_key": "testsecret"}
        client = ClientSource(parse({"region_name": "eu-west-1", **keys}))()
        self.said: list[str] = []
        self.stubber = Stubber(client)
        changes = TableChanges(client, "sessions", say=self.said.append, sleep=lambda _: None)
        self.provisioner = Provisioner(changes, parse(given), extras)

    def table(self, *tables: dict[str, Any] | None) -> None:
        for one in tables:
            if one is None:
                self.stubber.add_client_error("describe_table", "ResourceNotFoundException")
            else:
                self.stubber.add_response("describe_table", {"Table": {**TABLE, **one}})

    def time_to_live(self, *states: dict[str, Any]) -> None:
        for state in states:
            self.stubber.add_response("describe_time_to_live", {"TimeToLiveDescription": state})

    def steps(self) -> list[tuple[str, str]]:
        return [(step.status, step.text) for step in self.provisioner.steps()]


@contextmanager
def scripted(extras: Extras = Extras(), **given: Any) -> Iterator[Script]:  # noqa: B008  # frozen
    script = Script(extras, given)
    with script.stubber:
        yield script
        script.stubber.assert_no_pending_responses()


def test_another_process_creates_the_table_first() -> None:
    with scripted() as script:
        script.table(None)
        script.stubber.add_client_error("create_table", "ResourceInUseException")
        script.table({"TableStatus": "CREATING"}, {}, {})
        script.time_to_live(ON, ON)
        assert (KEPT, "table 'sessions' is there, with the key that the options say") == (
            script.steps()[0]
        )


def test_a_table_that_is_being_deleted_is_created_again() -> None:
    with scripted() as script:
        script.table({"TableStatus": "DELETING"}, {"TableStatus": "DELETING"}, None)
        script.stubber.add_response("create_table", {})
        script.table({})
        script.time_to_live(ON)
        assert (CHANGED, "table 'sessions' created: PAY_PER_REQUEST") == script.steps()[0]


@pytest.mark.parametrize("after", [ON, OFF])
def test_another_process_turns_time_to_live_on_first(after: dict[str, Any]) -> None:
    with scripted() as script:
        script.table({}, {}, {})
        script.time_to_live(OFF, OFF)
        reason = "TimeToLive is already enabled"
        script.stubber.add_client_error("update_time_to_live", "ValidationException", reason)
        script.time_to_live(after)
        if after is ON:
            assert (KEPT, "time to live is on, by 'expires'") == script.steps()[-1]
        else:
            with pytest.raises(DynamoDBError, match=reason):
                script.steps()


@pytest.mark.parametrize(
    ("reason", "kept"),
    [
        ("Table is already encrypted with given KMSMasterKeyId. Use KMSMasterKeyId ...", True),
        ("KMS key access denied", False),
    ],
)
def test_an_alias_of_the_current_key_changes_nothing(reason: str, kept: bool) -> None:
    with scripted(Extras(kms_key="alias/mine")) as script:
        script.table({}, {}, {})
        script.time_to_live(ON)
        script.stubber.add_client_error("update_table", "ValidationException", reason)
        if kept:
            script.time_to_live(ON)
            assert (KEPT, f"encrypted with alias/mine, which is {KEY}") in script.steps()
        else:
            with pytest.raises(DynamoDBError, match=reason):
                script.steps()


def test_the_wait_for_an_index_is_announced() -> None:
    with scripted(special_keys="userId:S:index") as script:
        script.table({}, {}, {})
        script.time_to_live(ON)
        script.stubber.add_response("update_table", {})
        for status in ("CREATING", "CREATING", "ACTIVE"):
            index = {"IndexName": "beaker-userId", "IndexStatus": status}
            script.table({"GlobalSecondaryIndexes": [index]})
        script.time_to_live(ON)
        assert (CHANGED, "index 'beaker-userId' added") in script.steps()
    assert ["waiting for index 'beaker-userId' ..."] == script.said


def test_an_index_that_is_being_created_is_waited_for() -> None:
    (wanted,) = indexes.definitions(parse({"special_keys": "userId:S:index"}))
    with scripted(special_keys="userId:S:index") as script:
        creating = {"GlobalSecondaryIndexes": [{**wanted, "IndexStatus": "CREATING"}]}
        script.table(creating, creating, creating)
        script.time_to_live(ON)
        script.table(creating, {"GlobalSecondaryIndexes": [{**wanted, "IndexStatus": "ACTIVE"}]})
        script.time_to_live(ON)
        assert (KEPT, "index 'beaker-userId' is there") in script.steps()
    assert 1 == len(script.said)


# -- indexes without special keys that were added later -------------------------------------------

OLDER, LATER = "userId:S:index", "userId:S:index, plan:S"


@pytest.mark.both_servers
def test_an_index_without_a_later_special_key_is_replaced_on_request(
    run: Run, client: DynamoDBClient, table_name: str
) -> None:
    run("create-table", "--special-keys", OLDER)
    later = ("--special-keys", LATER)
    (found,) = [
        check
        for check in json.loads(run("doctor", "--json", *later).stdout)["checks"]
        if check["name"] == "indexes"
    ]
    assert ("warning", "beaker-dynamodb create-table --replace-indexes") == (
        found["status"],
        found["remedy"],
    )
    assert "! index 'beaker-userId' has no plan" in run("create-table", *later).stdout
    planned = run("create-table", *later, "--replace-indexes", "--dry-run")
    done = run("create-table", *later, "--replace-indexes")
    step = "+ index 'beaker-userId' replaced; it now has plan"
    assert (1, 1) == (planned.stdout.count(step), done.stdout.count(step))
    (index,) = client.describe_table(TableName=table_name)["Table"]["GlobalSecondaryIndexes"]
    assert "plan" in index["Projection"]["NonKeyAttributes"]
    assert "Nothing to do." in run("create-table", *later).stdout


# -- plans and failures ---------------------------------------------------------------------------


def test_a_dry_run_shows_the_steps_and_changes_nothing(
    run: Run, client: DynamoDBClient, table_name: str
) -> None:
    planned = run("create-table", *INDEXED, *PROTECTED, "--dry-run")
    assert planned.stdout.startswith("Dry run: nothing is changed.")
    assert table_name not in client.list_tables()["TableNames"]
    done = run("create-table", *INDEXED, *PROTECTED)
    assert done.stdout.splitlines() == planned.stdout.splitlines()[1:]


def test_a_failure_says_what_was_done_and_what_was_not(
    run: Run, client: DynamoDBClient, table_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = TableChanges.change

    def refused(self: TableChanges, operation: str, **params: Any) -> None:
        if operation == "UpdateContinuousBackups" and not self.dry_run:
            raise DynamoDBError("not allowed")
        change(self, operation, **params)

    monkeypatch.setattr(TableChanges, "change", refused)
    result = run("create-table", *PROTECTED)
    assert 1 == result.exit_code
    assert "+ time to live turned on" in result.stdout
    assert "not done: point-in-time recovery turned on\n" in result.stderr

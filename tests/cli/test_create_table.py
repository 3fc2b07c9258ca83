"""create-table: a new table, and what it adds to an existing one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from beaker_dynamodb import DynamoDBError
from beaker_dynamodb.cli.provision import Provisioner
from beaker_dynamodb.cli.table_changes import CHANGED, KEPT, TableChanges
from beaker_dynamodb.cli.table_request import Extras
from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.dynamodb import indexes
from beaker_dynamodb.dynamodb.client import ClientSource
from tests.cli.conftest import Described, Given, Run, Words
from tests.cli.test_template import INDEXED, KEY, PROTECTED, TAGS
from tests.conftest import dynamodb_local
from tests.servers.endpoint import Endpoint
from tests.servers.recorder import CallRecorder
from tests.stubbed import Script

NOTHING = "Nothing to do."
INDEX = ("--special-keys", "userId:S:index")
LATER = ("--special-keys", "userId:S:index, name:S")


@pytest.fixture(scope="module")
def endpoint(request: pytest.FixtureRequest, engine: str) -> Iterator[Endpoint]:
    """A DynamoDB Local of these tests' own: after a long run, its new indexes stay in CREATING."""
    if engine == "moto":
        yield request.getfixturevalue("moto_endpoint")
    else:
        with dynamodb_local() as endpoint:
            yield endpoint


@pytest.mark.both_servers
def test_a_new_table_and_a_second_run(run: Run) -> None:
    first, second = run("create-table", *INDEXED), run("create-table", *INDEXED)
    assert (0, 0) == (first.exit_code, second.exit_code)
    assert re.search(r"^\+ table '.*' created: .*index 'beaker-userId'", first.stdout)
    assert "+ time to live turned on (attribute 'expires')" in first.stdout
    assert "+" not in {line[0] for line in second.stdout.splitlines()}
    assert NOTHING == second.stdout.splitlines()[-1]


@pytest.mark.both_servers
def test_an_existing_table_gets_what_it_lacks(
    run: Run, bare_table: None, described: Described, time_to_live: Any
) -> None:
    answer = json.loads(run("create-table", *INDEXED, "--json").stdout)
    assert 3 == answer["changes"]
    assert ["kept"] * 2 + ["changed"] * 3 == [step["status"] for step in answer["steps"]]
    assert "expires" == time_to_live()
    found = described()["GlobalSecondaryIndexes"]
    assert {"beaker-userId", "beaker-logins"} == {index["IndexName"] for index in found}


@pytest.mark.parametrize("existing", [False, True])
def test_extras_are_set_once(
    run: Run, endpoint: Endpoint, described: Described, existing: bool
) -> None:
    if existing:
        run("create-table")
    result = run("create-table", *TAGS, *PROTECTED)
    assert 0 == result.exit_code, result.output
    table = described()
    assert table["DeletionProtectionEnabled"]
    client = endpoint.client
    tags = client.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"]
    assert {"app": "shop", "stage": "live"} == {tag["Key"]: tag["Value"] for tag in tags}
    backups = client.describe_continuous_backups(TableName=table["TableName"])
    recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert "ENABLED" == recovery["PointInTimeRecoveryStatus"]
    assert NOTHING == run("create-table", *TAGS, *PROTECTED).stdout.splitlines()[-1]


def test_only_another_key_is_set(run: Run, options: Given, described: Described) -> None:
    assert 0 == run("create-table", "--kms-key", KEY).exit_code
    assert KEY == described()["SSEDescription"]["KMSMasterKeyArn"]
    with CallRecorder(ClientSource(parse(options))()) as calls:
        for key in (KEY, KEY.rpartition("/")[2], "alias/other"):
            assert 0 == run("create-table", "--kms-key", key).exit_code
    (update,) = [call for call in calls if call.operation == "UpdateTable"]
    new = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": "alias/other"}
    assert new == update.params["SSESpecification"]


@pytest.mark.parametrize(
    ("existing", "wanted", "said"),
    [
        ([], ["--hash-key", "sid"], "has partition key 'id' (S), .* say partition key 'sid' (S)"),
        (["--ttl-attribute", "ttl"], [], "uses the attribute 'ttl', .*update-time-to-live"),
        (
            INDEX,
            ["--special-keys", "userId:N:index"],
            "has the key userId (S), but the options say userId (N)",
        ),
    ],
)
def test_a_table_with_the_wrong_key_is_not_changed(
    run: Run, described: Described, time_to_live: Any, existing: Words, wanted: Words, said: str
) -> None:
    run("create-table", *existing)
    before = time_to_live()
    result = run("create-table", *wanted, *PROTECTED)
    assert (2, "") == (result.exit_code, result.stdout)
    assert re.search(said.replace("(", r"\(").replace(")", r"\)"), result.stderr)
    assert before == time_to_live()
    assert not described().get("DeletionProtectionEnabled")


def test_billing_that_differs_is_shown_and_not_changed(run: Run) -> None:
    run("create-table")
    result = run("create-table", "--read-capacity-units", "7")
    assert 0 == result.exit_code
    assert "! billing is PAY_PER_REQUEST, not PROVISIONED, 7 read, 5 write units" in result.stdout


def test_a_new_index_gets_the_capacity_of_its_table(run: Run, described: Described) -> None:
    run("create-table", "--read-capacity-units", "3", "--write-capacity-units", "4")
    assert 0 == run("create-table", *INDEXED).exit_code
    found = described()["GlobalSecondaryIndexes"]
    assert [3, 3] == [index["ProvisionedThroughput"]["ReadCapacityUnits"] for index in found]


@pytest.mark.both_servers
def test_an_index_without_a_later_special_key_is_replaced_on_request(
    run: Run, described: Described
) -> None:
    run("create-table", *INDEX)
    checks = json.loads(run("doctor", "--json", *LATER).stdout)["checks"]
    (found,) = [check for check in checks if check["name"] == "indexes"]
    remedy = "beaker-dynamodb create-table --replace-indexes"
    assert ("warning", remedy) == (found["status"], found["remedy"])
    assert "! index 'beaker-userId' does not include name" in run("create-table", *LATER).stdout
    planned = run("create-table", *LATER, "--replace-indexes", "--dry-run")
    done = run("create-table", *LATER, "--replace-indexes")
    step = "+ index 'beaker-userId' replaced; it now has name"
    assert (1, 1) == (planned.stdout.count(step), done.stdout.count(step))
    (index,) = described()["GlobalSecondaryIndexes"]
    assert "name" in index["Projection"]["NonKeyAttributes"]
    assert NOTHING in run("create-table", *LATER).stdout


def test_a_dry_run_shows_the_steps_and_changes_nothing(
    run: Run, endpoint: Endpoint, table_name: str
) -> None:
    planned = run("create-table", *INDEXED, *PROTECTED, "--dry-run")
    assert planned.stdout.startswith("Dry run: nothing is changed.")
    assert table_name not in endpoint.client.list_tables()["TableNames"]
    done = run("create-table", *INDEXED, *PROTECTED)
    assert done.stdout.splitlines() == planned.stdout.splitlines()[1:]


def test_a_failure_says_what_was_done_or_not(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
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


class Changes(Script):
    """A provisioner whose client gives scripted answers."""

    def __init__(self, extras: Extras = Extras(), **given: Any) -> None:  # noqa: B008  # frozen
        super().__init__()
        self.said: list[str] = []
        changes = TableChanges(self.client, "sessions", say=self.said.append, sleep=lambda _: None)
        self.provisioner = Provisioner(changes, parse(given), extras)

    def table(self, *tables: dict[str, Any] | None) -> None:
        for one in tables:
            if one is None:
                self.refuse("describe_table", "ResourceNotFoundException")
            else:
                self.answer("describe_table", None, {"Table": {**TABLE, **one}})

    def time_to_live(self, *states: dict[str, Any]) -> None:
        for state in states:
            self.answer("describe_time_to_live", None, {"TimeToLiveDescription": state})

    def steps(self) -> list[tuple[str, str]]:
        return [(step.status, step.text) for step in self.provisioner.steps()]


def test_another_process_creates_the_table_first() -> None:
    with Changes() as script:
        script.table(None)
        script.refuse("create_table", "ResourceInUseException")
        script.table({"TableStatus": "CREATING"}, {}, {})
        script.time_to_live(ON, ON)
        kept = "table 'sessions' exists, with the configured key"
        assert (KEPT, kept) == script.steps()[0]


def test_a_table_that_is_being_deleted_is_created_again() -> None:
    with Changes() as script:
        script.table({"TableStatus": "DELETING"}, {"TableStatus": "DELETING"}, None)
        script.answer("create_table", None, {})
        script.table({})
        script.time_to_live(ON)
        assert (CHANGED, "table 'sessions' created: PAY_PER_REQUEST") == script.steps()[0]


@pytest.mark.parametrize("after", [ON, OFF])
def test_another_process_turns_time_to_live_on_first(after: dict[str, Any]) -> None:
    with Changes() as script:
        script.table({}, {}, {})
        script.time_to_live(OFF, OFF)
        reason = "TimeToLive is already enabled"
        script.refuse("update_time_to_live", "ValidationException", reason)
        script.time_to_live(after)
        if after is ON:
            assert (KEPT, "time to live is on (attribute 'expires')") == script.steps()[-1]
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
    with Changes(Extras(kms_key="alias/mine")) as script:
        script.table({}, {}, {})
        script.time_to_live(ON)
        script.refuse("update_table", "ValidationException", reason)
        if kept:
            script.time_to_live(ON)
            assert (KEPT, f"encrypted with alias/mine, which is {KEY}") in script.steps()
        else:
            with pytest.raises(DynamoDBError, match=reason):
                script.steps()


def test_the_wait_for_an_index_is_announced() -> None:
    with Changes(special_keys="userId:S:index") as script:
        script.table({}, {}, {})
        script.time_to_live(ON)
        script.answer("update_table", None, {})
        for status in ("CREATING", "CREATING", "ACTIVE"):
            index = {"IndexName": "beaker-userId", "IndexStatus": status}
            script.table({"GlobalSecondaryIndexes": [index]})
        script.time_to_live(ON)
        assert (CHANGED, "index 'beaker-userId' added") in script.steps()
    assert ["waiting for index 'beaker-userId' ..."] == script.said


def test_an_index_that_is_being_created_is_waited_for() -> None:
    (wanted,) = indexes.definitions(parse({"special_keys": "userId:S:index"}))
    with Changes(special_keys="userId:S:index") as script:
        creating = {"GlobalSecondaryIndexes": [{**wanted, "IndexStatus": "CREATING"}]}
        script.table(creating, creating, creating)
        script.time_to_live(ON)
        script.table(creating, {"GlobalSecondaryIndexes": [{**wanted, "IndexStatus": "ACTIVE"}]})
        script.time_to_live(ON)
        assert (KEPT, "index 'beaker-userId' exists") in script.steps()
    assert 1 == len(script.said)

"""create-table: a new table, and what it adds to an existing one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from beaker_dynamodb import DynamoDBError
from beaker_dynamodb.cli.table_changes import TableChanges
from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.dynamodb.client import ClientSource
from tests.cli.conftest import Described, Given, Run, Words
from tests.cli.test_template import INDEXED, KEY, PROTECTED, TAGS
from tests.conftest import dynamodb_local
from tests.servers.endpoint import Endpoint
from tests.servers.recorder import CallRecorder

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
    assert "+ time to live turned on, by 'expires'" in first.stdout
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


def test_the_key_is_changed_only_to_another_one(
    run: Run, options: Given, described: Described
) -> None:
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
        (["--ttl-attribute", "ttl"], [], "has time to live on 'ttl', .*update-time-to-live"),
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


def test_a_new_index_gets_the_capacity_of_its_provisioned_table(
    run: Run, described: Described
) -> None:
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
    assert "! index 'beaker-userId' has no name" in run("create-table", *LATER).stdout
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


def test_a_failure_says_what_was_done_and_what_was_not(
    run: Run, monkeypatch: pytest.MonkeyPatch
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

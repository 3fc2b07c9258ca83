"""create-table on a table that changes meanwhile: scripted answers."""

from __future__ import annotations

from typing import Any

import pytest

from beaker_dynamodb import DynamoDBError
from beaker_dynamodb.cli.provision import Provisioner
from beaker_dynamodb.cli.table_changes import CHANGED, KEPT, TableChanges
from beaker_dynamodb.cli.table_request import Extras
from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.dynamodb import indexes
from tests.cli.test_template import KEY
from tests.stubbed import Script

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

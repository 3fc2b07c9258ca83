"""Fixtures of the tests of WSGI: options for a client that tries each call once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from tests.wsgi.outage import Outage

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from tests.servers.endpoint import Endpoint


@pytest.fixture
def client(moto_endpoint: Endpoint) -> DynamoDBClient:
    """A client of the test's own, that tries once."""
    once = Config(retries={"total_max_attempts": 1, "mode": "standard"})
    return boto3.session.Session().client("dynamodb", **moto_endpoint.options, config=once)


@pytest.fixture
def options(client: DynamoDBClient, table_name: str) -> dict[str, Any]:
    """Options of a session in the test's own table."""
    return {"table_name": table_name, "client": client}


@pytest.fixture
def outage(client: DynamoDBClient) -> Outage:
    """Makes calls of the client fail, and counts them."""
    return Outage(client)

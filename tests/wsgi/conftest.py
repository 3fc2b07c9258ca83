"""Fixtures of the tests of WSGI: options for a client that tries each call once."""

from __future__ import annotations

import boto3
import pytest
from botocore.config import Config

from tests.servers.endpoint import DynamoDBClient, Endpoint, create_table
from tests.sessions.site import store
from tests.wsgi.outage import Outage
from tests.wsgi.raw import Options, page, send, wrap


@pytest.fixture(scope="session")
def client(moto_endpoint: Endpoint) -> DynamoDBClient:
    once = Config(retries={"total_max_attempts": 1, "mode": "standard"})
    return boto3.session.Session().client("dynamodb", **moto_endpoint.options, config=once)


@pytest.fixture
def options(client: DynamoDBClient, table_name: str) -> Options:
    create_table(client, table_name)
    return {"table_name": table_name, "client": client}


@pytest.fixture
def outage(client: DynamoDBClient) -> Outage:
    return Outage(client)


@pytest.fixture
def cookie(options: Options) -> str:
    """The cookie of a stored session, {"name": "Ada"}."""
    return send(wrap(page(store(name="Ada")), options)).cookie

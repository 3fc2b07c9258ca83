"""Caches whose calls are fast, and which of a server's requests were."""

from __future__ import annotations

from typing import Any

from beaker_dynamodb import DynamoDBNamespaceManager
from tests.dynamodb.fake_server import OFFLINE, FakeServer


def manager(server: FakeServer, **options: Any) -> DynamoDBNamespaceManager:
    given = {**OFFLINE, "endpoint_url": server.url, "max_attempts": 2, **options}
    return DynamoDBNamespaceManager("n", **given)


def warm(server: FakeServer, **options: Any) -> DynamoDBNamespaceManager:
    """Return a manager with an idle connection."""
    found = manager(server, **options)
    assert "value" == found[b"k"]
    server.requests.clear()
    return found


def fast(server: FakeServer) -> list[bool]:
    """Return for each request whether botocore did not send it."""
    return ["amz-sdk-request" not in request.headers for request in server.requests]

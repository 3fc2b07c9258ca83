"""An old store in files, a new one in DynamoDB, and a real Redis."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.clock import Clock
from tests.servers.dynamodb_local import Unavailable
from tests.servers.redis_server import RedisServer


@pytest.fixture
def clock() -> Clock:
    """A time after every real expiry, because DynamoDB Local deletes by its own clock."""
    return Clock(4_000_000_000.0)


@pytest.fixture
def old(tmp_path: Path) -> dict[str, Any]:
    """Session options of Beaker's file backend."""
    (tmp_path / "old").mkdir()
    return {"type": "file", "data_dir": str(tmp_path / "old")}


@pytest.fixture
def url(old: dict[str, Any]) -> str:
    """The URL of the old store."""
    return f"file://{old['data_dir']}"


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Redis. Without it tests are skipped, or fail if the environment requires it."""
    try:
        server = RedisServer(tmp_path_factory.mktemp("redis"))
    except Unavailable as error:
        reason = f"no Redis: {error}"
        if os.environ.get("BEAKER_DYNAMODB_REDIS") == "require":
            raise pytest.fail.Exception(reason, pytrace=False) from None
        raise pytest.skip.Exception(reason) from None
    yield server
    server.stop()


@pytest.fixture
def redis_url(redis_server: RedisServer) -> Iterator[str]:
    """The URL of an empty Redis."""
    yield redis_server.url
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()

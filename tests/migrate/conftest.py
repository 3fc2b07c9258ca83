"""A real Redis, where there is one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import redis

from tests.servers.dynamodb_local import Unavailable
from tests.servers.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Redis; a failure where it was promised, else a skip, if it is not here."""
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
    """A Redis that is empty before and after the test."""
    yield redis_server.url
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()

"""An old store in files, a new one in DynamoDB, and a real Redis."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.clock import Clock
from tests.migrate.moving import Stores
from tests.servers.dynamodb_local import ServerProcess, Unavailable
from tests.servers.endpoint import Endpoint


class RedisServer(ServerProcess):
    """A running Redis.

    :param folder: its working directory, for the log.
    :raises Unavailable: ``redis-server`` is not on the PATH, or does not start.
    """

    def __init__(self, folder: Path) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise Unavailable("redis-server is not on the PATH")
        options = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        super().__init__(
            lambda port: [program, *options, "--port", str(port)], folder / "redis.log", folder
        )

    @property
    def url(self) -> str:
        """URL of its first database, for Beaker's ``ext:redis``."""
        return f"redis://127.0.0.1:{self.port}/0"


@pytest.fixture
def clock() -> Clock:
    """A time after every real expiry, because DynamoDB Local deletes by its own clock."""
    return Clock(4_000_000_000.0)


@pytest.fixture
def stores(tmp_path: Path, options: dict[str, Any], shape: str, endpoint: Endpoint) -> Stores:
    (tmp_path / "old").mkdir()
    extra = {"sort_key": "part"} if shape == "sorted" else {}
    return Stores(tmp_path / "old", {**options, **extra}, endpoint.client)


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

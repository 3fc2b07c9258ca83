"""A real Redis on a free port of 127.0.0.1, without persistence."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.servers.process import ServerProcess, Unavailable


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

"""A real Redis on a free port of 127.0.0.1, without persistence."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from time import monotonic

from tests.servers.dynamodb_local import KEEPER, Unavailable

START_TIMEOUT = 30  # seconds; 0.05 on an idle machine


class RedisServer:
    """A running Redis.

    :param folder: its working directory, for the log.
    :raises Unavailable: ``redis-server`` is not on the PATH, or does not start.

    It ends with :meth:`stop`, or with this process.
    """

    def __init__(self, folder: Path) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise Unavailable("redis-server is not on the PATH")
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self._port: int = probe.getsockname()[1]
        options = ["--port", str(self._port), "--bind", "127.0.0.1", "--save", ""]
        self._log = folder / "redis.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(KEEPER), program, *options, "--appendonly", "no"],
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._wait_until_it_answers()

    @property
    def url(self) -> str:
        """URL of its first database, for Beaker's ``ext:redis``."""
        return f"redis://127.0.0.1:{self._port}/0"

    def stop(self) -> None:
        """End the server. If it has ended, do nothing."""
        # Closes the keeper's stdin, so it ends Redis and itself.
        self._process.communicate()

    def _wait_until_it_answers(self) -> None:
        give_up = monotonic() + START_TIMEOUT
        while not self._answers():
            with suppress(subprocess.TimeoutExpired):
                code = self._process.wait(timeout=0.02)
                output = self._log.read_text(errors="replace")[-2000:]
                raise Unavailable(f"redis-server ended with code {code}: {output}")
            if monotonic() > give_up:
                self.stop()
                raise Unavailable(f"redis-server did not answer within {START_TIMEOUT} s")

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

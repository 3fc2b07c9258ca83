"""A server in another process, on a free port of 127.0.0.1."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from time import monotonic

START_TIMEOUT = 60  # seconds; a second or two on an idle machine
START_ATTEMPTS = 3  # another process may take the free port first

KEEPER = Path(__file__).with_name("keeper.py")


class Unavailable(Exception):
    """The server cannot be started; the message says why."""


class ServerProcess(AbstractContextManager["ServerProcess"]):
    """A running server. It ends with the context or `stop`, or with this process.

    :param command: returns the program and its arguments for a port.
    :param log: a file for the server's output.
    :param folder: the working directory.
    :raises Unavailable: it does not start.
    """

    def __init__(
        self, command: Callable[[int], list[str]], log: Path, folder: Path | None = None
    ) -> None:
        for attempt in range(START_ATTEMPTS):
            with socket.create_server(("127.0.0.1", 0)) as free:
                self.port: int = free.getsockname()[1]
            with log.open("wb") as output:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", str(KEEPER), *command(self.port)],
                    cwd=folder,
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    # Not in the terminal's process group: after Ctrl-C, fixtures still need it.
                    start_new_session=True,
                )
            try:
                self._wait_until_it_listens(log)
            except Unavailable:
                self.stop()
                if attempt == START_ATTEMPTS - 1:
                    raise
            else:
                return

    @property
    def endpoint_url(self) -> str:
        """The address, for boto3's ``endpoint_url``."""
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """End the server. If it has ended, do nothing."""
        # Closes the keeper's stdin, so it ends the server and itself.
        self._process.communicate()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _wait_until_it_listens(self, log: Path) -> None:
        give_up = monotonic() + START_TIMEOUT
        while monotonic() < give_up:
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            # Sleeps between two tries, and notices at once if the server ends.
            with suppress(subprocess.TimeoutExpired):
                code = self._process.wait(timeout=0.05)
                output = log.read_text(errors="replace")[-2000:]
                raise Unavailable(f"the server ended with code {code}: {output}")
        raise Unavailable(f"the server did not listen within {START_TIMEOUT} s")

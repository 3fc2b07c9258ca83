"""connect-dynamodb under express-session, in a node process.

The first run installs its modules into ``.cache/`` with npm (see benchmarks/node).
"""

from __future__ import annotations

import json
import shutil
import subprocess
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

from benchmarks.driver import OverHTTP, peak_memory_kb
from benchmarks.store import Store, table_name
from benchmarks.workload import session_json

SOURCE = Path(__file__).parents[1] / "node"
INSTALLED = Path(__file__).parents[2] / ".cache" / "benchmark-node"


def install() -> None:
    """Install the node modules where `server` finds them.

    :raises RuntimeError: node or npm is missing, or npm failed.
    """
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise RuntimeError("node and npm are not on the PATH")
    INSTALLED.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "server.js"):
        shutil.copy(SOURCE / name, INSTALLED)
    if not (INSTALLED / "node_modules" / "connect-dynamodb").exists():
        done = subprocess.run(
            [npm, "install", "--no-audit", "--no-fund", "--no-package-lock"],
            cwd=INSTALLED,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f"npm install failed: {done.stderr.strip()[-300:]}")


class Server(OverHTTP):
    """The node process, which ends when its standard input ends."""

    def __init__(self, address: str, process: subprocess.Popen[str]) -> None:
        super().__init__(address)
        self._process = process

    def send(self, connection: HTTPConnection, path: str, headers: dict[str, str]) -> None:
        """Send one request, with the data of a new session."""
        if path.startswith("/begin/"):
            headers["Content-Type"] = "application/json"
            body = session_json(int(path.removeprefix("/begin/")))
            connection.request("POST", "/begin", body, headers)
        else:
            super().send(connection, path, headers)

    def processor_seconds(self) -> float:
        """Return the time that node reports."""
        with closing(HTTPConnection(self.address)) as connection:
            connection.request("GET", "/-/cpu")
            return float(json.loads(connection.getresponse().read()))

    def peak_memory_kb(self) -> int:
        """Return the memory of the node process."""
        return peak_memory_kb(self._process.pid)


def server(store: Store) -> Server:
    """Start the server."""
    process = subprocess.Popen(
        ["node", str(INSTALLED / "server.js"), table_name("express"), store.url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    port = process.stdout.readline().strip()
    if not port:
        raise RuntimeError("node's server did not start")
    return Server(f"127.0.0.1:{port}", process)

"""connect-dynamodb under express-session, in a node process.

Its modules are installed on the first run, into ``.cache/`` (npm, from benchmarks/node).
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from benchmarks.store import Store, table_name

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


def server(store: Store) -> tuple[str, subprocess.Popen[str]]:
    """Start the server, and return its address and process. It ends with its standard input."""
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
    return f"127.0.0.1:{port}", process

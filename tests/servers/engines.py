"""Other servers that speak DynamoDB's protocol, for ``python -m tests.engines``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from beaker_dynamodb.testing.local import EmbeddedDynamoDB
from tests.chaos.faults import refusal
from tests.chaos.proxy import FaultProxy, Plan
from tests.servers.dynamodb_local import ServerProcess
from tests.servers.endpoint import Endpoint

#: The tests use this server instead of moto.
VARIABLE = "BEAKER_DYNAMODB_ENGINE"
DYNALITE = "dynalite@4.0.0"
MINISTACK = "ministack==1.5.33"
#: What a strongly consistent global table refuses.
NOT_IN_MRSC = {"TransactWriteItems", "UpdateTimeToLive", "DescribeTimeToLive"}


@contextmanager
def dynalite(cache: Path) -> Iterator[Endpoint]:
    """Run dynalite, which npm fetches into the cache."""
    folder = cache / DYNALITE
    program = folder / "node_modules" / ".bin" / "dynalite"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        npm = shutil.which("npm") or "npm"
        subprocess.run([npm, "install", "--silent", DYNALITE], cwd=folder, check=True)
    delays = [f"--{name}TableMs=0" for name in ("create", "delete", "update")]
    with ServerProcess(
        lambda port: [str(program), f"--port={port}", *delays], folder / "server.log"
    ) as server:
        yield Endpoint("dynalite", server.endpoint_url)


@contextmanager
def ministack(cache: Path) -> Iterator[Endpoint]:
    """Run ministack, which pip fetches into an environment in the cache."""
    folder = cache / MINISTACK
    program = folder / "bin" / "ministack"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin" / "pip", "install", "--quiet", MINISTACK], check=True)

    def command(port: int) -> list[str]:
        os.environ["GATEWAY_PORT"] = str(port)
        return [str(program)]

    with ServerProcess(command, folder / "server.log") as server:
        yield Endpoint("ministack", server.endpoint_url)


@contextmanager
def mrsc(cache: Path) -> Iterator[Endpoint]:
    """Run moto behind a proxy that refuses what a strongly consistent global table refuses."""
    refuse = refusal(400, "ValidationException", "Transactions and time to live are not supported")
    with EmbeddedDynamoDB() as server, FaultProxy(server.endpoint_url) as proxy:
        proxy.inject(Plan(refuse, operations=NOT_IN_MRSC))
        yield Endpoint("mrsc", proxy.url)


#: The servers, by name. Each function takes the folder for downloads.
ENGINES = {"dynalite": dynalite, "ministack": ministack, "mrsc": mrsc}

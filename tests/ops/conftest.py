"""A table, and the command run on it: in this process, quickly, or as a process of its own."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.cli.main import cli
from tests.contract.opening import payload

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from tests.servers.endpoint import Endpoint

Run = Callable[..., Result]
#: The installed script, which is there in every environment of tox; where it is not, the module.
SCRIPT = Path(sys.executable).with_name("beaker-dynamodb")
PROGRAM = [str(SCRIPT)] if SCRIPT.exists() else [sys.executable, "-m", "beaker_dynamodb"]
Process = Callable[..., "subprocess.CompletedProcess[str]"]


def environment(endpoint: Endpoint) -> dict[str, str]:
    """Give the variables that lead boto3 to a server."""
    options = endpoint.options
    return {
        "AWS_ENDPOINT_URL_DYNAMODB": endpoint.url,
        "AWS_DEFAULT_REGION": options["region_name"],
        "AWS_ACCESS_KEY_ID": options["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": options["aws_secret_access_key"],
    }


@pytest.fixture
def run(endpoint: Endpoint, table_name: str) -> Run:
    """Run a command on the test's table, through click; ``after`` has flags that win."""
    where = [
        *("--table-name", table_name, "--endpoint-url", endpoint.url, "--region-name", "eu-west-1"),
        *("--aws-access-key-id", endpoint.options["aws_access_key_id"]),
        *("--aws-secret-access-key", endpoint.options["aws_secret_access_key"]),
    ]

    def run(*arguments: str, after: Sequence[str] = (), **more: Any) -> Result:
        return CliRunner().invoke(cli, [*arguments, *where, *after], **more)

    return run


@pytest.fixture
def process(endpoint: Endpoint, table_name: str) -> Process:
    """Run the command as a user does: a process, led to the server by its environment."""

    def run(*arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*PROGRAM, *arguments],
            capture_output=True,
            text=True,
            env={**os.environ, **environment(endpoint), "PYTHONWARNINGS": "error"},
            **more,
        )

    return run


@pytest.fixture
def on_terminal(endpoint: Endpoint) -> Callable[..., str]:
    """Run the command on a terminal of eight lines, and give what appears there."""

    def run(*arguments: str, **variables: str) -> str:
        size = {"TERM": "xterm", "LINES": "8", "COLUMNS": "120"}
        ours, its = pty.openpty()
        with subprocess.Popen(
            [*PROGRAM, *arguments],
            stdin=its,
            stdout=its,
            stderr=its,
            env={**os.environ, **environment(endpoint), **size, **variables},
        ):
            os.close(its)
            shown = b""
            # The end of a terminal is an error, or nothing.
            with suppress(OSError):
                while part := os.read(ours, 65536):
                    shown += part
        os.close(ours)
        return shown.decode()

    return run


@pytest.fixture
def filled(options: dict[str, object], client: DynamoDBClient, table_name: str) -> dict[str, Any]:
    """Five sessions of two users, one that has expired, three cache entries, and a stranger."""
    special = {**options, "special_keys": "userId:N", "index_keys": "userId"}
    for n in range(5):
        session = DynamoDBNamespaceManager(f"id-{n}", **special)
        session["session"] = payload(userId=n % 2, secret=f"secret-{n}")
    late = {**special, "clock": lambda: time.time() - 1e6}
    DynamoDBNamespaceManager("old", **late)["session"] = payload(userId=1)
    for n in range(3):
        DynamoDBNamespaceManager("news", **options)[f"key-{n}"] = "x" * 3000 * n
    client.put_item(TableName=table_name, Item={"id": {"S": "stranger"}, "list": {"L": []}})
    return special


def ids(client: DynamoDBClient, table_name: str) -> set[str]:
    """Give the keys of all items."""
    return {item["id"]["S"] for item in client.scan(TableName=table_name)["Items"]}

"""A table, and the command run on it: in this process, quickly, or as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from beaker_dynamodb.ops.cli import cli

if TYPE_CHECKING:
    from tests.servers.endpoint import Endpoint

Run = Callable[..., Result]
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
        command = [sys.executable, "-W", "error", "-m", "beaker_dynamodb", *arguments]
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            env={**os.environ, **environment(endpoint)},
            **more,
        )

    return run

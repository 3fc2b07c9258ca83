"""The transcripts of the command."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.cli.main import cli
from tests.docs import production_ini, settled
from tests.docs.pages import page
from tests.opening import payload
from tests.servers.endpoint import Endpoint


def test_the_transcripts(aws: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command prints what the page shows, apart from digests, times and units."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    production_ini()
    text = "".join(block.code for block in page("docs/howto/operate.md").blocks("console"))
    examples = re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE)
    digest = ""
    for command, expected in examples:
        if "sessions list" in command:
            place = {"table_name": "myapp-sessions", "region_name": "eu-west-1", "timeout": 1920}
            for n in range(3):
                options = {**place, "special_keys": "userId:S:index"}
                DynamoDBNamespaceManager(f"id-{n}", **options)["session"] = payload(userId="42")
        _, *arguments = shlex.split(re.sub("@[0-9a-f]{16}", digest, command) if digest else command)
        result = CliRunner().invoke(cli, arguments)
        assert 0 == result.exit_code
        assert settled(expected) == settled(result.stdout + result.stderr)
        if found := re.search("@[0-9a-f]{16}", result.stdout):
            digest = found[0]
    assert 4 == len(examples)

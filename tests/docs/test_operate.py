"""The transcripts of the command."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.cli.main import cli
from tests.docs.pages import page
from tests.opening import payload
from tests.servers.endpoint import Endpoint

#: Without `session.`, the settings of the application in production.ini.
SETTINGS = {"table_name": "myapp-sessions", "timeout": "1800", "special_keys": "userId:S:index"}
DIGEST = re.compile("@[0-9a-f]{16}")


def settled(output: str) -> str:
    """Replace the numbers and digests in a command's output."""
    return re.sub(r"\d+(\.\d+)?", "9", DIGEST.sub("@digest", output))


def test_the_transcripts(aws: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command prints what the page shows, apart from digests, times and units."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    lines = "".join(f"session.{name} = {value}\n" for name, value in SETTINGS.items())
    Path("production.ini").write_text(f"[app:main]\nsession.type = ext:dynamodb\n{lines}")
    text = "".join(block.code for block in page("docs/howto/operate.md").blocks("console"))
    examples = re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE)
    digest = ""
    for command, expected in examples:
        if "sessions list" in command:
            for n in range(3):
                options = {**SETTINGS, "region_name": "eu-west-1", "timeout": 1920}
                DynamoDBNamespaceManager(f"id-{n}", **options)["session"] = payload(userId="42")
        _, *arguments = shlex.split(DIGEST.sub(digest, command) if digest else command)
        result = CliRunner().invoke(cli, arguments)
        assert 0 == result.exit_code
        assert settled(expected) == settled(result.stdout + result.stderr)
        if found := DIGEST.search(result.stdout):
            digest = found[0]
    assert 4 == len(examples)

"""The README's worked examples print what they say."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.cli.main import cli
from tests.beaker import aws_is
from tests.contract.opening import payload
from tests.servers.endpoint import Endpoint

README = (Path(__file__).parent.parent.parent / "README.md").read_text()
INI = """
[app:main]
session.type = ext:dynamodb
session.table_name = myapp-sessions
session.timeout = 1800
session.special_keys = userId:S
session.index_keys = userId
"""


def examples() -> list[tuple[str, str]]:
    """Give the commands of the section and what they print."""
    section = README.split("## The command\n")[1].split("\n## ")[0]
    blocks = re.findall(r"```text\n(.*?)```", section, re.DOTALL)
    return [
        (command, said)
        for block in blocks
        for command, said in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
    ]


def settled(text: str) -> str:
    """Take out what is another at every run: digests, times, addresses, units."""
    text = re.sub(r"@[0-9a-f]{16}", "@digest", text)
    return re.sub(r"\d+(\.\d+)?", "9", text)


def test_the_worked_examples(
    moto_endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command prints what stands under it, on a new table and with a user's sessions."""
    (tmp_path / "production.ini").write_text(INI)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    special = {"special_keys": "userId:S", "index_keys": "userId", "timeout": 1920}
    first = ""
    with aws_is(moto_endpoint):
        for command, expected in examples():
            if "sessions list" in command:
                for n in range(3):
                    session = DynamoDBNamespaceManager(
                        f"id-{n}", table_name="myapp-sessions", region_name="eu-west-1", **special
                    )
                    session["session"] = payload(userId="42")
            if first:
                command = re.sub("@[0-9a-f]{16}", first, command)
            program, *arguments = shlex.split(command)
            result = CliRunner().invoke(cli, arguments)
            assert ("beaker-dynamodb", 0) == (program, result.exit_code)
            assert settled(expected) == settled(result.stdout + result.stderr)
            found = re.search("@[0-9a-f]{16}", result.stdout)
            first = found[0] if found else first
    assert 4 == len(examples())

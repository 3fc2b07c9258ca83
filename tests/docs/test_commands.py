"""What the pages say that the commands print: transcripts, templates and policies."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.cli.iam_policy import policy_document
from beaker_dynamodb.cli.main import cli
from beaker_dynamodb.config.converters import SpecialKey
from beaker_dynamodb.config.options import Options
from beaker_dynamodb.dynamodb import table
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


PERMISSIONS = page("docs/howto/iam-permissions.md")


def test_the_policies() -> None:
    requests, everything = (json.loads(block.code) for block in PERMISSIONS.blocks("json"))
    options = Options(table_name="myapp-sessions", region_name="eu-west-1")
    indexed = replace(options, special_keys=(SpecialKey("userId", "S", indexed=True),))
    uses = ["sessions", "cache", "large-values", "clear", "create", "session-store"]
    account = "123456789012"
    assert policy_document(options, ["sessions", "cache"], account) == requests
    assert policy_document(indexed, uses, account) == everything


def test_the_table_of_permissions() -> None:
    shapes = [
        Options(sort_key=key, special_keys=(SpecialKey("u", "S", indexed=True),))
        for key in ("part", None)
    ]
    rows = re.findall(r"^\| `(\w[\w-]*)` \| .* \| (.*) \|$", PERMISSIONS.text, re.MULTILINE)
    for use, actions in rows:
        expected = {
            action
            for options in shapes
            for statement in policy_document(options, [use])["Statement"]
            for action in statement["Action"]
        }
        assert expected == set(re.findall(r"dynamodb:\w+", actions)), use
    assert {"large-values", "clear", "keys", "create"} <= {use for use, _ in rows}


def test_the_aws_command_is_that_of_error_messages() -> None:
    (command,) = page("docs/howto/create-the-table.md").blocks("sh", "With the AWS command line")
    expected = table.aws_command(Options(table_name="myapp-sessions"))
    assert expected == " ".join(command.code.split())


def test_the_policy_of_a_shared_table(tmp_path: Path) -> None:
    """With the page's settings its first command prints the policy that the page shows."""
    share = page("docs/howto/share-a-table.md")
    (ini,), (commands,), (policy,) = (share.blocks(kind) for kind in ("ini", "sh", "json"))
    file = tmp_path / "production.ini"
    file.write_text(f"[app:main]\n{ini.code}")
    printed = []
    for line in commands.code.splitlines():
        _, *arguments = shlex.split(line.replace(file.name, str(file)))
        result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
        printed.append(json.loads(result.stdout))
    assert policy.code == json.dumps(printed[0], indent=2) + "\n"
    (of_cache,) = printed[1]["Statement"]
    keys = of_cache["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
    assert ["shop-cache:*"] == keys


def test_the_template() -> None:
    (shown,) = page("docs/howto/create-the-table.md").blocks("yaml")
    settings = ["--url", "dynamodb://eu-west-1/myapp-sessions"]
    result = CliRunner().invoke(cli, ["template", "--format", "yaml", *settings])
    assert (0, yaml.safe_load(shown.code)) == (result.exit_code, yaml.safe_load(result.stdout))

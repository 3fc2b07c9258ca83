"""The policies and the table of permissions match what the command prints."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

from click.testing import CliRunner

from beaker_dynamodb.cli.iam_policy import policy_document
from beaker_dynamodb.cli.main import cli
from beaker_dynamodb.config.converters import SpecialKey
from beaker_dynamodb.config.parse import Options
from beaker_dynamodb.dynamodb import table
from tests.docs.pages import page

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

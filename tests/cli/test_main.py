"""Help, errors, exit codes and output of all commands."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.__main__ import main
from beaker_dynamodb.cli.main import cli
from tests.cli.conftest import Given, Run, Words
from tests.docs.pages import page
from tests.opening import payload

ERROR = "beaker-dynamodb: error: "


def commands(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if isinstance(found, click.Group):
            yield from commands(found, f"{path}{name} ")
        elif found is not None:
            yield f"{path}{name}", found


@pytest.mark.parametrize(("name", "command"), list(commands(cli)))
def test_every_command_has_help_with_examples(name: str, command: click.Command) -> None:
    result = CliRunner().invoke(cli, [*name.split(), "--help"])
    assert 0 == result.exit_code
    assert command.help
    assert f"Examples:\n    beaker-dynamodb {name}" in result.stdout
    group = name.split()[0]
    assert f"[`{group}`](" in page("docs/howto/operate.md").text
    assert "[default: (" not in result.stdout
    assert all(param.help for param in command.params if isinstance(param, click.Option))
    assert result.stdout == CliRunner().invoke(cli, [*name.split(), "-h"]).stdout


def test_help_all_shows_rare_options() -> None:
    for flag, shown in (("--help", False), ("--help-all", True)):
        result = CliRunner().invoke(cli, ["stats", flag])
        assert shown is ("--touch-interval" in result.stdout)
        assert "--table-name" in result.stdout


@pytest.mark.parametrize("words", [[], ["sessions"]])
def test_a_group_without_a_command_shows_help_on_stderr(words: Words) -> None:
    result = CliRunner().invoke(cli, words)
    for flag in ("--help", "-h"):
        asked = CliRunner().invoke(cli, [*words, flag])
        assert (2, "", asked.stdout) == (result.exit_code, result.stdout, result.stderr)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nonsense"], 2, "No such command 'nonsense'"),
        (["docter"], 2, "Did you mean 'doctor'?"),
        (["create_table"], 2, "Did you mean 'create-table'?"),
        (["sessions", "lst"], 2, "Did you mean 'list'?"),
        (["local", "--port", "many"], 2, "'many' is not a valid integer"),
        (["create-table", "--tag", "nothing"], 2, "is not KEY=VALUE"),
        (["create-table", "--tag", "=value"], 2, "is not KEY=VALUE"),
        (["policy", "--account", "12345"], 2, "12 digits"),
        (["stats", "--tabel", "x"], 2, "No such option"),
        (["stats", "--ini", "missing.ini"], 2, "missing.ini: No such file"),
        (["stats", "--for", "caches"], 2, "'caches' is not one of"),
        (["stats", "--endpoint-url", "http://127.0.0.1:1", "--max-attempts", "1"], 1, "running?"),
    ],
)
def test_errors_are_one_line_with_an_exit_code(
    words: Words, code: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "eu-west-1")
    result = CliRunner().invoke(cli, words)
    assert (code, "", 1) == (result.exit_code, result.stdout, result.stderr.count("\n"))
    assert result.stderr.startswith(ERROR)
    assert said in result.stderr


@pytest.mark.parametrize(
    "words", [["stats"], ["stats", "--estimate"], ["sessions", "list"], ["reap"]]
)
def test_reading_commands_do_not_create_a_missing_table(
    run: Run, table_name: str, words: Words
) -> None:
    result = run(*words)
    assert (2, "") == (result.exit_code, result.stdout)
    remedy = "create it with beaker-dynamodb create-table"
    assert f"{ERROR}table '{table_name}' does not exist: {remedy}\n" == result.stderr


def test_an_unexpected_error_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise KeyError("a\x1b\nb")

    monkeypatch.setattr("beaker_dynamodb.cli.stats.ItemStore", fail)
    result = run("stats")
    assert 1 == result.exit_code
    assert f"{ERROR}KeyError: 'a\\x1b\\nb' (-v shows the traceback)\n" == result.stderr


def test_the_module_as_a_process() -> None:
    """The list of commands imports no boto3, and `-v` shows a traceback."""
    program = [sys.executable, "-W", "error", "-X", "importtime", "-m", "beaker_dynamodb"]
    shown = subprocess.run([*program, "--help"], capture_output=True, text=True)
    assert 0 == shown.returncode
    imported = set(re.findall(r"\| +([\w.]+)$", shown.stderr, re.MULTILINE))
    assert "beaker_dynamodb.cli.main" in imported
    assert not imported & {"boto3", "rich.console", "beaker_dynamodb.cli.stats"}
    program = [sys.executable, "-m", "beaker_dynamodb", "stats", "-v", "--ini", "missing.ini"]
    failed = subprocess.run(program, capture_output=True, text=True)
    assert (2, "") == (failed.returncode, failed.stdout)
    assert "Traceback" in failed.stderr
    assert failed.stderr.splitlines()[-1].startswith(ERROR)


def test_without_click_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "click", None)
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    assert (2, "", 1) == (ended.value.code, said.out, said.err.count("\n"))
    assert "pip install 'beaker-dynamodb[cli]'" in said.err


HOSTILE = "\x1b[31mRED\x1b[0m\nfake-row\r\x9b\u202e"


@pytest.mark.parametrize(
    "words", [["list"], ["list", "--show-ids"], ["show", "i\x1bd"], ["show", "i\x1bd", "--payload"]]
)
def test_stored_control_characters_are_escaped(run: Run, options: Given, words: Words) -> None:
    special = {"special_keys": "name:S", "skip_throw_missing_special_keys": True}
    session = DynamoDBNamespaceManager("i\x1bd", **options, **special)
    session["session"] = payload(name=HOSTILE, **{"odd \ud800": [1e999, 10**5000]})
    for more in ((), ("--json",)):
        result = run("sessions", *words, *more, "--special-keys", "name:S")
        assert 0 == result.exit_code
        assert not [one for one in result.output if not one.isprintable() and one != "\n"]
        assert "fake-row" not in [line.strip() for line in result.stdout.splitlines()]

"""Help, errors, exit codes and output of all commands."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import click
import pytest
from click.testing import CliRunner

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.cli import console
from beaker_dynamodb.cli.main import cli
from tests.cli.conftest import Run
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


def test_help_all_shows_rare_options() -> None:
    for flag, shown in (("--help", False), ("--help-all", True)):
        result = CliRunner().invoke(cli, ["stats", flag])
        assert shown is ("--touch-interval" in result.stdout)
        assert "--table-name" in result.stdout


@pytest.mark.parametrize("words", [[], ["sessions"]])
def test_a_group_without_a_command_shows_help_on_stderr(words: list[str]) -> None:
    result = CliRunner().invoke(cli, words)
    asked = CliRunner().invoke(cli, [*words, "--help"])
    assert (2, "", asked.stdout) == (result.exit_code, result.stdout, result.stderr)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nonsense"], 2, "No such command 'nonsense'"),
        (["local", "--port", "many"], 2, "'many' is not a valid integer"),
        (["stats", "--tabel", "x"], 2, "No such option"),
        (["stats", "--ini", "missing.ini"], 2, "missing.ini: No such file"),
        (["stats", "--for", "caches"], 2, "'caches' is not one of"),
        (["stats", "--endpoint-url", "http://127.0.0.1:1", "--max-attempts", "1"], 1, "running?"),
    ],
)
def test_errors_are_one_line_with_an_exit_code(
    words: list[str], code: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "eu-west-1")
    result = CliRunner().invoke(cli, words)
    assert (code, "", 1) == (result.exit_code, result.stdout, result.stderr.count("\n"))
    assert result.stderr.startswith(ERROR)
    assert said in result.stderr


@pytest.mark.parametrize("words", [["stats"], ["sessions", "list"], ["reap"]])
def test_reading_commands_do_not_create_a_missing_table(
    run: Run, table_name: str, words: list[str]
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
    """`python -m beaker_dynamodb -v` shows a traceback; the list of commands imports no boto3."""
    program = [sys.executable, "-W", "error", "-X", "importtime", "-m", "beaker_dynamodb"]
    version = subprocess.run([*program, "--help"], capture_output=True, text=True)
    assert 0 == version.returncode
    imported = set(re.findall(r"\| +([\w.]+)$", version.stderr, re.MULTILINE))
    assert "beaker_dynamodb.cli.main" in imported
    assert not imported & {"boto3", "rich.console", "beaker_dynamodb.cli.stats"}
    program = [sys.executable, "-m", "beaker_dynamodb", "stats", "-v", "--ini", "missing.ini"]
    failed = subprocess.run(program, capture_output=True, text=True)
    assert (2, "") == (failed.returncode, failed.stdout)
    assert "Traceback" in failed.stderr
    assert failed.stderr.splitlines()[-1].startswith(ERROR)


@pytest.mark.full
def test_without_click_the_command_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['click'] = None\n"
        "from beaker_dynamodb.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (2, "", 1) == (done.returncode, done.stdout, done.stderr.count("\n"))
    assert "pip install 'beaker-dynamodb[cli]'" in done.stderr


# -- on a terminal --------------------------------------------------------------------------------


def on_terminal(program: str) -> str:
    """Run Python on a terminal; return what appears there."""
    size = {"TERM": "xterm", "LINES": "8", "COLUMNS": "120"}
    parent, child = pty.openpty()
    command = [sys.executable, "-c", f"from beaker_dynamodb.cli import console\n{program}"]
    with subprocess.Popen(
        command, stdin=child, stdout=child, stderr=child, env={**os.environ, **size}
    ):
        os.close(child)
        shown = b""
        with suppress(OSError):  # the end of a terminal
            while part := os.read(parent, 65536):
                shown += part
    os.close(parent)
    return shown.decode()


def test_a_terminal_gets_a_progress_bar() -> None:
    shown = on_terminal(
        "with console.progress('items', 10) as advance:\n    advance(10)\nprint('done')"
    )
    assert "items \x1b" in shown
    assert "━" not in shown.splitlines()[-1]


def test_without_a_terminal_there_is_no_progress_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with console.progress("items", 10) as advance:
        advance(10)
    assert ("", "") == capsys.readouterr()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_rows_printed_during_progress_stay_on_stdout(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    with console.progress("items", 10):
        click.echo("row")
    assert "row\n" == capsys.readouterr().out


HOSTILE = "\x1b[31mRED\x1b[0m\nfake-row\r\x9b\u202e"


@pytest.mark.parametrize(
    "words", [["list"], ["list", "--show-ids"], ["show", "i\x1bd"], ["show", "i\x1bd", "--payload"]]
)
def test_stored_control_characters_are_escaped(
    run: Run, options: dict[str, object], words: list[str]
) -> None:
    special = {"special_keys": "name:S", "skip_throw_missing_special_keys": True}
    session = DynamoDBNamespaceManager("i\x1bd", **options, **special)
    value = {"name": HOSTILE, "odd \ud800": [1e999, 10**5000]}
    session["session"] = payload(**value)
    flags = ("--special-keys", "name:S")
    for result in (run("sessions", *words, *flags), run("sessions", *words, "--json", *flags)):
        assert 0 == result.exit_code
        assert not [one for one in result.output if not one.isprintable() and one != "\n"]
        assert "fake-row" not in [line.strip() for line in result.stdout.splitlines()]

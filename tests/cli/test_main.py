"""All commands: help, errors, exit codes, output, interruptions, progress and timeouts."""

from __future__ import annotations

import io
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from rich.console import Console

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.__main__ import main
from beaker_dynamodb.cli import console
from beaker_dynamodb.cli.command import command
from beaker_dynamodb.cli.main import cli
from beaker_dynamodb.cli.settings import load
from beaker_dynamodb.items import reaper
from tests.cli.conftest import Given, Run, Words
from tests.clock import Clock
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
def test_reading_commands_do_not_create_a_table(run: Run, table_name: str, words: Words) -> None:
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


ROOT = Path(__file__).parent.parent.parent


def test_ctrl_c_says_what_was_done_so_far_and_exits_with_130(
    run: Run, filled: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    reap = reaper.reap

    def interrupted(*given: Any, **extra: Any) -> Iterator[reaper.Reaped]:
        yield list(reap(*given, **extra))[-1]
        raise KeyboardInterrupt

    monkeypatch.setattr(reaper, "reap", interrupted)
    result = run("reap")
    assert 130 == result.exit_code
    assert "Interrupted: 10 of about 10 items read, 1 deleted.\n" in result.stderr
    assert "Run the same command again to finish.\n" in result.stderr
    assert result.stderr.endswith("beaker-dynamodb: error: interrupted\n")


@pytest.mark.parametrize(
    ("ini", "flags", "expected"),
    [
        ("", {}, (60.0, 5)),
        ("", {"read_timeout": "1"}, (1.0, 5)),
        ("", {"url": "dynamodb:///mine?max_attempts=2"}, (60.0, 2)),
        ("session.read_timeout = 3", {}, (3.0, 5)),
    ],
)
def test_a_command_waits_longer_unless_its_settings_say_otherwise(
    tmp_path: Path, ini: str, flags: dict[str, Any], expected: tuple[float, int]
) -> None:
    path = tmp_path / "app.ini"
    path.write_text(f"[app:main]\nsession.type = ext:dynamodb\n{ini}\n")
    options = load(flags, ini=str(path) if ini else None).options
    assert expected == (options.read_timeout, options.max_attempts)


def test_retries_are_visible() -> None:
    words = ["stats", "--region-name", "eu-west-1", "--endpoint-url", "http://127.0.0.1:1"]
    words += ["--aws-access-key-id", "a", "--aws-secret-access-key", "b", "--max-attempts", "2"]
    result = CliRunner().invoke(cli, words)
    assert 1 == result.stderr.count("A call was not answered or was refused; trying again ...\n")
    assert not logging.getLogger("botocore.retries.standard").handlers


# -- progress -------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_progress_bar_and_stdout_the_rows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with console.progress("items", 10) as advance:
        print("row")
        advance(10)
    assert "row\n" == capsys.readouterr().out
    assert "items \x1b" in terminal.getvalue()
    assert terminal.getvalue().endswith("\x1b[2K"), "the bar is deleted"


def test_progress_is_an_occasional_line_if_stderr_is_not_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock(0)
    with console.progress("items read", 3000, clock=clock) as advance:
        for seconds in (1, 30, 1, 28, 1):
            clock.advance(seconds)
            advance(1000)
    lines = [f"{number},000 of about 3,000 items read ..." for number in (2, 5)]
    assert lines == capsys.readouterr().err.splitlines()


# -- closed output --------------------------------------------------------------------------------


def piped_without_reader(monkeypatch: pytest.MonkeyPatch, run: Callable[[], object]) -> int:
    """Run a command whose stdout is a pipe without a reader; return its exit code."""
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w", buffering=1)
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(
        "beaker_dynamodb.cli.output._discard_output",
        lambda: os.dup2(os.open(os.devnull, os.O_WRONLY), writer),
    )
    with pytest.raises(SystemExit) as ended:
        run()
    stream.close()
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.parametrize(("changes", "finished"), [(False, []), (True, ["all"])])
def test_only_a_command_that_changes_something_continues_without_a_reader(
    monkeypatch: pytest.MonkeyPatch, changes: bool, finished: list[str]
) -> None:
    done: list[str] = []

    def prints() -> None:
        for _ in range(3):
            click.echo("a line")
        done.append("all")

    printing = command("prints", example="", changes=changes)(prints)
    assert 0 == piped_without_reader(monkeypatch, lambda: printing.main([]))
    assert finished == done


def test_a_table_of_rich_stops_with_its_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    printing = command("prints", example="")(lambda: Console().print("a line"))
    assert 0 == piped_without_reader(monkeypatch, lambda: printing.main([]))


@pytest.mark.full
def test_a_listing_into_head_succeeds() -> None:
    program = [sys.executable, "-m", "beaker_dynamodb", "template"]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(program, stdout=writer, stderr=subprocess.PIPE, cwd=ROOT)
    os.close(writer)
    assert (0, b"") == (done.returncode, done.stderr)

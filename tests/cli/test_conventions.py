"""Behavior of all subcommands: interruptions, closed output, progress, timeouts."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from rich.console import Console

from beaker_dynamodb.cli import console
from beaker_dynamodb.cli.command import command
from beaker_dynamodb.cli.main import cli
from beaker_dynamodb.cli.settings import load
from beaker_dynamodb.items import reaper
from tests.cli.conftest import Given, Run
from tests.clock import Clock

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

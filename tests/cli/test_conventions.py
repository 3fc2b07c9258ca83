"""What all subcommands have in common: interruptions, closed output, progress, patience, help."""

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

from beaker_dynamodb.cli import console
from beaker_dynamodb.cli.command import command
from beaker_dynamodb.cli.main import COMMANDS, cli
from beaker_dynamodb.cli.settings import load
from beaker_dynamodb.items import reaper
from tests.cli.conftest import Run
from tests.clock import Clock

ROOT = Path(__file__).parent.parent.parent


def test_ctrl_c_says_what_was_done_so_far_and_exits_with_130(
    run: Run, filled: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    reap = reaper.reap

    def interrupted(*given: Any, **more: Any) -> Iterator[reaper.Reaped]:
        yield list(reap(*given, **more))[-1]
        raise KeyboardInterrupt

    monkeypatch.setattr(reaper, "reap", interrupted)
    result = run("reap")
    assert 130 == result.exit_code
    assert "Interrupted: 10 of about 10 items read, 1 deleted.\n" in result.stderr
    assert "Run the same command again to finish.\n" in result.stderr
    assert result.stderr.endswith("beaker-dynamodb: error: interrupted\n")


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["docter"], "Did you mean 'doctor'?"),
        (["create_table"], "Did you mean 'create-table'?"),
        (["sessions", "lst"], "Did you mean 'list'?"),
    ],
)
def test_a_mistyped_command_is_corrected(words: list[str], meant: str) -> None:
    result = CliRunner().invoke(cli, words)
    assert 2 == result.exit_code
    assert meant in result.stderr


@pytest.mark.parametrize("words", [[], *([name] for name in COMMANDS), ["sessions", "list"]])
def test_h_shows_the_help(words: list[str]) -> None:
    shown = CliRunner().invoke(cli, [*words, "-h"])
    assert (0, CliRunner().invoke(cli, [*words, "--help"]).stdout) == (
        shown.exit_code,
        shown.stdout,
    )


def test_an_account_has_twelve_digits() -> None:
    result = CliRunner().invoke(cli, ["policy", "--account", "12345"])
    assert 2 == result.exit_code
    assert "12 digits" in result.stderr


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({}, (60.0, 5)),
        ({"read_timeout": "1"}, (1.0, 5)),
        ({"url": "dynamodb:///mine?max_attempts=2"}, (60.0, 2)),
    ],
)
def test_a_command_is_patient_unless_its_settings_say_otherwise(
    flags: dict[str, Any], expected: tuple[float, int]
) -> None:
    options = load(flags).options
    assert expected == (options.read_timeout, options.max_attempts)


def test_an_ini_file_overrides_the_patience(tmp_path: Path) -> None:
    ini = tmp_path / "app.ini"
    ini.write_text("[app:main]\nsession.type = ext:dynamodb\nsession.read_timeout = 3\n")
    assert 3 == load({}, ini=str(ini)).options.read_timeout


def test_retries_are_visible() -> None:
    words = ["stats", "--region-name", "eu-west-1", "--endpoint-url", "http://127.0.0.1:1"]
    words += ["--aws-access-key-id", "a", "--aws-secret-access-key", "b", "--max-attempts", "2"]
    result = CliRunner().invoke(cli, words)
    assert 1 == result.stderr.count("A call was not answered or was refused; trying again ...\n")
    assert not logging.getLogger("botocore.retries.standard").handlers


# -- progress -------------------------------------------------------------------------------------


def test_progress_is_a_line_now_and_then_if_stderr_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock(0)
    with console.progress("items read", 3000, clock=clock) as advance:
        for seconds in (1, 30, 1, 28, 1):
            clock.advance(seconds)
            advance(1000)
    assert (
        "2,000 of about 3,000 items read ...\n5,000 of about 3,000 items read ...\n"
        == capsys.readouterr().err
    )


# -- closed output --------------------------------------------------------------------------------


def piped_to_nobody(monkeypatch: pytest.MonkeyPatch, run: Callable[[], object]) -> int:
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
def test_only_a_command_that_changes_something_goes_on_without_a_reader(
    monkeypatch: pytest.MonkeyPatch, changes: bool, finished: list[str]
) -> None:
    done: list[str] = []

    def prints() -> None:
        for _ in range(3):
            click.echo("a line")
        done.append("all")

    printing = command("prints", example="", changes=changes)(prints)
    assert 0 == piped_to_nobody(monkeypatch, lambda: printing.main([]))
    assert finished == done


def test_a_table_of_rich_stops_with_its_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.console import Console

    printing = command("prints", example="")(lambda: Console().print("a line"))
    assert 0 == piped_to_nobody(monkeypatch, lambda: printing.main([]))


@pytest.mark.full
def test_a_listing_into_head_succeeds() -> None:
    program = [sys.executable, "-m", "beaker_dynamodb", "template"]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(program, stdout=writer, stderr=subprocess.PIPE, cwd=ROOT)
    os.close(writer)
    assert (0, b"") == (done.returncode, done.stderr)


def test_a_forgiving_stream_is_a_stream() -> None:
    from beaker_dynamodb.cli.output import ignoring_a_closed_reader

    real, sys.stdout = sys.stdout, io.StringIO()
    try:
        with ignoring_a_closed_reader():
            print("a line")
        assert "a line\n" == sys.stdout.getvalue()
    finally:
        sys.stdout = real

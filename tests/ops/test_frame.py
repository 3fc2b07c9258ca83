"""The command's frame: every command has help, an example and its place; errors are one line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from beaker_dynamodb.cli.frame import Command
from beaker_dynamodb.cli.main import cli

README = (Path(__file__).parent.parent.parent / "README.md").read_text()


def commands(group: click.Group, path: str = "") -> Iterator[tuple[str, Command]]:
    """Give every command there is, with the words that call it."""
    ctx = click.Context(group)
    for name in group.list_commands(ctx):
        found = group.get_command(ctx, name)
        if isinstance(found, click.Group):
            yield from commands(found, f"{path}{name} ")
        else:
            assert isinstance(found, Command)
            yield f"{path}{name}", found


ALL = list(commands(cli))


@pytest.mark.parametrize(("name", "command"), ALL, ids=[name for name, _ in ALL])
def test_every_command_explains_itself(name: str, command: Command) -> None:
    """`--help` works, says what the command does, and has an example that names it."""
    result = CliRunner().invoke(cli, [*name.split(), "--help"])
    assert 0 == result.exit_code
    assert command.help
    assert "Example" in result.stdout
    assert all(line.startswith(name) for line in command.example.splitlines())


@pytest.mark.parametrize("name", [name for name, _ in ALL])
def test_every_command_is_in_the_readme(name: str) -> None:
    """The README's table of commands has it."""
    assert f"| `{name}" in README


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["local", "--port", "many"], "'many' is not a valid integer"),
    ],
)
def test_wrong_use_is_one_line_and_code_2(arguments: list[str], said: str) -> None:
    """A word that is no command, or a value that does not fit: one line on stderr."""
    result = CliRunner().invoke(cli, arguments)
    assert (2, "") == (result.exit_code, result.stdout)
    assert said in result.stderr
    assert 1 == result.stderr.count("\n")


@pytest.mark.parametrize("words", [[], ["sessions"]])
def test_without_a_word_the_help_is_shown(words: list[str]) -> None:
    """A group's help, with its example, on stderr as it is; exit code 2."""
    result = CliRunner().invoke(cli, words)
    asked = CliRunner().invoke(cli, [*words, "--help"])
    assert (2, "", asked.stdout) == (result.exit_code, result.stdout, result.stderr)
    assert "Example" in asked.stdout
    assert "\n  beaker-dynamodb " in asked.stdout


@pytest.mark.parametrize(("name", "command"), ALL, ids=[name for name, _ in ALL])
def test_every_line_of_help_says_something(name: str, command: Command) -> None:
    """No flag and no argument is listed without a word about it, and defaults are as they are."""
    result = CliRunner().invoke(cli, [*name.split(), "--help"])
    assert "\n  ID\n" not in result.stdout
    assert "[default: (" not in result.stdout
    assert "see below" not in result.stdout
    assert all(param.help for param in command.params if isinstance(param, click.Option))

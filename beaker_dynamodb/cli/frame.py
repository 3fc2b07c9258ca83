"""What all commands share: how they are found, their help, their errors and exit codes."""

from __future__ import annotations

import importlib
import logging
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from beaker_dynamodb.cli.console import printable
from beaker_dynamodb.exceptions import ConfigurationError, DynamoDBError

F = TypeVar("F", bound=Callable[..., Any])

OK, FAILED, WRONG_USE = 0, 1, 2

_VERBOSE = "beaker_dynamodb.verbose"
_ALL_FLAGS = "beaker_dynamodb.all_flags"


class Failed(click.ClickException):
    """What was asked for did not work out: exit code 1."""

    exit_code = FAILED


# -- errors and exit codes ------------------------------------------------------------------------


def exit_code(run: Callable[[], Any]) -> int:
    """Run, say in one line on stderr what went wrong, and give the process's exit code."""
    try:
        code = run()
        # click gives the code of ctx.exit(), or else what the command returned.
        return code if isinstance(code, int) else OK
    except click.UsageError as error:
        hint = f" ({error.ctx.command_path} --help)" if error.ctx else ""
        return _say(error.format_message() + hint, WRONG_USE)
    except click.ClickException as error:
        return _say(error.format_message(), error.exit_code)
    except click.Abort:
        return _say("stopped", FAILED)
    except ConfigurationError as error:
        if error.aws_code == "ResourceNotFoundException":
            mend = "make it with beaker-dynamodb create-table"
            return _say(f"table {error.table!r} does not exist: {mend}", WRONG_USE)
        return _say(str(error), WRONG_USE)
    except DynamoDBError as error:
        return _say(str(error), FAILED)
    except BrokenPipeError:
        # Whoever read our output has had enough, such as `head`; Python would complain at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        return _say(f"{type(error).__name__}: {error} (-v shows where)", FAILED)


def _say(message: str, code: int) -> int:
    click.echo(f"beaker-dynamodb: error: {printable(' '.join(message.split()))}", err=True)
    return code


def _begin_verbose(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not ctx.meta.get(_VERBOSE):
        ctx.meta[_VERBOSE] = True
        # Of ours only: botocore's own log has the items in it.
        logger = logging.getLogger("beaker_dynamodb")
        logger.setLevel(logging.DEBUG)
        logger.addHandler(logging.StreamHandler())


verbose_flag = click.option(
    "-v",
    "--verbose",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_begin_verbose,
    help="Log to stderr, and show where an error came from.",
)

json_flag = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


# -- commands -------------------------------------------------------------------------------------


class SettingOption(click.Option):
    """A flag that says which table, and how it is used (cli/settings_flags.py).

    :param common: it is in every command's help; the others are shown by ``--help-all``.
    """

    def __init__(self, *args: Any, common: bool, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.common = common


def write_example(formatter: click.HelpFormatter, example: str) -> None:
    """Write command lines as an example into a help.

    :param example: command lines, the program's name left out.
    """
    with formatter.section("Example" if "\n" not in example else "Examples"):
        for line in example.splitlines():
            formatter.write(f"{'':>{formatter.current_indent}}beaker-dynamodb {line}\n")


class Command(click.Command):
    """A command whose help has an example, and the many flags of the table behind its own.

    :param example: command lines, the program's name left out.
    """

    def __init__(self, *args: Any, example: str, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.example = example

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own flags, and then those that say which table."""
        # The docstring says what an argument is.
        params = [one for one in self.get_params(ctx) if isinstance(one, click.Option)]
        settings = [param for param in params if isinstance(param, SettingOption)]
        everything = ctx.meta.get(_ALL_FLAGS, False)
        groups: dict[str, list[Any]] = {
            "Options": [param for param in params if param not in settings],
            "Which table": [param for param in settings if param.common],
            "How it is used": [param for param in settings if everything and not param.common],
        }
        for heading, members in groups.items():
            rows = [row for param in members if (row := param.get_help_record(ctx))]
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)
        if settings and not everything:
            formatter.write_paragraph()
            formatter.write_text("Every option of the README is a flag too; --help-all shows them.")

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the example."""
        write_example(formatter, self.example)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; with ``-v`` an error shows where it came from."""
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.Abort):
            raise
        except Exception:
            if ctx.meta.get(_VERBOSE):
                traceback.print_exc()
            raise


def command(name: str, *, example: str) -> Callable[[Callable[..., Any]], Command]:
    """Make a function a command; its docstring is the help.

    :param example: command lines, the program's name left out.
    """

    def decorate(function: Callable[..., Any]) -> Command:
        made = click.command(name, cls=Command, example=example)(function)
        # Behind the command's own.
        made.params += verbose_flag(lambda: None).__click_params__  # type: ignore[attr-defined]
        if any(isinstance(param, SettingOption) for param in made.params):
            made.params.append(_help_all)
        return made

    return decorate


def _show_all_help(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        ctx.meta[_ALL_FLAGS] = True
        click.echo(ctx.get_help(), color=ctx.color)
        ctx.exit()


_help_all = click.Option(
    ["--help-all"],
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_all_help,
    help="Show this message with every flag, and exit.",
)


class LazyGroup(click.Group):
    """A group whose commands are imported when they are run, so that ``--help`` is quick.

    :param commands_in: of each command its module in `cli.commands`, with ``:`` and the
        function where that has another name, and its short help.
    :param example: command lines, the program's name left out.
    """

    def __init__(
        self,
        *args: Any,
        commands_in: Mapping[str, tuple[str, str]],
        example: str,
        **attributes: Any,
    ) -> None:
        super().__init__(*args, **attributes)
        self._commands_in = commands_in
        self.example = example

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Show the help where there is no word at all, which is a wrong use."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), err=True)
            ctx.exit(WRONG_USE)
        return super().parse_args(ctx, args)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the example."""
        write_example(formatter, self.example)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the commands' names, in the order in which they were written down."""
        return list(self._commands_in)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in self._commands_in:
            return None
        module, _, function = self._commands_in[cmd_name][0].partition(":")
        imported = importlib.import_module(f"beaker_dynamodb.cli.commands.{module}")
        made: click.Command = getattr(imported, function or cmd_name.replace("-", "_"))
        return made

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, help) for name, (_, help) in self._commands_in.items()])

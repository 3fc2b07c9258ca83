"""The installed command as a process, as a user and a script meet it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager
from tests.contract.opening import payload
from tests.ops.conftest import Process

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.full


@pytest.mark.parametrize("engine", ["local"], scope="session")
def test_a_table_from_its_making_to_its_doctor(
    process: Process, options: dict[str, object], table_name: str, tmp_path: Path
) -> None:
    """Made, examined, counted and listed by an INI file: results on stdout, nothing on stderr."""
    ini = tmp_path / "production.ini"
    ini.write_text(
        f"[app:main]\nsession.type = ext:dynamodb\nsession.table_name = {table_name}\n"
        "session.timeout = 600\n"
    )
    where = ("--ini", str(ini))
    made = process("create-table", *where)
    assert (0, "") == (made.returncode, made.stderr)
    assert made.stdout.startswith(f"+ table '{table_name}' created")
    healthy = process("doctor", *where)
    assert (0, "") == (healthy.returncode, healthy.stderr)
    DynamoDBNamespaceManager("id", **options)["session"] = payload(a=1)
    listed = process("sessions", "list", *where)
    assert (0, 2) == (listed.returncode, len(listed.stdout.splitlines()))
    assert "1 session listed; " in listed.stderr
    counted = json.loads(process("stats", "--json", *where).stdout)
    assert 1 == counted["groups"][0]["live"]


@pytest.mark.parametrize("engine", ["local"], scope="session")
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["stats", "--table-name", "missing"], 2),
        (["stats", "--tabel", "missing"], 2),
        (["stats", "--ini", "missing.ini"], 2),
        (["sessions", "show", "nobody", "--table-name", "made"], 1),
        (["doctor", "--table-name", "missing", "--create-table", "false"], 1),
        (["stats", "--endpoint-url", "http://127.0.0.1:1", "--max-attempts", "1"], 1),
    ],
)
def test_errors_are_one_line_and_a_code(process: Process, words: list[str], code: int) -> None:
    """No traceback; stdout stays empty, but for doctor, whose errors are its result."""
    if "made" in words:
        process("create-table", "--table-name", "made")
    done = process(*words)
    assert code == done.returncode
    assert "Traceback" not in done.stderr + done.stdout
    if words[0] == "doctor":
        assert "error " in done.stdout
    else:
        assert ("", 1) == (done.stdout, done.stderr.count("\n"))
        assert done.stderr.startswith("beaker-dynamodb: error: ")


def test_verbose_shows_where(process: Process) -> None:
    """-v has the traceback, and the one line after it."""
    done = process("stats", "-v", "--table-name", "missing")
    assert 2 == done.returncode
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("beaker-dynamodb: error: ")


def test_the_module_is_the_same_command(process: Process) -> None:
    """`python -m beaker_dynamodb` says what the script says."""
    module = [sys.executable, "-W", "error", "-m", "beaker_dynamodb", "--version"]
    assert process("--version").stdout == subprocess.check_output(module, text=True)


def test_on_a_terminal_a_long_list_goes_through_the_pager(
    on_terminal: Callable[..., str], options: dict[str, object], table_name: str
) -> None:
    """What fits on the screen is printed, what does not is paged, all of it."""
    words = ("sessions", "list", "--table-name", table_name)
    for number, paged in ((5, 0), (7, 7)):
        for n in range(number):
            DynamoDBNamespaceManager(f"id-{n}", **options)["session"] = payload(n=n)
        shown = on_terminal(*words, PAGER="sed s/^/paged:/").splitlines()
        assert paged == sum(line.startswith("paged:@") for line in shown)
        assert number == sum("@" in line for line in shown)
        assert f"{number} sessions listed; " in shown[-1]


def test_on_a_terminal_long_work_has_a_progress_bar(
    on_terminal: Callable[..., str],
    process: Process,
    options: dict[str, object],
    table_name: str,
) -> None:
    """It is drawn, and wiped away at the end; without a terminal there is none."""
    DynamoDBNamespaceManager("id", **options)["session"] = payload(n=1)
    shown = on_terminal("stats", "--table-name", table_name)
    bar, _, rest = shown.partition("sess: beaker-session")
    assert "items \x1b" in bar
    assert "━" in bar
    assert "━" not in rest
    done = process("stats", "--table-name", table_name)
    assert (0, "") == (done.returncode, done.stderr)
    assert "━" not in done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_local_serves_until_it_is_told_to_end(number: int) -> None:
    """It prints the lines that lead to it, and ends cleanly."""
    command = [sys.executable, "-W", "error", "-m", "beaker_dynamodb", "local", "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        lines = [server.stdout.readline().strip() for _ in range(4)]
        exported = dict(line.removeprefix("export ").split("=", 1) for line in lines)
        run = [sys.executable, "-m", "beaker_dynamodb", "create-table", "--json"]
        made = subprocess.run(run, capture_output=True, text=True, env={**os.environ, **exported})
        assert 2 == json.loads(made.stdout)["changes"]
        server.send_signal(number)
        rest, said = server.communicate()
    assert (0, "") == (server.returncode, rest)
    assert 1 == said.count("\n")


def test_a_taken_port(moto_endpoint: object) -> None:
    """Is one line and exit code 1."""
    port = getattr(moto_endpoint, "url").rpartition(":")[2]  # noqa: B009
    command = [sys.executable, "-m", "beaker_dynamodb", "local", "--port", port]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (1, "") == (done.returncode, done.stdout)
    assert f"port {port}: " in done.stderr


def test_without_click_the_command_says_what_to_install() -> None:
    """One line with pip's command, and exit code 2."""
    program = (
        "import sys; sys.modules['click'] = None\n"
        "from beaker_dynamodb.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (2, "", 1) == (done.returncode, done.stdout, done.stderr.count("\n"))
    assert "pip install 'beaker-dynamodb[cli]'" in done.stderr


def test_help_imports_no_command() -> None:
    """The list of commands is quick: neither boto3 nor any command is imported for it."""
    program = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from beaker_dynamodb.cli.main import cli\n"
        "assert CliRunner().invoke(cli, ['--help']).exit_code == 0\n"
        "commands = 'beaker_dynamodb.cli.commands.'\n"
        "print([name for name in sys.modules if name.startswith(commands)])\n"
        "print([name for name in ('boto3', 'rich') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "[]\n[]\n" == done.stdout

"""`beaker-dynamodb migrate`, as it is installed."""

from __future__ import annotations

import json
import pickle
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from beaker_dynamodb.cli.main import cli
from tests.beaker import Browser
from tests.migrate.moving import saved, stored

if TYPE_CHECKING:
    from tests.servers.endpoint import Endpoint

README = (Path(__file__).parent.parent.parent / "README.md").read_text()
OLD_INI = """
[app:main]
session.type = file
session.data_dir = %(here)s/sessions
session.timeout = 1800
session.secret = a-secret
"""


def new_ini(endpoint: Endpoint, table_name: str) -> str:
    """Give the settings of the new application."""
    options = "\n".join(f"session.{name} = {value}" for name, value in endpoint.options.items())
    return f"""
[app:main]
session.type = ext:dynamodb
session.table_name = {table_name}
session.timeout = 1800
session.secret = a-secret
{options}
"""


def to_url(endpoint: Endpoint, table_name: str) -> str:
    """Give the url of the new store."""
    options = endpoint.options
    region = options.pop("region_name")
    query = "&".join(f"{name}={value}" for name, value in options.items())
    return f"dynamodb://{region}/{table_name}?{query}"


def run(*arguments: str) -> Any:
    """Run the command in this process."""
    return CliRunner().invoke(cli, ["migrate", *arguments])


def test_ini_to_ini(endpoint: Endpoint, table_name: str, tmp_path: Path) -> None:
    """As a process of its own it keeps a visitor logged in; a second run does nothing."""
    (tmp_path / "old.ini").write_text(OLD_INI)
    (tmp_path / "new.ini").write_text(new_ini(endpoint, table_name))
    old = {"type": "file", "data_dir": str(tmp_path / "sessions"), "secret": "a-secret"}
    browser = Browser(old)
    browser.save(user=42)
    command = [sys.executable, "-m", "beaker_dynamodb", "migrate", "--json"]
    files = ["--from-ini", "old.ini", "--to-ini", "new.ini", "--state", "migrate.state"]

    def migrate() -> dict[str, Any]:
        done = subprocess.run([*command, *files], cwd=tmp_path, capture_output=True, text=True)
        assert (0, "") == (done.returncode, done.stderr)
        said: dict[str, Any] = json.loads(done.stdout)
        return said

    first, second = migrate(), migrate()

    assert (1, 1, 1, True) == tuple(first[n] for n in ("found", "copied", "verified", "complete"))
    assert (1, 0, 1) == tuple(second[n] for n in ("found", "copied", "already_there"))
    new = Browser({**endpoint.options, "table_name": table_name, "secret": "a-secret"})
    new.web.cookiejar = browser.web.cookiejar
    assert {"user": 42} == new.contents()


def test_the_readme(
    moto_endpoint: Endpoint, table_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The README's command works as it stands there, with two INI files beside it."""
    section = README.split("## Moving sessions from another store")[1].split("\n## ")[0]
    (line,) = re.findall(r"```sh\n(.*)\n```", section)
    program, *arguments = shlex.split(line)
    (tmp_path / "old.ini").write_text(OLD_INI)
    (tmp_path / "new.ini").write_text(new_ini(moto_endpoint, table_name))
    saved({"type": "file", "data_dir": str(tmp_path / "sessions")}, user=1)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, arguments)
    assert ("beaker-dynamodb", 0) == (program, result.exit_code)
    assert "         1  copied\n" in result.stdout


def test_url_to_url(moto_endpoint: Endpoint, table_name: str, tmp_path: Path) -> None:
    """What was done is said in lines that people read."""
    session_id = saved({"type": "file", "data_dir": str(tmp_path)}, user=1)
    arguments = ["--from", f"file://{tmp_path}", "--to", to_url(moto_endpoint, table_name)]
    dry = run(*arguments, "--timeout", "1800", "--dry-run")
    wet = run(*arguments, "--timeout", "1800", "--write-units-per-second", "100", "--verify", "all")
    where = f"to table {table_name} at {moto_endpoint.url}, prefix 'sess:' and 'cache:'"
    lines = [
        "         1  found in the old store",
        "         1  copied",
        "         0  already there",
        "         0  expired",
    ]
    assert (0, 0) == (dry.exit_code, wet.exit_code)
    assert [
        where,
        *lines,
        "         0  copies read back, the same",
        "dry run: nothing was written; a real run would use 1 write units, by the sizes of the "
        "sessions",
        "no units used",
    ] == dry.stdout.splitlines()
    assert [
        f"{where}, which did not exist and was created",
        *lines,
        "         1  copies read back, the same",
    ] == wet.stdout.splitlines()[:-1]
    assert re.fullmatch(r".* units used", wet.stdout.splitlines()[-1])
    item = stored({**moto_endpoint.options, "table_name": table_name}, session_id)
    assert item is not None
    assert (item.accessed_ms or 0) + 1_920_000 == item.deadline_ms


def test_the_capacity_of_both_stores_is_told(
    local_endpoint: Endpoint, table_name: str, tmp_path: Path
) -> None:
    """Reading a store in DynamoDB and writing the new one: units as DynamoDB counts them."""
    saved({"type": "file", "data_dir": str(tmp_path)}, user=1)
    old, new = (to_url(local_endpoint, f"{table_name}-{n}") for n in "12")
    first = json.loads(run("--from", f"file://{tmp_path}", "--to", old, "--json").stdout)
    # The copy is read back, and the second time read from the old store as well.
    assert {"read": 1.0, "write": 1.0} == first["capacity_units"]
    second = json.loads(run("--from", old, "--to", new, "--json").stdout)
    assert {"read": 2.0, "write": 1.0} == second["capacity_units"]
    assert (f"{table_name}-2", True) == (second["to"].split()[1], second["table_created"])
    again = json.loads(run("--from", old, "--to", new, "--json").stdout)
    assert (1, False) == (again["already_there"], again["table_created"])


def test_encrypted_and_foreign_are_told(
    moto_endpoint: Endpoint, table_name: str, tmp_path: Path
) -> None:
    """What only the application can read, and what is no session, is said as well."""
    old = {"type": "file", "data_dir": str(tmp_path)}
    session_id = saved(old, user=1)
    (file,) = tmp_path.rglob(f"{session_id}.cache")
    file.write_bytes(pickle.dumps({"session": "encrypted"}))
    (file.parent / "news.cache").write_bytes(pickle.dumps({b"weather": (0, None, "fine")}))
    result = run("--from", f"file://{tmp_path}", "--to", to_url(moto_endpoint, table_name))
    assert 0 == result.exit_code
    assert "1 copies are encrypted" in result.stdout
    assert "1 entries of the old store are not sessions" in result.stdout


def test_what_could_not_be_copied_is_code_1(
    moto_endpoint: Endpoint, table_name: str, tmp_path: Path
) -> None:
    """A session that is too large ends the command with 1, after all others were copied."""
    old = {"type": "file", "data_dir": str(tmp_path)}
    saved(old, text="".join(map(chr, range(300, 3000))))
    saved(old, user=1)
    url = to_url(moto_endpoint, table_name) + "&max_value_size=1000&compression=off"
    result = run("--from", f"file://{tmp_path}", "--to", url)
    assert 1 == result.exit_code
    assert "         1  too large" in result.stdout
    assert "         1  copied" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "one of --from and --from-ini"),
        (["--from", "file:///", "--from-ini", "x.ini"], "one of --from and --from-ini"),
        (["--from", "file:///nowhere/at/all", "--to", "x"], "there is no folder /nowhere/at/all"),
        (["--from", "redis://127.0.0.1/0"], "one of --to and --to-ini"),
        (["--from", "redis://127.0.0.1/0", "--to", "redis://h/0"], "dynamodb://REGION/TABLE"),
        (["--from-ini", "nowhere.ini"], "nowhere.ini"),
    ],
)
def test_wrong_use(arguments: list[str], said: str) -> None:
    """What was asked for wrongly is one line and code 2."""
    result = run(*arguments)
    assert (2, "") == (result.exit_code, result.stdout)
    assert said in result.stderr
    assert 1 == result.stderr.count("\n")

"""`beaker-dynamodb migrate`."""

from __future__ import annotations

import json
import pickle
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from beaker_dynamodb.cli.main import cli
from tests.beaker import Browser
from tests.docs.pages import page
from tests.migrate.moving import saved, stored

if TYPE_CHECKING:
    from tests.servers.endpoint import Endpoint


@pytest.fixture
def ini_files(moto_endpoint: Endpoint, table_name: str, old: dict[str, Any]) -> Path:
    """The folder of ``old.ini`` and ``new.ini``."""
    options = {"table_name": table_name, **moto_endpoint.options}
    for name, settings in {"old": old, "new": {"type": "ext:dynamodb", **options}}.items():
        common = {"timeout": 1800, "secret": "a-secret", **settings}
        lines = (f"session.{key} = {value}" for key, value in common.items())
        path = Path(old["data_dir"]).parent / f"{name}.ini"
        path.write_text("\n".join(["[app:main]", *lines]))
    return Path(old["data_dir"]).parent


def to_url(endpoint: Endpoint, table_name: str) -> str:
    """Return the URL of the new store."""
    options = dict(endpoint.options)
    region = options.pop("region_name")
    query = "&".join(f"{name}={value}" for name, value in options.items())
    return f"dynamodb://{region}/{table_name}?{query}"


@pytest.fixture
def to(moto_endpoint: Endpoint, table_name: str) -> str:
    return to_url(moto_endpoint, table_name)


def run(*arguments: str) -> Any:
    return CliRunner().invoke(cli, ["migrate", *arguments])


def test_from_ini_file_to_ini_file(
    ini_files: Path,
    old: dict[str, Any],
    moto_endpoint: Endpoint,
    table_name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    browser = Browser({**old, "secret": "a-secret"})
    browser.save(user=42)
    monkeypatch.chdir(ini_files)
    files = ["--from-ini", "old.ini", "--to-ini", "new.ini", "--create"]
    reports = [json.loads(run("--json", *files).stdout) for _ in range(2)]
    assert [(1, 1, 0), (1, 0, 1)] == [
        (report["found"], report["copied"], report["already_there"]) for report in reports
    ]
    after = Browser({**moto_endpoint.options, "table_name": table_name, "secret": "a-secret"})
    after.web.cookiejar = browser.web.cookiejar
    assert {"user": 42} == after.contents()


def test_the_documented_command(
    ini_files: Path, old: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    (line,) = (block.code for block in page("docs/howto/move-sessions.md").blocks("sh"))
    program, *arguments = shlex.split(line)
    saved(old, user=1)
    monkeypatch.chdir(ini_files)
    result = CliRunner().invoke(cli, arguments)
    assert ("beaker-dynamodb", 0) == (program, result.exit_code)
    assert "         1  copied\n" in result.stdout


def test_from_url_to_url(
    old: dict[str, Any], url: str, to: str, moto_endpoint: Endpoint, table_name: str
) -> None:
    session_id = saved(old, user=1)
    arguments = ["--from", url, "--to", to, "--timeout", "1800", "--create"]
    dry = run(*arguments, "--dry-run")
    wet = run(*arguments, "--write-units-per-second", "100", "--verify", "all")
    where = f"to table {table_name} at {moto_endpoint.url}, prefix 'sess:' and 'cache:'"
    assert (0, 0) == (dry.exit_code, wet.exit_code)
    assert [
        f"from the folder {old['data_dir']}/container_file",
        f"{where}, which does not exist and would be created",
        "         1  found in the old store",
        "         1  would be copied",
        "         0  already there",
        "         0  logged out in the new store since",
        "         0  expired",
        "dry run: nothing was written; a real run would use 4 write units, by the sizes of the "
        "sessions",
        "no units used",
    ] == dry.stdout.splitlines()
    *shown, units = wet.stdout.splitlines()
    assert [
        f"from the folder {old['data_dir']}/container_file",
        f"{where}, which did not exist and was created",
        "         1  found in the old store",
        "         1  copied",
        "         0  already there",
        "         0  logged out in the new store since",
        "         0  expired",
        "         1  copies read back, the same",
    ] == shown
    assert units.endswith(" used")
    item = stored({**moto_endpoint.options, "table_name": table_name}, session_id)
    assert item is not None
    assert (item.accessed_ms or 0) + 1_920_000 == item.deadline_ms


def test_without_a_timeout_the_lifetime_is_shown(old: dict[str, Any], url: str, to: str) -> None:
    saved(old, user=1)
    arguments = ["--from", url, "--to", to, "--create"]
    line = "copies expire 86,400 s after their last access, because no timeout is given (--timeout)"
    assert line in run(*arguments).stdout.splitlines()
    assert "--timeout" not in run(*arguments, "--timeout", "1800").stdout
    assert 1920 == json.loads(run(*arguments, "--timeout", "1800", "--json").stdout)["lifetime"]


def test_the_capacity_units_of_both_stores(
    local_endpoint: Endpoint, table_name: str, old: dict[str, Any], url: str
) -> None:
    saved(old, user=1)
    first, second = (to_url(local_endpoint, f"{table_name}-{n}") for n in "12")

    def migrate(source: str, target: str) -> Any:
        return json.loads(run("--from", source, "--to", target, "--create", "--json").stdout)

    # DynamoDB Local neither doubles transactions nor counts what a batch does not find. Written:
    # the run twice, the session and its record. Read: the run before, and the copy.
    assert {"read": 2.0, "write": 4.0} == migrate(url, first)["capacity_units"]
    report = migrate(first, second)
    # Also the first table, in segments that round up.
    assert 3 <= report["capacity_units"]["read"] <= 5
    assert 4 == report["capacity_units"]["write"]
    assert (f"{table_name}-2", True) == (report["to"].split()[1], report["table_created"])
    report = migrate(first, second)
    assert (1, False) == (report["already_there"], report["table_created"])
    assert 2 == report["capacity_units"]["write"]


def test_encrypted_sessions_and_other_entries_are_counted(
    old: dict[str, Any], url: str, to: str
) -> None:
    session_id = saved(old, user=1)
    (file,) = Path(old["data_dir"]).rglob(f"{session_id}.cache")
    file.write_bytes(pickle.dumps({"session": "encrypted"}))
    (file.parent / "news.cache").write_bytes(pickle.dumps({b"weather": (0, None, "fine")}))
    result = run("--from", url, "--to", to, "--create")
    assert 0 == result.exit_code
    assert "1 copy is encrypted" in result.stdout
    assert "1 entry of the old store: not sessions" in result.stdout


def test_the_exit_code_is_1_if_a_session_is_not_copied(
    old: dict[str, Any], url: str, to: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("beaker_dynamodb.items.chunks.MAX_VALUE_BYTES", 1000)
    saved(old, text="x" * 3000)
    saved(old, user=1)
    result = run("--from", url, "--to", f"{to}&compression=off", "--create")
    assert 1 == result.exit_code
    assert "         1  too large" in result.stdout
    assert "         1  copied" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "one of --from and --from-ini"),
        (["--from", "file:///", "--from-ini", "x.ini"], "one of --from and --from-ini"),
        (
            ["--from", "file:///nowhere/at/all", "--to", "x"],
            "folder /nowhere/at/all does not exist",
        ),
        (["--from", "redis://127.0.0.1/0"], "one of --to and --to-ini"),
        (["--from", "redis://127.0.0.1/0", "--to", "redis://h/0"], "dynamodb://REGION/TABLE"),
        (["--from-ini", "nowhere.ini"], "nowhere.ini"),
    ],
)
def test_a_usage_error_is_one_line(arguments: list[str], reason: str) -> None:
    result = run(*arguments)
    assert (2, "") == (result.exit_code, result.stdout)
    assert reason in result.stderr
    assert 1 == result.stderr.count("\n")

"""`beaker-dynamodb migrate`."""

from __future__ import annotations

import json
import pickle
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.beaker import Browser
from tests.docs.pages import page
from tests.migrate.moving import Stores, migrate, url_of
from tests.servers.endpoint import Endpoint


def test_the_documented_command_reads_both_ini_files(
    stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = {"old": stores.old, "new": {"type": "ext:dynamodb", **stores.new}}
    for name, settings in both.items():
        given = {"timeout": 1800, "secret": "a-secret", **settings}
        lines = "".join(f"session.{key} = {value}\n" for key, value in given.items())
        (tmp_path / f"{name}.ini").write_text(f"[app:main]\n{lines}")
    monkeypatch.chdir(tmp_path)
    browser, after = (Browser(given, secret="a-secret") for given in both.values())
    browser.save(user=42)
    (line,) = (block.code for block in page("docs/howto/move-sessions.md").blocks("sh"))
    program, command, *arguments = shlex.split(line)
    assert ("beaker-dynamodb", "migrate") == (program, command)
    reports = [json.loads(migrate(*arguments, "--json").stdout) for _ in range(2)]
    names = ("found", "copied", "already_there")
    assert [[1, 1, 0], [1, 0, 1]] == [[report[name] for name in names] for report in reports]
    after.web.cookiejar = browser.web.cookiejar
    assert {"user": 42} == after.contents()


def test_from_url_to_url(stores: Stores) -> None:
    session_id = stores.save(user=1)
    arguments = ["--timeout", "1800", "--create"]
    dry = stores.migrate(*arguments, "--dry-run")
    wet = stores.migrate(*arguments, "--write-units-per-second", "100", "--verify", "all")
    table, url = stores.new["table_name"], stores.new["endpoint_url"]
    where = f"to table {table} at {url}, prefix 'sess:' and 'cache:'"
    assert (0, 0) == (dry.exit_code, wet.exit_code)
    assert [
        f"from the folder {stores.old['data_dir']}/container_file",
        f"{where}, which does not exist and would be created",
        "         1  found in the old store",
        "         1  would be copied",
        "         0  already there",
        "         0  logged out in the new store since",
        "         0  expired",
        "dry run: nothing was written; a real run would use 4 write units, estimated from "
        "the sizes of the sessions",
        "no units used",
    ] == dry.stdout.splitlines()
    *shown, units = wet.stdout.splitlines()
    assert [
        f"from the folder {stores.old['data_dir']}/container_file",
        f"{where}, which did not exist and was created",
        "         1  found in the old store",
        "         1  copied",
        "         0  already there",
        "         0  logged out in the new store since",
        "         0  expired",
        "         1  copies read back, identical",
    ] == shown
    assert units.endswith(" used")
    item = stores.copied(session_id)
    assert (item.accessed_ms or 0) + 1_920_000 == item.deadline_ms


def test_without_a_timeout_the_lifetime_is_shown(stores: Stores) -> None:
    stores.save(user=1)
    line = "copies expire 86,400 s after their last access, because no timeout is set (--timeout)"
    assert line in stores.migrate("--create").stdout.splitlines()
    assert "--timeout" not in stores.migrate("--timeout", "1800").stdout
    assert 1920 == json.loads(stores.migrate("--timeout", "1800", "--json").stdout)["lifetime"]


def test_capacity_units_of_both_stores_are_reported(
    local_endpoint: Endpoint, table_name: str, stores: Stores
) -> None:
    stores.save(user=1)
    first, second = (f"{table_name}-{n}" for n in "12")
    urls = [url_of({**local_endpoint.options, "table_name": name}) for name in (first, second)]

    def report(source: str, target: str) -> Any:
        result = migrate("--from", source, "--to", target, "--create", "--json")
        return json.loads(result.stdout)

    # DynamoDB Local charges transactions once, and nothing for keys that a batch does not find.
    # Writes: the run's item twice, the session and its record. Reads: the earlier run's item, and
    # the copy.
    assert {"read": 2.0, "write": 4.0} == report(stores.url, urls[0])["capacity_units"]
    copied = report(*urls)
    # The second run also reads the first table, in segments whose units are rounded up.
    assert 3 <= copied["capacity_units"]["read"] <= 5
    assert 4 == copied["capacity_units"]["write"]
    assert (second, True) == (copied["to"].split()[1], copied["table_created"])
    again = report(*urls)
    assert (1, False) == (again["already_there"], again["table_created"])
    assert 2 == again["capacity_units"]["write"]


def test_encrypted_sessions_and_other_entries_are_counted(stores: Stores) -> None:
    session_id = stores.save(user=1)
    (file,) = Path(stores.old["data_dir"]).rglob(f"{session_id}.cache")
    file.write_bytes(pickle.dumps({"session": "encrypted"}))
    (file.parent / "news.cache").write_bytes(pickle.dumps({b"weather": (0, None, "fine")}))
    result = stores.migrate("--create")
    assert 0 == result.exit_code
    opaque = "1 copy is readable only by the application (encrypted, or its own format)"
    assert opaque in result.stdout
    assert "in the old store, 1 entry is not a session" in result.stdout


@pytest.mark.parametrize(
    ("flags", "copied"), [([], "copied"), (["--dry-run"], "would be copied")], ids=["", "dry run"]
)
def test_the_exit_code_is_1_if_a_session_is_too_large(
    stores: Stores, flags: list[str], copied: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("beaker_dynamodb.items.chunks.MAX_VALUE_BYTES", 1000)
    stores.save(text="x" * 3000)
    stores.save(user=1)
    result = stores.migrate("--create", *flags, query="&compression=off")
    assert 1 == result.exit_code
    assert "         1  too large" in result.stdout
    assert f"         1  {copied}\n" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "one of --from and --from-ini"),
        (["--from", "file:///", "--from-ini", "x.ini"], "one of --from and --from-ini"),
        (["--from", "file:///nowhere", "--to", "x"], "folder /nowhere does not exist"),
        (["--from", "redis://127.0.0.1/0"], "one of --to and --to-ini"),
        (["--from", "redis://127.0.0.1/0", "--to", "redis://h/0"], "dynamodb://REGION/TABLE"),
        (["--from-ini", "nowhere.ini"], "nowhere.ini"),
    ],
)
def test_a_usage_error_is_one_line(arguments: list[str], reason: str) -> None:
    result = migrate(*arguments)
    assert (2, "") == (result.exit_code, result.stdout)
    assert reason in result.stderr
    assert 1 == result.stderr.count("\n")

"""`beaker-dynamodb migrate` and its target: what is checked before anything is written."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from beaker_dynamodb.cli import console
from beaker_dynamodb.cli.main import cli
from beaker_dynamodb.items.item import MIGRATION, SESSION
from beaker_dynamodb.items.reaper import reap
from beaker_dynamodb.items.store import ItemStore
from beaker_dynamodb.migrate.stores import source_from_url, target_from_url
from tests.beaker import items, tables
from tests.migrate.moving import move, saved, stored, target
from tests.servers.endpoint import create_table

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from tests.clock import Clock
    from tests.servers.endpoint import Endpoint


@pytest.fixture
def to(endpoint: Endpoint, table_name: str) -> str:
    """The URL of the target."""
    options = dict(endpoint.options)
    region = options.pop("region_name")
    query = "&".join(f"{name}={value}" for name, value in options.items())
    return f"dynamodb://{region}/{table_name}?{query}"


def run(*arguments: str) -> Any:
    return CliRunner().invoke(cli, ["migrate", *arguments])


def kinds(client: DynamoDBClient, table_name: str) -> list[str]:
    return sorted(item["type"]["S"] for item in items(client, table_name).values())


@pytest.mark.both_servers
@pytest.mark.parametrize("dry", [[], ["--dry-run"]], ids=["", "dry run"])
def test_a_misspelled_table_is_not_created(
    dry: list[str], url: str, to: str, client: DynamoDBClient, table_name: str
) -> None:
    before = tables(client)
    result = run("--from", url, "--to", to, *dry)
    assert (2, "") == (result.exit_code, result.stdout)
    assert f"the target table '{table_name}' does not exist" in result.stderr
    assert "--create" in result.stderr
    assert before == tables(client)


def test_a_dry_run_with_create_creates_nothing(url: str, to: str, client: DynamoDBClient) -> None:
    before = tables(client)
    assert 0 == run("--from", url, "--to", to, "--create", "--dry-run").exit_code
    assert before == tables(client)


@pytest.mark.parametrize("dry", [[], ["--dry-run"]], ids=["", "dry run"])
@pytest.mark.parametrize(
    ("query", "code", "reason"),
    [
        ("", 1, "credentials"),
        ("aws_access_key_id=a&aws_secret_access_key=b&endpoint_url=http://127.0.0.1:1", 1, ":1"),
    ],
    ids=["no credentials", "no server"],
)
def test_a_target_that_cannot_be_used(
    dry: list[str], query: str, code: int, reason: str, old: dict[str, Any], url: str
) -> None:
    saved(old, user=1)
    target = f"dynamodb://eu-west-1/any?max_attempts=1&{query}".rstrip("&")
    result = run("--from", url, "--to", target, *dry)
    assert (code, "") == (result.exit_code, result.stdout)
    assert reason in result.stderr


@pytest.mark.both_servers
def test_a_dry_run_finds_a_table_with_another_key(
    url: str, old: dict[str, Any], to: str, client: DynamoDBClient, table_name: str
) -> None:
    saved(old, user=1)
    create_table(client, table_name)
    result = run("--from", url, "--to", f"{to}&hash_key=pk", "--dry-run")
    assert (2, "") == (result.exit_code, result.stdout)
    assert "partition key 'id' (S)" in result.stderr


@pytest.mark.both_servers
def test_a_dry_run_says_what_a_real_run_does(
    old: dict[str, Any], url: str, to: str, options: dict[str, object]
) -> None:
    ids = [saved(old, user=number) for number in range(3)]
    run("--from", url, "--to", to, "--create")
    storage = target(options)
    storage.items.end(storage.keys.session(ids[0]))
    saved(old, ids[1], user=9)
    saved(old, user=4)
    names = ("found", "copied", "already_there", "logged_out_since", "write_units")
    dry, wet = (
        json.loads(run("--from", url, "--to", to, "--json", *flags).stdout)
        for flags in (["--dry-run"], [])
    )
    assert [4, 2, 1, 1, 8] == [dry[name] for name in names] == [wet[name] for name in names]
    assert 0 == dry["capacity_units"]["write"] < wet["capacity_units"]["write"]
    assert wet["last_run"]["ended"] is not None


@pytest.mark.both_servers
@pytest.mark.parametrize("dry", [[], ["--dry-run"]], ids=["", "dry run"])
def test_copies_without_records_are_refused(
    dry: list[str],
    old: dict[str, Any],
    url: str,
    to: str,
    client: DynamoDBClient,
    table_name: str,
    options: dict[str, object],
) -> None:
    """As after a migration by a version that kept its state in a file."""
    kept, gone = (saved(old, user=number) for number in range(2))
    run("--from", url, "--to", to, "--create")
    for key, item in items(client, table_name).items():
        if item["type"]["S"] == MIGRATION or gone in key:
            client.delete_item(TableName=table_name, Key={"id": item["id"]})

    refused = run("--from", url, "--to", to, *dry)
    assert (2, "") == (refused.exit_code, refused.stdout)
    assert "--accept-missing-records" in refused.stderr
    assert [SESSION] == kinds(client, table_name)

    accepted = run("--from", url, "--to", to, "--accept-missing-records")
    assert 0 == accepted.exit_code
    assert None not in [stored(options, session_id) for session_id in (kept, gone)]
    assert [MIGRATION] * 3 + [SESSION] * 2 == kinds(client, table_name)


@pytest.mark.both_servers
def test_a_run_after_the_records_may_have_expired_is_refused(
    old: dict[str, Any], url: str, to: str, client: DynamoDBClient, table_name: str
) -> None:
    saved(old, user=1)
    run("--from", url, "--to", to, "--create")
    (key,) = (key for key in items(client, table_name) if "|run|" in key)
    client.update_item(
        TableName=table_name,
        Key={"id": {"S": key}},
        UpdateExpression="SET created = created - :days",
        ExpressionAttributeValues={":days": {"N": str(31 * 86_400)}},
    )
    refused = run("--from", url, "--to", to)
    assert (2, "") == (refused.exit_code, refused.stdout)
    assert "more than 30 days ago" in refused.stderr
    assert 0 == run("--from", url, "--to", to, "--accept-missing-records").exit_code


def test_records_hold_for_every_name_of_the_old_store(
    old: dict[str, Any], url: str, to: str, options: dict[str, object], tmp_path: Path
) -> None:
    session_id = saved(old, user=1)
    run("--from", url, "--to", to, "--create")
    storage = target(options)
    storage.items.end(storage.keys.session(session_id))
    (tmp_path / "mounted").symlink_to(old["data_dir"])
    result = run("--from", f"file://{tmp_path}/mounted", "--to", to)
    assert "         1  logged out in the new store since\n" in result.stdout


@pytest.mark.both_servers
def test_the_same_table_is_refused(to: str, options: dict[str, object]) -> None:
    saved({"type": "ext:dynamodb", **options}, user=1)
    for same in (to, f"{to}&timeout=60", f"{to}&prefix=sess"):
        result = run("--from", to, "--to", same)
        assert (2, "") == (result.exit_code, result.stdout)
        assert "source and target are the same" in result.stderr
    assert 0 == run("--from", to, "--to", f"{to}&prefix=new").exit_code
    assert 0 == run("--from", to, "--to", f"{to}&hash_ids=true").exit_code


# Python may be interrupted between the opening of a file and its `with`.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.both_servers
@pytest.mark.parametrize("stopped_at", [0, 3, 29])
def test_after_ctrl_c_the_same_command_completes_the_work(
    stopped_at: int,
    old: dict[str, Any],
    url: str,
    to: str,
    options: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ids = [saved(old, user=number) for number in range(30)]
    arguments = ("--from", url, "--to", to, "--create", "--threads", "2")
    write = ItemStore.put_with_record
    written: list[int] = []
    interrupted = threading.Event()

    def write_and_stop(items: ItemStore, *rest: Any) -> None:
        if len(written) == stopped_at and not interrupted.is_set():
            interrupted.set()
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        written.append(1)
        write(items, *rest)

    monkeypatch.setattr(ItemStore, "put_with_record", write_and_stop)
    # A background job of a shell ignores Ctrl-C, and so would its tests.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        first = run(*arguments)
    finally:
        signal.signal(signal.SIGINT, before)
    assert "Run the same command again to finish.\n" in first.stderr
    assert 130 == first.exit_code
    there = sum(stored(options, session_id) is not None for session_id in ids)
    noun = "session" if there == 1 else "sessions"
    assert f"{there} {noun} copied so far, of " in first.stderr

    report = json.loads(run(*arguments, "--json").stdout)
    assert (30, 30 - there, there) == (
        report["found"],
        report["copied"],
        report["already_there"],
    )
    assert report["last_run"]["ended"] is None
    assert None not in [stored(options, session_id) for session_id in ids]


def test_reap_deletes_expired_records(
    old: dict[str, Any], url: str, options: dict[str, object], clock: Clock, client: DynamoDBClient
) -> None:
    moved = {**options, "clock": clock, "timeout": 1920}
    saved(old, user=1, _accessed_time=clock(), _creation_time=clock())
    move(url, moved)
    for days, left in ((29, [MIGRATION, MIGRATION, SESSION]), (2, [MIGRATION])):
        clock.advance(days * 86_400)
        list(reap(target(moved).items))
        assert left == kinds(client, str(options["table_name"]))


def test_the_patience_of_a_command() -> None:
    url = "dynamodb://eu-west-1/mine"
    for storage in (target_from_url(url), source_from_url(url).storage):  # type: ignore[attr-defined]
        assert (60, 5) == (storage.options.read_timeout, storage.options.max_attempts)
    assert 5 == target_from_url(f"{url}?read_timeout=5").options.read_timeout


def test_the_progress_has_a_total(
    old: dict[str, Any], url: str, to: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    totals: list[float | None] = []
    progress = console.progress

    def recorded(name: str, total: float | None) -> Any:
        totals.append(total)
        return progress(name, total)

    monkeypatch.setattr(console, "progress", recorded)
    for number in range(3):
        saved(old, user=number)
    run("--from", url, "--to", to, "--create")
    assert [3] == totals

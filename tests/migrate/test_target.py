"""`beaker-dynamodb migrate` and its target: what is checked before anything is written."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from beaker_dynamodb.cli import console
from beaker_dynamodb.items.item import MIGRATION, SESSION
from beaker_dynamodb.items.reaper import reap
from beaker_dynamodb.items.store import ItemStore
from beaker_dynamodb.migrate.stores import source_from_url, target_from_settings
from tests.beaker import tables
from tests.clock import Clock
from tests.migrate.moving import Stores, migrate, saved, url_of
from tests.servers.endpoint import create_table

DRY = pytest.mark.parametrize("dry", [[], ["--dry-run"]], ids=["", "dry run"])


def assert_refused(result: Result, reason: str) -> None:
    assert (2, "") == (result.exit_code, result.stdout)
    assert reason in result.stderr


@pytest.mark.both_servers
@DRY
def test_a_misspelled_table_is_not_created(stores: Stores, dry: list[str]) -> None:
    before = tables(stores.client)
    result = stores.migrate(*dry)
    assert_refused(result, f"the target table '{stores.new['table_name']}' does not exist")
    assert "--create" in result.stderr
    assert before == tables(stores.client)


def test_an_empty_store_succeeds_and_a_dry_run_creates_nothing(stores: Stores) -> None:
    before = tables(stores.client)
    assert 0 == stores.migrate("--create", "--dry-run").exit_code
    assert before == tables(stores.client)
    assert 0 == stores.migrate("--create").exit_code
    assert [MIGRATION] == stores.kinds()


@DRY
@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("", "credentials"),
        ("&aws_access_key_id=a&aws_secret_access_key=b&endpoint_url=http://127.0.0.1:1", ":1"),
    ],
    ids=["no credentials", "no server"],
)
def test_an_unusable_target(stores: Stores, dry: list[str], query: str, reason: str) -> None:
    stores.save(user=1)
    target = f"dynamodb://eu-west-1/any?max_attempts=1{query}"
    result = migrate("--from", stores.url, "--to", target, *dry)
    assert (1, "") == (result.exit_code, result.stdout)
    assert reason in result.stderr


@pytest.mark.both_servers
def test_a_dry_run_finds_a_table_with_a_different_key(stores: Stores) -> None:
    stores.save(user=1)
    create_table(stores.client, stores.new["table_name"])
    assert_refused(stores.migrate("--dry-run", query="&hash_key=pk"), "partition key 'id' (S)")


@pytest.mark.both_servers
def test_a_dry_run_says_what_a_real_run_does(stores: Stores) -> None:
    ids = [stores.save(user=number) for number in range(3)]
    stores.migrate("--create")
    stores.log_out(ids[0])
    stores.save(ids[1], user=9)
    stores.save(user=4)
    names = ("found", "copied", "already_there", "logged_out_since", "write_units")
    dry, wet = (json.loads(stores.migrate("--json", *f).stdout) for f in (["--dry-run"], []))
    assert [4, 2, 1, 1, 8] == [dry[name] for name in names] == [wet[name] for name in names]
    assert 0 == dry["capacity_units"]["write"] < wet["capacity_units"]["write"]
    assert wet["last_run"]["ended"] is not None


@pytest.mark.both_servers
@DRY
def test_copies_without_records_are_refused(stores: Stores, dry: list[str]) -> None:
    """As after a migration by a version that kept its state in a file."""
    kept, gone = (stores.save(user=number) for number in range(2))
    stores.migrate("--create")
    for key, item in stores.items().items():
        if item["type"]["S"] == MIGRATION or gone in key:
            stores.client.delete_item(TableName=stores.new["table_name"], Key={"id": item["id"]})

    assert_refused(stores.migrate(*dry), "--accept-missing-records")
    assert [SESSION] == stores.kinds()

    assert 0 == stores.migrate("--accept-missing-records").exit_code
    assert None not in [stores.copy(session_id) for session_id in (kept, gone)]
    assert [MIGRATION] * 3 + [SESSION] * 2 == stores.kinds()


@pytest.mark.both_servers
def test_a_run_after_the_records_may_have_expired_is_refused(stores: Stores) -> None:
    stores.save(user=1)
    stores.migrate("--create")
    (key,) = (key for key in stores.items() if "|run|" in key)
    stores.client.update_item(
        TableName=stores.new["table_name"],
        Key={"id": {"S": key}},
        UpdateExpression="SET created = created - :days",
        ExpressionAttributeValues={":days": {"N": str(31 * 86_400)}},
    )
    assert_refused(stores.migrate(), "more than 30 days ago")
    assert 0 == stores.migrate("--accept-missing-records").exit_code


def test_records_hold_for_every_name_of_the_old_store(stores: Stores, tmp_path: Path) -> None:
    session_id = stores.save(user=1)
    stores.migrate("--create")
    stores.log_out(session_id)
    (tmp_path / "mounted").symlink_to(stores.old["data_dir"])
    stores.url = f"file://{tmp_path}/mounted"
    assert "         1  logged out in the new store since\n" in stores.migrate().stdout


@pytest.mark.both_servers
def test_the_same_table_is_refused(options: dict[str, object]) -> None:
    saved({"type": "ext:dynamodb", **options}, user=1)
    to = url_of(options)
    for same in ("", "&timeout=60", "&prefix=sess"):
        result = migrate("--from", to, "--to", f"{to}{same}")
        assert_refused(result, "source and target are the same")
    for other in ("&prefix=new", "&hash_ids=true"):
        assert 0 == migrate("--from", to, "--to", f"{to}{other}").exit_code


# Python may be interrupted between the opening of a file and its `with`.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.both_servers
@pytest.mark.parametrize("stopped_at", [0, 3, 29])
def test_after_ctrl_c_the_same_command_completes_the_work(
    stores: Stores, stopped_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [stores.save(user=number) for number in range(30)]
    flags = ("--create", "--threads", "2")
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
        first = stores.migrate(*flags)
    finally:
        signal.signal(signal.SIGINT, before)
    assert "Run the same command again to finish.\n" in first.stderr
    assert 130 == first.exit_code
    there = sum(stores.copy(session_id) is not None for session_id in ids)
    noun = "session" if there == 1 else "sessions"
    assert f"{there} {noun} copied so far, of " in first.stderr

    report = json.loads(stores.migrate(*flags, "--json").stdout)
    names = ("found", "copied", "already_there")
    assert [30, 30 - there, there] == [report[name] for name in names]
    assert report["last_run"]["ended"] is None
    assert None not in [stores.copy(session_id) for session_id in ids]


def test_reap_deletes_expired_records(stores: Stores, clock: Clock) -> None:
    stores.new.update(clock=clock, timeout=1920)
    stores.save(user=1, _accessed_time=clock(), _creation_time=clock())
    stores.move()
    for days, left in ((29, [MIGRATION, MIGRATION, SESSION]), (2, [MIGRATION])):
        clock.advance(days * 86_400)
        list(reap(stores.storage.items))
        assert left == stores.kinds()


def test_the_default_timeouts_of_a_command() -> None:
    url = "dynamodb://eu-west-1/mine"
    for storage in (target_from_settings({"url": url}), source_from_url(url).storage):  # type: ignore[attr-defined]
        assert (60, 5) == (storage.options.read_timeout, storage.options.max_attempts)
    assert 5 == target_from_settings({"url": f"{url}?read_timeout=5"}).options.read_timeout


def test_the_progress_has_a_total(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    totals: list[float | None] = []
    progress = console.progress

    def recorded(name: str, total: float | None) -> Any:
        totals.append(total)
        return progress(name, total)

    monkeypatch.setattr(console, "progress", recorded)
    for number in range(3):
        stores.save(user=number)
    stores.migrate("--create")
    assert [3] == totals

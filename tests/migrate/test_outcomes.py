"""Which sessions are copied, when the copies expire, and what the report counts."""

from __future__ import annotations

import pickle
from base64 import b64encode
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from beaker.cache import Cache
from beaker.session import Session

from beaker_dynamodb.dynamodb.table import create
from beaker_dynamodb.items.codec import Codec
from beaker_dynamodb.items.item import SESSION, Item, item_size
from beaker_dynamodb.migrate.from_dynamodb import DynamoDBSource
from tests.clock import Clock
from tests.migrate.moving import counts, move, saved, stored, target
from tests.servers.recorder import CallRecorder

if TYPE_CHECKING:
    from tests.servers.endpoint import Endpoint

TIMEOUT = 1920.0


@pytest.fixture
def new(options: dict[str, object], clock: Clock) -> dict[str, object]:
    """Options of the new store."""
    return {**options, "timeout": TIMEOUT, "clock": clock}


def accessed_ago(seconds: float, clock: Clock) -> dict[str, float]:
    """Return the times of a session that is an hour older than its last access."""
    return {"_accessed_time": clock() - seconds, "_creation_time": clock() - seconds - 3600}


def test_the_lifetime_of_a_copy_starts_at_the_last_access(
    old: dict[str, Any], url: str, new: dict[str, object], clock: Clock
) -> None:
    session_id = saved(old, user=1, **accessed_ago(100.5, clock))
    move(url, new)
    item = stored(new, session_id)
    assert item is not None
    accessed_ms = round((clock() - 100.5) * 1000)
    times = (item.created_ms, item.accessed_ms, item.deadline_ms)
    assert (accessed_ms - 3_600_000, accessed_ms, accessed_ms + TIMEOUT * 1000) == times


@pytest.mark.parametrize(("timeout", "lifetime"), [(TIMEOUT, TIMEOUT), (None, 86_400)])
def test_expired_sessions_are_not_copied(
    old: dict[str, Any],
    url: str,
    new: dict[str, object],
    clock: Clock,
    timeout: float | None,
    lifetime: float,
) -> None:
    expired = saved(old, user=1, **accessed_ago(lifetime, clock))
    live = saved(old, user=2, **accessed_ago(lifetime - 0.001, clock))
    report = move(url, {**new, "timeout": timeout})
    assert {"found": 2, "copied": 1, "expired": 1, "verified": 1} == counts(report)
    assert stored(new, expired) is None
    assert stored(new, live) is not None


def test_a_session_that_was_logged_out_is_not_copied(
    old: dict[str, Any], url: str, new: dict[str, object]
) -> None:
    session = Session({}, use_cookies=False, **old)
    session["user"] = 1
    session.save()
    session.delete()
    session.save()
    assert {"found": 1, "empty": 1} == counts(move(url, new))


def test_caches_and_damaged_files_do_not_stop_a_migration(
    old: dict[str, Any], url: str, new: dict[str, object], clock: Clock
) -> None:
    session_id = saved(old, user=1, **accessed_ago(0, clock))
    Cache("news", **old).put("session", "a value under the name of a session's key")
    cut = saved(old, user=2)
    (damaged,) = Path(old["data_dir"]).rglob(f"{cut}.cache")
    damaged.write_bytes(damaged.read_bytes()[:-20])

    report = move(url, new)

    expected = {"found": 2, "copied": 1, "unreadable": 1, "foreign": 1, "verified": 1}
    assert expected == counts(report)
    assert report.complete
    assert stored(new, session_id) is not None


class RunsCode:
    def __reduce__(self) -> Any:
        return Path.touch, (Path("planted"),)


def test_code_in_an_old_session_is_copied_and_not_run(
    old: dict[str, Any],
    url: str,
    new: dict[str, object],
    clock: Clock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    session_id = saved(old, user=1)
    values = {"user": 1, "object": RunsCode(), **accessed_ago(5, clock)}
    payload = b64encode(pickle.dumps(values, 2)).decode()
    (file,) = Path(old["data_dir"]).rglob(f"{session_id}.cache")
    file.write_bytes(pickle.dumps({"session": payload, "another": RunsCode()}))

    assert {"found": 1, "copied": 1, "verified": 1} == counts(move(url, new))

    item = stored(new, session_id)
    assert item is not None
    assert round((clock() - 5) * 1000) == item.accessed_ms
    assert payload == target(new).codec.decode(item)
    assert not Path("planted").exists()


def test_code_in_an_old_table_is_not_run(
    new: dict[str, object], clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    storage = target({**new, "prefix": "old"})
    now_ms = round(clock() * 1000)
    planted = Item(
        key=storage.keys.session("planted"),
        kind=SESSION,
        data=pickle.dumps(RunsCode()),
        codec="pickle",
        created_ms=now_ms,
        deadline_ms=now_ms + 1000,
    )
    storage.items.put(planted)
    assert {"found": 1, "unreadable": 1} == counts(move(DynamoDBSource(storage), new))
    assert not Path("planted").exists()


def test_special_keys_are_copied_if_the_session_has_them(
    old: dict[str, Any], url: str, new: dict[str, object], clock: Clock
) -> None:
    values = {"user": "me", "logins": Decimal(3), "blob": b"\xff"}
    ids = [saved(old, **some, **accessed_ago(0, clock)) for some in (values, {"a": 1})]
    special = {**new, "special_keys": "user:S, logins:N, blob:B"}
    assert {"found": 2, "copied": 2, "verified": 2} == counts(move(url, special))
    items = [stored(special, session_id) for session_id in ids]
    attributes: dict[str, object] = {
        "user": {"S": "me"},
        "logins": {"N": "3"},
        "blob": {"B": b"\xff"},
    }
    assert [attributes, {}] == [item.special for item in items if item is not None]


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_session_that_is_too_large_makes_a_migration_incomplete(
    old: dict[str, Any],
    url: str,
    new: dict[str, object],
    clock: Clock,
    dry_run: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("beaker_dynamodb.items.chunks.MAX_VALUE_BYTES", 1000)
    saved(old, text="x" * 3000, **accessed_ago(0, clock))
    saved(old, user=1, **accessed_ago(0, clock))
    report = move(url, {**new, "compression": "off"}, dry_run=dry_run)
    assert (2, 1, 1) == (report.found, report.copied, report.too_large)
    assert not report.complete


def test_a_session_larger_than_an_item_is_copied_from_files_and_from_a_table(
    old: dict[str, Any], url: str, local_endpoint: Endpoint, table_name: str, clock: Clock
) -> None:
    # moto counts the base64 of a chunk, and refuses it.
    large = "".join(chr(0x4E00 + number % 20_000) for number in range(200_000))
    session_id = saved(old, text=large, **accessed_ago(0, clock))
    options = {**local_endpoint.options, "table_name": table_name, "clock": clock}
    chunked = {**options, "compression": "off"}
    assert {"found": 1, "copied": 1, "verified": 1} == counts(move(url, chunked))
    first = stored(chunked, session_id)
    assert first is not None
    assert first.chunks is not None
    report = move(DynamoDBSource(target(chunked)), {**chunked, "prefix": "second"})
    assert {"found": 1, "copied": 1, "verified": 1} == counts(report)


def test_a_dry_run_writes_nothing(
    old: dict[str, Any], url: str, new: dict[str, object], clock: Clock
) -> None:
    saved(old, user=1, **accessed_ago(0, clock))
    saved(old, user=2, **accessed_ago(TIMEOUT, clock))
    storage = target(new)
    create(storage.items.client(), storage.options)
    with CallRecorder(storage.items.client()) as calls:
        report = move(url, new, dry_run=True)
    assert ["GetItem", "BatchGetItem"] == calls.operations
    assert {"found": 2, "copied": 1, "expired": 1} == counts(report)
    assert 4 == report.write_units


def test_write_units_are_those_of_the_items(
    old: dict[str, Any], url: str, new: dict[str, object], clock: Clock
) -> None:
    ids = [saved(old, text="x" * size, **accessed_ago(0, clock)) for size in (10, 1500, 5000)]
    plain = {**new, "compression": "off"}
    report = move(url, plain)
    layout = target(plain).items.layout
    items = [item for session_id in ids if (item := stored(plain, session_id)) is not None]
    sizes = [item_size(layout.attributes(item)) for item in items]
    assert 3 == len(sizes)
    # A transaction of the session and its record, at twice the price.
    assert sum(2 * (-(-size // 1024) + 1) for size in sizes) == report.write_units > 20


@pytest.mark.parametrize(("verify", "reads"), [("none", 0), ("sample", 2), ("all", 101)])
def test_copies_are_read_back(
    verify: str, reads: int, old: dict[str, Any], url: str, options: dict[str, object]
) -> None:
    for number in range(101):
        saved(old, user=number)
    storage = target(options)
    create(storage.items.client(), storage.options)
    with CallRecorder(storage.items.client()) as calls:
        report = move(url, options, verify=verify)
    assert (101, reads) == (report.copied, report.verified)
    # One more reads the run before.
    assert (reads + 1, 3) == tuple(map(calls.operations.count, ("GetItem", "BatchGetItem")))


def test_a_copy_that_differs_makes_a_migration_incomplete(
    old: dict[str, Any], url: str, options: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(old, user=1)
    encode = Codec.encode_session
    monkeypatch.setattr(Codec, "encode_session", lambda codec, text: encode(codec, "b" + text[1:]))
    report = move(url, options)
    assert {"found": 1, "copied": 1, "differing": 1} == counts(report)
    assert not report.complete

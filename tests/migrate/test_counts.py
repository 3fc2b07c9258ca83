"""Which sessions are copied, how long they live then, and what the report says."""

from __future__ import annotations

import pickle
from base64 import b64encode
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from beaker.cache import Cache
from beaker.session import Session

from beaker_dynamodb.items.codec import Codec
from beaker_dynamodb.items.item import SESSION, Item, item_size
from beaker_dynamodb.migrate.from_dynamodb import DynamoDBSource
from tests.clock import Clock
from tests.migrate.moving import counts, move, saved, stored, target
from tests.servers.recorder import CallRecorder
from tests.sessions.conftest import FAR_AHEAD

if TYPE_CHECKING:
    from tests.servers.endpoint import Endpoint

TIMEOUT = 1920.0


@pytest.fixture
def clock() -> Clock:
    """A time that DynamoDB Local, which sweeps by its own clock, does not overtake."""
    return Clock(FAR_AHEAD)


@pytest.fixture
def old(tmp_path: Path) -> dict[str, Any]:
    """Options of sessions in files."""
    return {"type": "file", "data_dir": str(tmp_path)}


@pytest.fixture
def new(options: dict[str, object], clock: Clock) -> dict[str, object]:
    """Options of the new store."""
    return {**options, "timeout": TIMEOUT, "clock": clock}


@pytest.fixture
def new_local(local_endpoint: Endpoint, table_name: str, clock: Clock) -> dict[str, object]:
    """Options of the new store, on DynamoDB Local only."""
    return {**local_endpoint.options, "table_name": table_name, "timeout": TIMEOUT, "clock": clock}


def used_ago(seconds: float, clock: Clock) -> dict[str, float]:
    """Give the times of a session that was last used so long ago, and made an hour before that."""
    return {"_accessed_time": clock() - seconds, "_creation_time": clock() - seconds - 3600}


def test_life_counts_from_the_last_use(
    old: dict[str, Any], new: dict[str, object], clock: Clock, tmp_path: Path
) -> None:
    """A copy ends when the session would have: its life counts from its last use."""
    session_id = saved(old, user=1, **used_ago(100.5, clock))
    move(f"file://{tmp_path}", new)
    item = stored(new, session_id)
    assert item is not None
    used_ms = round((clock() - 100.5) * 1000)
    assert used_ms == item.accessed_ms
    assert used_ms - 3_600_000 == item.created_ms
    assert used_ms + round(TIMEOUT * 1000) == item.deadline_ms


def test_expired_sessions_are_left_out(
    old: dict[str, Any], new: dict[str, object], clock: Clock, tmp_path: Path
) -> None:
    """At the very moment of its end a session is not copied; a millisecond before, it is."""
    ended = saved(old, user=1, **used_ago(TIMEOUT, clock))
    living = saved(old, user=2, **used_ago(TIMEOUT - 0.001, clock))
    report = move(f"file://{tmp_path}", new)
    assert {"found": 2, "copied": 1, "expired": 1, "verified": 1} == counts(report)
    assert stored(new, ended) is None
    assert stored(new, living) is not None


def test_without_timeout_a_session_ends_a_day_after_its_last_use(
    old: dict[str, Any], new: dict[str, object], clock: Clock, tmp_path: Path
) -> None:
    """That is the new store's own rule for sessions without a timeout."""
    saved(old, user=1, **used_ago(86_400, clock))
    saved(old, user=2, **used_ago(86_399, clock))
    report = move(f"file://{tmp_path}", {**new, "timeout": None})
    assert {"found": 2, "copied": 1, "expired": 1, "verified": 1} == counts(report)


def test_what_was_logged_out_is_not_copied(
    old: dict[str, Any], new: dict[str, object], tmp_path: Path
) -> None:
    """Beaker's `delete()` leaves a session with nothing but its bookkeeping; it stays behind."""
    session = Session({}, use_cookies=False, **old)
    session["user"] = 1
    session.save()
    session.delete()
    session.save()
    assert {"found": 1, "empty": 1} == counts(move(f"file://{tmp_path}", new))


def test_caches_and_damage_are_told_apart(
    old: dict[str, Any], new: dict[str, object], clock: Clock, tmp_path: Path
) -> None:
    """A cache in the same folder is foreign, a damaged file unreadable; neither stops the rest."""
    session_id = saved(old, user=1, **used_ago(0, clock))
    cache = Cache("news", **old)
    cache.put("session", "a value under the name of a session's key")
    cut = saved(old, user=2)
    (damaged,) = tmp_path.rglob(f"{cut}.cache")
    damaged.write_bytes(damaged.read_bytes()[:-20])

    report = move(f"file://{tmp_path}", new)

    expected = {"found": 2, "copied": 1, "unreadable": 1, "foreign": 1, "verified": 1}
    assert expected == counts(report)
    assert report.complete
    assert stored(new, session_id) is not None


class Planted:
    """An object whose pickle would run code."""

    def __reduce__(self) -> Any:
        return Path.touch, (Path("planted"),)


def test_no_code_of_a_session_is_run(
    old: dict[str, Any],
    new: dict[str, object],
    clock: Clock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Objects in a session come over as the bytes that they are: none is made meanwhile."""
    monkeypatch.chdir(tmp_path)
    session_id = saved(old, user=1)
    values = {"user": 1, "object": Planted(), **used_ago(5, clock)}
    payload = b64encode(pickle.dumps(values, 2)).decode()
    (file,) = tmp_path.rglob(f"{session_id}.cache")
    file.write_bytes(pickle.dumps({"session": payload, "another": Planted()}))

    report = move(f"file://{tmp_path}", new)

    item = stored(new, session_id)
    assert item is not None
    assert {"found": 1, "copied": 1, "verified": 1} == counts(report)
    assert round((clock() - 5) * 1000) == item.accessed_ms
    assert payload == target(new).codec.decode(item)
    assert not Path("planted").exists()


def test_no_code_of_a_table_is_run(
    new: dict[str, object], clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An item that claims to be a session and is a pickle is unreadable, and not unpickled."""
    monkeypatch.chdir(tmp_path)
    store = target({**new, "prefix": "old"})
    now_ms = round(clock() * 1000)
    planted = Item(
        key=store.keys.session("planted"),
        kind=SESSION,
        data=pickle.dumps(Planted()),
        codec="pickle",
        created_ms=now_ms,
        deadline_ms=now_ms + 1000,
    )
    store.items.put(planted)
    report = move(DynamoDBSource(store), new)
    assert {"found": 1, "unreadable": 1} == counts(report)
    assert not Path("planted").exists()


def test_special_keys_come_along(
    old: dict[str, Any], new: dict[str, object], clock: Clock, tmp_path: Path
) -> None:
    """Where the payload has them; a session without is copied all the same."""
    with_keys = saved(old, user="me", logins=Decimal(3), blob=b"\xff", **used_ago(0, clock))
    without = saved(old, **used_ago(0, clock))
    special = {**new, "special_keys": "user:S, logins:N, blob:B"}
    assert {"found": 2, "copied": 2, "verified": 2} == counts(move(f"file://{tmp_path}", special))
    items = [stored(special, session_id) for session_id in (with_keys, without)]
    assert [
        {"user": {"S": "me"}, "logins": {"N": "3"}, "blob": {"B": b"\xff"}},
        {},
    ] == [item.special for item in items if item is not None]


def test_too_large_sessions_are_a_failure(
    old: dict[str, Any], new: dict[str, object], clock: Clock, tmp_path: Path
) -> None:
    """A session that does not fit is counted, its user is logged out, and the report says no."""
    saved(old, text="".join(map(chr, range(300, 3000))), **used_ago(0, clock))
    saved(old, user=1, **used_ago(0, clock))
    limited = {**new, "max_value_size": 1000, "compression": "off"}
    for dry_run in (True, False):
        report = move(f"file://{tmp_path}", limited, dry_run=dry_run)
        assert (2, 1, 1, False) == (
            report.found,
            report.copied,
            report.too_large,
            report.complete,
        )


def test_sessions_larger_than_an_item(
    old: dict[str, Any], new_local: dict[str, object], clock: Clock, tmp_path: Path
) -> None:
    """A session of 600 KB comes over in chunks, and from there to another prefix.

    moto counts a chunk's bytes in base64, and refuses it.
    """
    text = "".join(chr(0x4E00 + number % 20_000) for number in range(200_000))
    session_id = saved(old, text=text, **used_ago(0, clock))
    chunked = {**new_local, "compression": "off"}
    assert {"found": 1, "copied": 1, "verified": 1} == counts(move(f"file://{tmp_path}", chunked))
    first = stored(chunked, session_id)
    assert first is not None
    assert first.chunks is not None

    second = {**chunked, "prefix": "second"}
    report = move(DynamoDBSource(target(chunked)), second)
    assert {"found": 1, "copied": 1, "verified": 1} == counts(report)


def test_a_dry_run_makes_no_call(
    old: dict[str, Any], new: dict[str, object], clock: Clock, tmp_path: Path
) -> None:
    """It counts, and the new table is not even made."""
    saved(old, user=1, **used_ago(0, clock))
    saved(old, user=2, **used_ago(TIMEOUT, clock))
    with CallRecorder(target(new).items.client()) as calls:
        report = move(f"file://{tmp_path}", new, dry_run=True)
    assert [] == calls.operations
    assert {"found": 2, "copied": 1, "expired": 1} == counts(report)
    assert 1 == report.write_units


def test_write_units_are_those_of_the_items(
    old: dict[str, Any], new: dict[str, object], clock: Clock, tmp_path: Path
) -> None:
    """One unit for each started KB of an item."""
    ids = [saved(old, text="x" * size, **used_ago(0, clock)) for size in (10, 700, 1500, 5000)]
    plain = {**new, "compression": "off"}
    report = move(f"file://{tmp_path}", plain)
    layout = target(plain).items.layout
    items = [item for session_id in ids if (item := stored(plain, session_id)) is not None]
    sizes = [item_size(layout.attributes(item)) for item in items]
    assert sum(-(-size // 1024) for size in sizes) == report.write_units
    assert 10 <= report.write_units <= 13


@pytest.mark.parametrize(("verify", "reads"), [("none", 0), ("sample", 2), ("all", 101)])
def test_copies_are_read_back(
    verify: str,
    reads: int,
    old: dict[str, Any],
    moto_endpoint: Endpoint,
    table_name: str,
    tmp_path: Path,
) -> None:
    """None, the first of every hundred, or all."""
    for number in range(101):
        saved(old, user=number)
    new = {**moto_endpoint.options, "table_name": table_name, "timeout": TIMEOUT}
    with CallRecorder(target(new).items.client()) as calls:
        report = move(f"file://{tmp_path}", new, verify=verify)
    assert (101, reads) == (report.copied, report.verified)
    assert reads == calls.operations.count("GetItem")


def test_a_copy_that_differs_is_told(
    old: dict[str, Any],
    new: dict[str, object],
    clock: Clock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """When what is read back is not what was read, the report says no."""
    saved(old, user=1, **used_ago(0, clock))
    encode = Codec.encode_session
    monkeypatch.setattr(Codec, "encode_session", lambda codec, text: encode(codec, "b" + text[1:]))
    report = move(f"file://{tmp_path}", new)
    assert {"found": 1, "copied": 1, "differing": 1} == counts(report)
    assert not report.complete


@pytest.mark.full
def test_two_thousand(
    old: dict[str, Any],
    new_local: dict[str, object],
    clock: Clock,
    tmp_path: Path,
    local_endpoint: Endpoint,
    table_name: str,
) -> None:
    """Of 2,000 sessions, of which 200 have expired and 50 are there, each is where it should be."""
    ids = [
        saved(old, user=number, **used_ago(3 * TIMEOUT if number < 200 else number % 60, clock))
        for number in range(2000)
    ]
    beaker = {**new_local, "type": "ext:dynamodb", "timeout": TIMEOUT - 120}
    for session_id in ids[-50:]:
        saved(beaker, session_id, user="theirs")

    report = move(f"file://{tmp_path}", new_local)

    expected = {"found": 2000, "copied": 1750, "already_there": 50, "expired": 200}
    assert {**expected, "verified": 1750} == counts(report)
    pages = local_endpoint.client.get_paginator("scan").paginate(
        TableName=table_name, Select="COUNT"
    )
    assert 1800 == sum(page["Count"] for page in pages)

"""A migration that runs again: after an interruption, beside users, after log-outs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from beaker_dynamodb.dynamodb.rate_limiter import RateLimiter
from beaker_dynamodb.exceptions import ConfigurationError, StoreUnavailable
from beaker_dynamodb.items.item import Item
from beaker_dynamodb.items.store import ItemStore
from beaker_dynamodb.migrate.from_dynamodb import DynamoDBSource
from beaker_dynamodb.migrate.source import Entry, Mark, SourceSession, digest_of
from beaker_dynamodb.migrate.state import State
from tests.beaker import Browser
from tests.migrate.moving import counts, move, saved, stored, target
from tests.servers.recorder import CallRecorder


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def opened(path: Path | None) -> State:
    return State(path, "old", "new")


class ListedSource:
    """A source with these entries. An exception is raised."""

    name = "a list"

    def __init__(self, *entries: Entry | Exception) -> None:
        self._entries = entries

    def entries(self, marks: Any) -> Iterator[Entry]:
        for entry in self._entries:
            if isinstance(entry, Exception):
                raise entry
            yield entry


def sessions(count: int) -> list[SourceSession]:
    return [SourceSession(str(n), f"payload {n}", digest_of(str(n))) for n in range(count)]


def test_a_second_run_copies_what_an_interrupted_one_has_not(options: dict[str, object]) -> None:
    found = sessions(20)
    interrupted = ListedSource(*found[:15], StoreUnavailable("the old store does not answer"))
    with pytest.raises(StoreUnavailable, match="does not answer"):
        move(interrupted, options, threads=2)
    before = sum(stored(options, str(number)) is not None for number in range(20))
    # At most eight sessions are read ahead of the writes.
    assert 5 <= before <= 15

    report = move(ListedSource(*found), options)

    assert (20, before, 20 - before) == (report.found, report.already_there, report.copied)
    assert all(stored(options, str(number)) is not None for number in range(20))


def test_an_error_of_the_new_store_is_raised(
    old: dict[str, Any], url: str, options: dict[str, object]
) -> None:
    saved(old, user=1)
    with pytest.raises(ConfigurationError, match="does not exist"):
        move(url, {**options, "create_table": False})


def test_a_user_who_changes_a_copy_before_it_is_verified(
    old: dict[str, Any], url: str, options: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = saved(old, basket=["a"])
    put = ItemStore.put

    def put_and_change(items: ItemStore, item: Item, *rest: Any, **more: Any) -> None:
        put(items, item, *rest, **more)
        monkeypatch.setattr(ItemStore, "put", put)
        saved({"type": "ext:dynamodb", **options}, session_id, basket=["b"])

    monkeypatch.setattr(ItemStore, "put", put_and_change)
    assert {"found": 1, "copied": 1, "changed_since": 1} == counts(move(url, options))


def test_a_write_that_botocore_repeats_is_one_copy(
    old: dict[str, Any], url: str, options: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(old, user=1)
    call = ItemStore.call

    def call_twice(items: ItemStore, method: str, **params: Any) -> Any:
        answer = call(items, method, **params)
        return call(items, method, **params) if method == "put_item" else answer

    monkeypatch.setattr(ItemStore, "call", call_twice)
    assert {"found": 1, "copied": 1, "verified": 1} == counts(move(url, options))


@pytest.mark.both_servers
@pytest.mark.parametrize("accessed_later", [False, True], ids=["", "old store accessed later"])
def test_users_keep_what_they_change_in_the_new_store(
    old: dict[str, Any], url: str, options: dict[str, object], accessed_later: bool
) -> None:
    browser = Browser(old)
    browser.save(basket=["a"])
    move(url, options)
    after = Browser(options)
    after.web.cookiejar = browser.web.cookiejar
    after.save(basket=["a", "b"])
    if accessed_later:
        browser.save(basket=["a", "c"])

    assert {"found": 1, "already_there": 1} == counts(move(url, options))
    assert {"basket": ["a", "b"]} == after.contents()


@pytest.mark.both_servers
@pytest.mark.parametrize("with_state", [False, True])
def test_sessions_accessed_in_the_old_store_since_are_copied_again(
    old: dict[str, Any], url: str, options: dict[str, object], state: Path, with_state: bool
) -> None:
    browser = Browser(old)
    browser.save(basket=["a"])
    unchanged = saved(old, user=2)
    path = state if with_state else None
    with opened(path) as first:
        move(url, options, state=first)
    copy = stored(options, unchanged)
    browser.save(basket=["a", "b"])

    with opened(path) as second:
        report = move(url, options, state=second)

    after = Browser(options)
    after.web.cookiejar = browser.web.cookiejar
    assert {"found": 2, "copied": 1, "already_there": 1, "verified": 1} == counts(report)
    assert {"basket": ["a", "b"]} == after.contents()
    assert copy == stored(options, unchanged)


@pytest.mark.both_servers
def test_a_log_out_between_two_runs_is_final(
    old: dict[str, Any], url: str, options: dict[str, object], state: Path
) -> None:
    gone, accessed = saved(old, user=1), saved(old, user=2)
    with opened(state) as first:
        move(url, options, state=first)
    storage = target(options)
    for session_id in (gone, accessed):
        key = storage.items.layout.key_attributes(storage.keys.session(session_id))
        storage.items.call("delete_item", Key=key)
    saved(old, accessed, user=2)

    with opened(state) as second, CallRecorder(storage.items.client()) as calls:
        report = move(url, options, state=second)

    assert {"found": 2, "already_there": 1, "logged_out_since": 1} == counts(report)
    # The error of the condition has no item, so it is read.
    assert ["PutItem", "GetItem"] == calls.operations
    assert [None, None] == [stored(options, session_id) for session_id in (gone, accessed)]


def test_a_mark_is_recorded_once_everything_before_it_is_done(
    options: dict[str, object], state: Path
) -> None:
    hashed = SourceSession(None, "x", digest_of("x"))  # an error, because hash_ids is off
    marks = [Mark(0, {"id": {"S": "a"}}), Mark(0, {"id": {"S": "b"}})]
    source = ListedSource(*sessions(3), marks[0], hashed, marks[1])
    with opened(state) as first, pytest.raises(ConfigurationError, match="set hash_ids"):
        move(source, options, state=first)
    with opened(state) as second:
        assert {0: marks[0].last_key} == second.marks


def test_a_second_run_scans_only_the_segments_that_are_not_done(
    options: dict[str, object], state: Path
) -> None:
    old = {**options, "prefix": "old"}
    for number in range(20):
        saved({"type": "ext:dynamodb", **old}, user=number)
    source = DynamoDBSource(target(old))
    done = [entry for entry in source.entries({}) if isinstance(entry, Mark)]
    assert [None] * 4 == [mark.last_key for mark in done]
    with opened(state) as first:
        for mark in done[:3]:
            first.mark(mark.segment, mark.last_key)

    with opened(state) as second, CallRecorder(target(options).items.client()) as calls:
        move(source, {**options, "prefix": "new"}, state=second)

    scans = [call.params["Segment"] for call in calls if call.operation == "Scan"]
    assert [done[3].segment] == scans


def test_writes_are_rate_limited(options: dict[str, object]) -> None:
    waits: list[float] = []
    limiter = RateLimiter(2, clock=lambda: 0, wait=lambda _, seconds: waits.append(seconds))
    report = move(ListedSource(*sessions(5)), options, threads=1, limiter=limiter)
    assert 5 == report.write_units
    assert [0.5, 1, 1.5, 2, 2.5] == waits

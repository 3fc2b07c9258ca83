"""A migration that runs again: after an interruption, beside users, after log-outs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from beaker_dynamodb.dynamodb.error_mapping import NoTransactions
from beaker_dynamodb.dynamodb.rate_limiter import RateLimiter
from beaker_dynamodb.exceptions import ConfigurationError, StoreUnavailable
from beaker_dynamodb.items.store import ItemStore
from beaker_dynamodb.migrate.copier import Copier
from beaker_dynamodb.migrate.records import Records
from beaker_dynamodb.migrate.source import Entry, SourceSession, digest_of
from tests.beaker import Browser
from tests.clock import Clock
from tests.migrate.moving import counts, move, saved, stored, target
from tests.servers.recorder import CallRecorder


class ListedSource:
    """A source with these entries. An exception is raised."""

    name = "a list"

    def __init__(self, *entries: Entry | Exception) -> None:
        self._entries = entries

    def total(self) -> int:
        return len(self._entries)

    def entries(self) -> Iterator[Entry]:
        for entry in self._entries:
            if isinstance(entry, Exception):
                raise entry
            yield entry


def sessions(count: int) -> list[SourceSession]:
    return [SourceSession(str(n), f"payload {n}", digest_of(str(n))) for n in range(count)]


def test_a_second_run_copies_what_an_interrupted_one_has_not(options: dict[str, object]) -> None:
    found = sessions(40)
    interrupted = ListedSource(*found[:30], StoreUnavailable("the old store does not answer"))
    with pytest.raises(StoreUnavailable, match="does not answer"):
        move(interrupted, options, threads=1)
    before = sum(stored(options, str(number)) is not None for number in range(40))

    report = move(ListedSource(*found), options)

    assert (40, before, 40 - before) == (report.found, report.already_there, report.copied)
    assert all(stored(options, str(number)) is not None for number in range(40))


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
    put = ItemStore.put_with_record

    def put_and_change(items: ItemStore, *rest: Any) -> None:
        put(items, *rest)
        monkeypatch.setattr(ItemStore, "put_with_record", put)
        saved({"type": "ext:dynamodb", **options}, session_id, basket=["b"])

    monkeypatch.setattr(ItemStore, "put_with_record", put_and_change)
    assert {"found": 1, "copied": 1, "changed_since": 1} == counts(move(url, options))


def test_without_transactions_a_repeated_write_is_one_copy(
    old: dict[str, Any], url: str, options: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(old, user=1)
    call = ItemStore.call

    def call_twice(items: ItemStore, method: str, **params: Any) -> Any:
        if method == "transact_write_items":
            raise NoTransactions
        answer = call(items, method, **params)
        return call(items, method, **params) if method == "put_item" else answer

    monkeypatch.setattr(ItemStore, "call", call_twice)
    assert {"found": 1, "copied": 1, "verified": 1} == counts(move(url, options))
    assert {"found": 1, "already_there": 1} == counts(move(url, options))


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
@pytest.mark.both_shapes
def test_sessions_accessed_in_the_old_store_since_are_copied_again(
    old: dict[str, Any], url: str, options: dict[str, object], shape: str
) -> None:
    if shape == "sorted":
        options = {**options, "sort_key": "part"}
    browser = Browser(old)
    browser.save(basket=["a"])
    unchanged = saved(old, user=2)
    move(url, options)
    copy = stored(options, unchanged)
    browser.save(basket=["a", "b"])

    report = move(url, options)

    after = Browser(options)
    after.web.cookiejar = browser.web.cookiejar
    assert {"found": 2, "copied": 1, "already_there": 1, "verified": 1} == counts(report)
    assert {"basket": ["a", "b"]} == after.contents()
    assert copy == stored(options, unchanged)


@pytest.mark.both_servers
def test_a_log_out_between_two_runs_is_final(
    old: dict[str, Any], url: str, options: dict[str, object]
) -> None:
    """Whether its marker is still there or swept, and whether the old store was used since."""
    ids = [saved(old, user=number) for number in range(4)]
    move(url, options)
    storage = target(options)
    for number, session_id in enumerate(ids):
        key = storage.keys.session(session_id)
        storage.items.end(key)
        if number % 2:
            storage.items.call("delete_item", Key=storage.items.layout.key_attributes(key))
    for session_id in ids[2:]:
        saved(old, session_id, user=9)

    with CallRecorder(storage.items.client()) as calls:
        report = move(url, options)

    assert {"found": 4, "logged_out_since": 4} == counts(report)
    assert ["GetItem", "BatchGetItem", "PutItem", "PutItem"] == calls.operations
    assert [None] * 4 == [stored(options, session_id) for session_id in ids]


def test_a_user_who_is_in_both_stores_and_logs_out_of_the_new_one(
    old: dict[str, Any], url: str, options: dict[str, object]
) -> None:
    session_id = saved(old, user=1)
    saved({"type": "ext:dynamodb", **options}, session_id, user=2)
    assert {"found": 1, "already_there": 1} == counts(move(url, options))
    storage = target(options)
    key = storage.items.layout.key_attributes(storage.keys.session(session_id))
    storage.items.call("delete_item", Key=key)
    assert {"found": 1, "logged_out_since": 1} == counts(move(url, options))


def test_a_copy_that_expired_unused_is_copied_again(
    old: dict[str, Any], url: str, options: dict[str, object], clock: Clock
) -> None:
    """DynamoDB does not delete it for 30 days, so that it is not taken for a log-out."""
    options = {**options, "clock": clock, "timeout": 1920}
    session_id = saved(old, user=1, _accessed_time=clock(), _creation_time=clock())
    move(url, options)
    key = target(options).keys.session(session_id)
    attributes = target(options).items.layout.key_attributes(key)
    first = target(options).items.call("get_item", Key=attributes)["Item"]
    clock.advance(3600)
    saved(old, session_id, _accessed_time=clock(), _creation_time=clock() - 3600)

    assert {"found": 1, "copied": 1, "verified": 1} == counts(move(url, options))

    assert stored(options, session_id) is not None
    swept_days = (int(first["expires"]["N"]) - float(first["deadline"]["N"])) / 86_400
    assert 30 == swept_days


@pytest.mark.parametrize("by", ["a user", "another run"])
def test_a_write_that_is_refused_is_reported_with_its_cost(
    by: str,
    old: dict[str, Any],
    url: str,
    options: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session_id = saved(old, user=1)
    write = Copier.write

    def write_second(copier: Copier, planned: Any) -> None:
        monkeypatch.setattr(Copier, "write", write)
        if by == "a user":
            saved({"type": "ext:dynamodb", **options}, session_id, user=2)
        else:
            move(url, options)
        write(copier, planned)

    monkeypatch.setattr(Copier, "write", write_second)
    refused = {"refused_writes": 1, "refused_units": 4}
    assert {"found": 1, "already_there": 1, **refused} == counts(move(url, options))
    assert {"found": 1, "already_there": 1} == counts(move(url, options))


def test_a_copy_that_another_run_makes_between_two_reads_is_not_refused(
    old: dict[str, Any], url: str, options: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(old, user=1)
    move(url, options)
    look_up = Records.look_up

    def without_record(records: Records, keys: Any) -> Any:
        monkeypatch.setattr(Records, "look_up", look_up)
        return {
            digest: replace(one, recorded=False) for digest, one in look_up(records, keys).items()
        }

    monkeypatch.setattr(Records, "look_up", without_record)
    assert {"found": 1, "already_there": 1} == counts(move(url, options))


def test_writes_are_rate_limited(options: dict[str, object]) -> None:
    waits: list[float] = []
    limiter = RateLimiter(2, clock=lambda: 0, wait=lambda _, seconds: waits.append(seconds))
    report = move(ListedSource(*sessions(5)), options, threads=1, limiter=limiter)
    assert 20 == report.write_units
    assert [2, 4, 6, 8, 10] == waits

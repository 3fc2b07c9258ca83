"""A migration that runs again: after an interruption, alongside users, after log-outs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from beaker_dynamodb.dynamodb.error_mapping import NoTransactions
from beaker_dynamodb.dynamodb.rate_limiter import RateLimiter
from beaker_dynamodb.exceptions import StoreUnavailable
from beaker_dynamodb.items.store import ItemStore
from beaker_dynamodb.migrate.copier import Copier
from beaker_dynamodb.migrate.records import Records
from beaker_dynamodb.migrate.source import Entry, SourceSession, digest_of
from tests.beaker import Browser
from tests.clock import Clock
from tests.migrate.moving import Stores, counts
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


@pytest.mark.full
def test_a_second_run_copies_what_an_interrupted_one_has_not(stores: Stores) -> None:
    found = sessions(40)
    interrupted = ListedSource(*found[:30], StoreUnavailable("the old store does not answer"))
    with pytest.raises(StoreUnavailable, match="does not answer"):
        stores.move(interrupted, threads=1)
    before = sum(stores.copy(str(number)) is not None for number in range(40))

    report = stores.move(ListedSource(*found))

    assert (40, before, 40 - before) == (report.found, report.already_there, report.copied)
    assert None not in [stores.copy(str(number)) for number in range(40)]


def test_a_user_who_changes_a_copy_before_it_is_verified(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = stores.save(basket=["a"])
    put = ItemStore.put_with_record

    def put_and_change(items: ItemStore, *rest: Any) -> None:
        put(items, *rest)
        monkeypatch.setattr(ItemStore, "put_with_record", put)
        stores.save_in_new(session_id, basket=["b"])

    monkeypatch.setattr(ItemStore, "put_with_record", put_and_change)
    assert {"found": 1, "copied": 1, "changed_since": 1} == stores.counts()


def test_without_transactions_a_repeated_write_is_one_copy(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores.save(user=1)
    call = ItemStore.call

    def call_twice(items: ItemStore, method: str, **params: Any) -> Any:
        if method == "transact_write_items":
            raise NoTransactions
        answer = call(items, method, **params)
        return call(items, method, **params) if method == "put_item" else answer

    monkeypatch.setattr(ItemStore, "call", call_twice)
    assert {"found": 1, "copied": 1, "verified": 1} == stores.counts()
    assert {"found": 1, "already_there": 1} == stores.counts()


@pytest.mark.both_servers
@pytest.mark.parametrize("accessed_later", [False, True], ids=["", "old store accessed later"])
def test_users_keep_what_they_change_in_the_new_store(stores: Stores, accessed_later: bool) -> None:
    browser, after = Browser(stores.old), Browser(stores.new)
    after.web.cookiejar = browser.web.cookiejar
    browser.save(basket=["a"])
    stores.move()
    after.save(basket=["a", "b"])
    if accessed_later:
        browser.save(basket=["a", "c"])

    assert {"found": 1, "already_there": 1} == stores.counts()
    assert {"basket": ["a", "b"]} == after.contents()


@pytest.mark.both_servers
@pytest.mark.both_shapes
def test_sessions_accessed_in_the_old_store_since_are_copied_again(stores: Stores) -> None:
    browser, after = Browser(stores.old), Browser(stores.new)
    after.web.cookiejar = browser.web.cookiejar
    browser.save(basket=["a"])
    unchanged = stores.save(user=2)
    stores.move()
    copy = stores.copy(unchanged)
    browser.save(basket=["a", "b"])

    assert {"found": 2, "copied": 1, "already_there": 1, "verified": 1} == stores.counts()
    assert {"basket": ["a", "b"]} == after.contents()
    assert copy == stores.copy(unchanged)


@pytest.mark.both_servers
def test_a_log_out_between_two_runs_is_final(stores: Stores) -> None:
    """Whether its marker is still there or swept, and whether the old store was used since."""
    ids = [stores.save(user=number) for number in range(4)]
    stores.move()
    for session_id in ids:
        stores.log_out(session_id)
    for session_id in ids[1::2]:
        stores.sweep(session_id)
    for session_id in ids[2:]:
        stores.save(session_id, user=9)

    with CallRecorder(stores.storage.items.client()) as calls:
        report = stores.move()

    assert {"found": 4, "logged_out_since": 4} == counts(report)
    assert ["GetItem", "BatchGetItem", "PutItem", "PutItem"] == calls.operations
    assert [None] * 4 == [stores.copy(session_id) for session_id in ids]


def test_a_user_who_is_in_both_stores_and_logs_out_of_the_new_one(stores: Stores) -> None:
    session_id = stores.save(user=1)
    stores.save_in_new(session_id, user=2)
    assert {"found": 1, "already_there": 1} == stores.counts()
    stores.sweep(session_id)
    assert {"found": 1, "logged_out_since": 1} == stores.counts()


def test_a_copy_that_expired_unused_is_copied_again(stores: Stores, clock: Clock) -> None:
    """DynamoDB does not delete it for 30 days, so that it is not mistaken for a log-out."""
    stores.new.update(clock=clock, timeout=1920)
    session_id = stores.save(user=1, _accessed_time=clock(), _creation_time=clock())
    stores.move()
    first = stores.storage.items.call("get_item", Key=stores.key(session_id))["Item"]
    clock.advance(3600)
    stores.save(session_id, _accessed_time=clock(), _creation_time=clock() - 3600)

    assert {"found": 1, "copied": 1, "verified": 1} == stores.counts()

    assert stores.copy(session_id) is not None
    swept_days = (int(first["expires"]["N"]) - float(first["deadline"]["N"])) / 86_400
    assert 30 == swept_days


@pytest.mark.parametrize("by", ["a user", "another run"])
def test_a_refused_write_is_reported_with_its_cost(
    by: str, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = stores.save(user=1)
    write = Copier.write

    def write_second(copier: Copier, planned: Any) -> None:
        monkeypatch.setattr(Copier, "write", write)
        if by == "a user":
            stores.save_in_new(session_id, user=2)
        else:
            stores.move()
        write(copier, planned)

    monkeypatch.setattr(Copier, "write", write_second)
    refused = {"refused_writes": 1, "refused_units": 4}
    assert {"found": 1, "already_there": 1, **refused} == stores.counts()
    assert {"found": 1, "already_there": 1} == stores.counts()


def test_a_copy_that_another_run_makes_between_two_reads_is_not_refused(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores.save(user=1)
    stores.move()
    look_up = Records.look_up

    def without_record(records: Records, keys: Any) -> Any:
        monkeypatch.setattr(Records, "look_up", look_up)
        found = look_up(records, keys)
        return {digest: replace(one, recorded=False) for digest, one in found.items()}

    monkeypatch.setattr(Records, "look_up", without_record)
    assert {"found": 1, "already_there": 1} == stores.counts()


def test_writes_are_rate_limited(stores: Stores) -> None:
    waits: list[float] = []
    limiter = RateLimiter(2, clock=lambda: 0, wait=lambda _, seconds: waits.append(seconds))
    report = stores.move(ListedSource(*sessions(5)), threads=1, limiter=limiter)
    assert 20 == report.write_units
    assert [2, 4, 6, 8, 10] == waits

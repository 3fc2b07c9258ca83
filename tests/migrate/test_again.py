"""A migration that is run again: after an interruption, beside users, after log-outs."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from beaker_dynamodb.dynamodb.rate_limiter import RateLimiter
from beaker_dynamodb.exceptions import ConfigurationError, StoreUnavailable
from beaker_dynamodb.items.item import Item
from beaker_dynamodb.items.store import ItemStore
from beaker_dynamodb.migrate.from_dynamodb import DynamoDBSource
from beaker_dynamodb.migrate.from_files import FileSource
from beaker_dynamodb.migrate.source import Entry, Mark, SourceSession, digest_of
from beaker_dynamodb.migrate.state import State
from tests.beaker import Browser
from tests.migrate.moving import counts, move, saved, stored, target
from tests.servers.recorder import CallRecorder

pytestmark = pytest.mark.both_servers


@pytest.fixture
def old(tmp_path: Path) -> dict[str, Any]:
    """Options of sessions in files."""
    return {"type": "file", "data_dir": str(tmp_path / "sessions")}


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The url of that source."""
    (tmp_path / "sessions").mkdir()
    return f"file://{tmp_path}/sessions"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The state file."""
    return tmp_path / "state"


def opened(state: Path) -> State:
    """Open the state file of one and the same migration."""
    return State(state, "old", "new")


class Breaks:
    """A source that breaks off after some entries."""

    name = "a source that breaks"

    def __init__(self, source: Any, after: int) -> None:
        self._source = source
        self._after = after

    def entries(self, marks: Any) -> Iterator[Entry]:
        """Give so many entries, and then an error."""
        for number, entry in enumerate(self._source.entries(marks)):
            if number == self._after:
                raise StoreUnavailable("the old store does not answer")
            yield entry


def test_interrupted_and_run_again(
    old: dict[str, Any], url: str, options: dict[str, object]
) -> None:
    """What was copied before an interruption is there, the second run copies the rest."""
    ids = [saved(old, user=number) for number in range(60)]
    source = FileSource(Path(old["data_dir"]))
    with pytest.raises(StoreUnavailable, match="does not answer"):
        move(Breaks(source, 40), options, threads=2)
    before = sum(stored(options, session_id) is not None for session_id in ids)

    report = move(url, options)

    assert 30 <= before <= 40
    assert (60, before, 60 - before) == (report.found, report.already_there, report.copied)
    assert all(stored(options, session_id) is not None for session_id in ids)


def test_a_fault_of_the_new_store_ends_it(
    old: dict[str, Any], url: str, options: dict[str, object]
) -> None:
    """A table that is missing and may not be made is an error, not a count."""
    saved(old, user=1)
    with pytest.raises(ConfigurationError, match="does not exist"):
        move(url, {**options, "create_table": False})


def test_users_keep_what_they_do_meanwhile(
    old: dict[str, Any], url: str, options: dict[str, object]
) -> None:
    """A user who is active on the new store is not set back by a second run."""
    browser = Browser(old)
    browser.save(basket=["a"])
    move(url, options)
    after = Browser(options)
    after.web.cookiejar = browser.web.cookiejar
    after.save(basket=["a", "b"])

    report = move(url, options)

    assert {"found": 1, "already_there": 1} == counts(report)
    assert {"basket": ["a", "b"]} == after.contents()


def test_a_user_who_is_quicker_than_the_check(
    old: dict[str, Any], url: str, options: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy that its user changes before it is read back is no difference."""
    session_id = saved(old, basket=["a"])
    put = ItemStore.put

    def put_and_change(items: ItemStore, item: Item, *rest: Any, **more: Any) -> None:
        put(items, item, *rest, **more)
        monkeypatch.setattr(ItemStore, "put", put)
        saved({"type": "ext:dynamodb", **options}, session_id, basket=["b"])

    monkeypatch.setattr(ItemStore, "put", put_and_change)
    assert {"found": 1, "copied": 1, "changed_since": 1} == counts(move(url, options))


def test_an_answer_that_was_lost(
    old: dict[str, Any], url: str, options: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that had arrived, and was sent again by botocore, is a copy."""
    saved(old, user=1)
    call = ItemStore.call

    def twice(items: ItemStore, method: str, **params: Any) -> Any:
        answer = call(items, method, **params)
        return call(items, method, **params) if method == "put_item" else answer

    monkeypatch.setattr(ItemStore, "call", twice)
    assert {"found": 1, "copied": 1, "verified": 1} == counts(move(url, options))


def test_users_keep_what_they_do_even_if_the_old_store_was_used_later(
    old: dict[str, Any], url: str, options: dict[str, object]
) -> None:
    """What a user has saved on the new store stands, whenever the old one was used last."""
    session_id = saved(old, basket=["a"])
    move(url, options)
    saved({"type": "ext:dynamodb", **options}, session_id, basket=["a", "b"])
    saved(old, session_id, basket=["a", "c"])

    assert {"found": 1, "already_there": 1} == counts(move(url, options))


def test_sessions_used_in_the_old_store_since_are_copied_again(
    old: dict[str, Any], url: str, options: dict[str, object], state: Path
) -> None:
    """A first run beside the old application is completed by a second one after its end."""
    for path in (None, state):
        browser = Browser(old)
        browser.save(basket=["a"])
        quiet = saved(old, user=2)
        if path is None:
            move(url, options)
        else:
            with opened(path) as before:
                move(url, options, state=before)
        kept = stored(options, quiet)
        browser.save(basket=["a", "b"])

        if path is None:
            report = move(url, options)
        else:
            with opened(path) as before:
                report = move(url, options, state=before)

        after = Browser(options)
        after.web.cookiejar = browser.web.cookiejar
        assert (1, 1) == (report.copied, report.verified)
        assert {"basket": ["a", "b"]} == after.contents()
        assert kept == stored(options, quiet)


def test_a_log_out_between_two_runs_is_final(
    old: dict[str, Any], url: str, options: dict[str, object], state: Path
) -> None:
    """With a state file a second run knows who was copied, and brings nobody back."""
    gone = saved(old, user=1)
    used = saved(old, user=2)
    with opened(state) as first:
        move(url, options, state=first)
    store = target(options)
    for session_id in (gone, used):
        store.items.delete(store.keys.session(session_id))
    saved(old, used, user=2)  # a request that was still under way on an old server

    with opened(state) as second, CallRecorder(store.items.client()) as calls:
        report = move(url, options, state=second)

    assert {"found": 2, "already_there": 1, "logged_out_since": 1} == counts(report)
    # What is gone is read, since the refusal does not tell.
    assert ["PutItem", "GetItem"] == calls.operations
    assert [None, None] == [stored(options, session_id) for session_id in (gone, used)]


def test_a_state_file_knows_no_ids(
    old: dict[str, Any], url: str, options: dict[str, object], state: Path
) -> None:
    """It has digests of the ids, and its owner only may read it."""
    session_id = saved(old, user=1)
    with opened(state) as first:
        move(url, options, state=first)
    assert session_id not in state.read_text()
    assert digest_of(session_id)[:32] in state.read_text()
    assert 0o600 == stat.S_IMODE(state.stat().st_mode)


def test_a_state_file_is_of_one_migration(state: Path) -> None:
    """That of another source or target, and any other file, is refused and left as it is."""
    opened(state).close()
    with pytest.raises(ConfigurationError, match="not of a migration"):
        State(state, "old", "another")
    state.write_text("important\n")
    with pytest.raises(ConfigurationError, match="not of a migration"):
        opened(state)
    assert "important\n" == state.read_text()


def test_half_a_line_is_nothing(state: Path) -> None:
    """A process that was killed while it wrote leaves a state file that can be used."""
    digests = [digest_of(name) for name in ("a", "b")]
    with opened(state) as first:
        first.copied(digests[0], 1000)
    with state.open("a") as file:
        file.write(f"copied {digests[1][:20]}")
    with opened(state) as second:
        assert [True, False] == [second.has(digest) for digest in digests]
        second.copied(digests[1], None)
    with opened(state) as third:
        assert [True, True] == [third.has(digest) for digest in digests]
        assert [True, False] == [third.is_current(digests[0], ms) for ms in (1000, 1001)]
        assert third.is_current(digests[1], 1001)


def test_marks_are_those_of_the_last_run_that_did_not_end(state: Path) -> None:
    """A run that came to its end begins the next one at the beginning."""
    with opened(state) as first:
        first.mark(0, {"id": {"S": "a"}})
        first.mark(1, {"id": {"S": "b"}})
        first.mark(0, None)
    with opened(state) as second:
        assert {0: None, 1: {"id": {"S": "b"}}} == second.marks
        second.end()
    with opened(state) as third:
        assert {} == third.marks


class Marked:
    """A source with marks, the last of which comes after a fault of the new store."""

    name = "a source with marks"

    def __init__(self, entries: list[Entry]) -> None:
        self._entries = entries

    def entries(self, marks: Any) -> Iterator[Entry]:
        """Give the entries."""
        yield from self._entries


def test_a_mark_is_kept_once_everything_before_it_is_done(
    options: dict[str, object], state: Path
) -> None:
    """A session that could not be written is before the mark at which the next run begins."""
    hashed = SourceSession(None, "x", digest_of("x"))  # cannot be written where ids are not hashed
    found = [SourceSession(str(number), "x", digest_of(str(number))) for number in range(3)]
    marks = [Mark(0, {"id": {"S": "a"}}), Mark(0, {"id": {"S": "b"}})]
    source = Marked([*found, marks[0], hashed, marks[1]])
    with opened(state) as first, pytest.raises(ConfigurationError, match="set hash_ids"):
        move(source, options, state=first)
    with opened(state) as second:
        assert {0: marks[0].last_key} == second.marks


def test_a_long_scan_goes_on_where_it_stopped(options: dict[str, object], state: Path) -> None:
    """A second run reads only the parts of the old table that the first one had not done."""
    old = {**options, "prefix": "old"}
    for number in range(20):
        saved({"type": "ext:dynamodb", **old}, user=number)
    source = DynamoDBSource(target(old))
    done = [entry for entry in source.entries({}) if isinstance(entry, Mark)]
    with opened(state) as first:
        for mark in done[:3]:
            first.mark(mark.segment, mark.last_key)

    with opened(state) as second, CallRecorder(target(options).items.client()) as calls:
        move(source, {**options, "prefix": "new"}, state=second)

    assert [None] * 4 == [mark.last_key for mark in done]
    assert [done[3].segment] == [
        call.params["Segment"] for call in calls if call.operation == "Scan"
    ]


def test_writes_are_rate_limited(old: dict[str, Any], url: str, options: dict[str, object]) -> None:
    for number in range(10):
        saved(old, user=number)
    waits: list[float] = []
    limiter = RateLimiter(2, clock=lambda: 0, wait=lambda _, seconds: waits.append(seconds))
    assert 10 == move(url, options, threads=1, limiter=limiter).write_units
    assert [number / 2 for number in range(1, 11)] == waits

"""The parallel Scan: complete, resumable, limited, and without threads left over."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from beaker_dynamodb import StoreUnavailable
from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.dynamodb.calls import TableCalls
from beaker_dynamodb.dynamodb.rate_limiter import RateLimiter
from beaker_dynamodb.dynamodb.scan import Page, scan
from tests.clock import Clock
from tests.servers.endpoint import Endpoint
from tests.servers.recorder import CallRecorder
from tests.stubbed import Script

NAMES = {f"item {number}" for number in range(24)}
SMALL: dict[str, Any] = {"Limit": 3, "ConsistentRead": True}
KEY = {"id": {"S": "x"}}


@pytest.fixture(scope="module")
def table(endpoint: Endpoint) -> dict[str, Any]:
    options = {**endpoint.options, "table_name": "scanned"}
    for name in NAMES:
        TableCalls(parse(options)).call("put_item", Item={"id": {"S": name}})
    return options


@pytest.fixture
def calls(table: dict[str, Any]) -> TableCalls:
    return TableCalls(parse(table))


def names(page: Page) -> list[str]:
    return [item["id"]["S"] for item in page.items]


def scan_threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("beaker-dynamodb-scan")]


@pytest.mark.both_servers
@pytest.mark.parametrize("segments", [1, 4])
def test_every_item_is_read_once(calls: TableCalls, segments: int) -> None:
    pages = list(scan(calls, SMALL, segments=segments))
    assert sorted(NAMES) == sorted(name for page in pages for name in names(page))
    assert len(NAMES) == sum(page.scanned for page in pages)
    assert set(range(segments)) == {page.segment for page in pages}
    assert segments == sum(page.last_key is None for page in pages)
    assert all(page.capacity_units > 0 for page in pages if page.items)
    assert [] == scan_threads()


@pytest.mark.parametrize("taken", [0, 1, 5])
def test_a_closed_scan_can_be_resumed(calls: TableCalls, taken: int) -> None:
    seen: list[str] = []
    last_keys: dict[int, Any] = {}
    pages = scan(calls, SMALL, segments=2)
    for _ in range(taken):
        page = next(pages)
        seen += names(page)
        last_keys[page.segment] = page.last_key
    pages.close()
    for page in scan(calls, SMALL, segments=2, start=last_keys):
        seen += names(page)
    assert sorted(NAMES) == sorted(seen)


def test_finished_segments_are_not_read_again_and_others_refused(calls: TableCalls) -> None:
    with CallRecorder(calls.client()) as sent:
        assert [] == list(scan(calls, SMALL, segments=2, start={0: None, 1: None}))
    assert 0 == len(sent)
    with pytest.raises(ValueError, match="there are only 2"):
        next(scan(calls, SMALL, segments=2, start={2: None}))


def test_closing_ends_the_threads(calls: TableCalls) -> None:
    with CallRecorder(calls.client()) as sent:
        pages = scan(calls, SMALL, segments=4)
        next(pages)
        pages.close()
    assert [] == scan_threads()
    assert len(sent) <= 5
    assert [] == list(pages)


def test_a_segment_reads_one_page_ahead(calls: TableCalls, monkeypatch: pytest.MonkeyPatch) -> None:
    call, count, second = calls.call, [0], threading.Event()

    def counted(method: str, **params: Any) -> Any:
        count[0] += 1
        if count[0] == 2:
            second.set()
        return call(method, **params)

    monkeypatch.setattr(calls, "call", counted)
    pages = scan(calls, {"Limit": 1}, segments=2, start={1: None})
    next(pages)
    assert second.wait(60)
    pages.close()
    assert 2 == count[0]


def test_one_segment_is_read_without_a_thread_and_not_ahead(calls: TableCalls) -> None:
    with CallRecorder(calls.client()) as sent:
        pages = scan(calls, {"Limit": 1}, segments=1)
        next(pages)
        assert 1 == len(sent)
        assert [] == scan_threads()
        pages.close()
    assert 1 == len(sent)


def test_an_error_in_one_segment_ends_the_scan(
    calls: TableCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = calls.call

    def failing(method: str, **params: Any) -> Any:
        if params["Segment"] == 2 and "ExclusiveStartKey" in params:
            raise StoreUnavailable("no answer")
        return call(method, **params)

    monkeypatch.setattr(calls, "call", failing)
    with pytest.raises(StoreUnavailable, match="no answer"):
        list(scan(calls, {"Limit": 1}, segments=4))
    assert [] == scan_threads()


def pages_of(*units: float, last: bool = True) -> Script:
    """Script pages that consume these units."""
    script = Script()
    for number, consumed in enumerate(units, 1):
        page: dict[str, Any] = {"Items": [], "ScannedCount": 9}
        page["ConsumedCapacity"] = {"CapacityUnits": consumed}
        if number < len(units) or not last:
            page["LastEvaluatedKey"] = KEY
        script.answer("scan", None, page)
    return script


@pytest.mark.parametrize("segments", [1, 2])
def test_every_page_but_the_last_is_limited(segments: int) -> None:
    waits: list[float] = []
    limiter = RateLimiter(10, clock=lambda: 0.0, wait=lambda _, seconds: waits.append(seconds))
    with pages_of(128.0, 5.0, 128.0) as script:
        start = dict.fromkeys(range(1, segments))
        pages = list(scan(script.calls(), {}, segments=segments, limiter=limiter, start=start))
    assert [128.0, 5.0, 128.0] == [page.capacity_units for page in pages]
    assert [12.8, 13.3] == pytest.approx(waits)


def test_closing_ends_the_wait() -> None:
    waiting = threading.Event()

    def wait(stopped: threading.Event, seconds: float) -> None:
        waiting.set()
        stopped.wait(seconds)

    with pages_of(128.0, last=False) as script:
        limiter = RateLimiter(0.001, wait=wait)
        pages = scan(script.calls(), {}, segments=2, start={1: None}, limiter=limiter)
        next(pages)
        assert waiting.wait(60)
        pages.close()
    assert [] == scan_threads()


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def limiter(clock: Clock, waits: list[float]) -> RateLimiter:
    return RateLimiter(10.0, clock=clock, wait=lambda stopped, seconds: waits.append(seconds))


def test_callers_wait_in_turn(limiter: RateLimiter, clock: Clock, waits: list[float]) -> None:
    for units in (10.0, 10.0, 5.0):
        limiter.spend(units, threading.Event())
    clock.advance(2.0)
    limiter.spend(10.0, threading.Event())
    assert [1.0, 2.0, 2.5, 1.5] == waits


def test_unused_time_is_lost(limiter: RateLimiter, clock: Clock, waits: list[float]) -> None:
    limiter.spend(10.0, threading.Event())
    clock.advance(3600.0)
    limiter.spend(10.0, threading.Event())
    limiter.spend(0.0, threading.Event())
    assert [1.0, 1.0, 1.0] == waits


def test_no_wait_without_a_rate_or_units(limiter: RateLimiter, waits: list[float]) -> None:
    limiter.spend(0.0, threading.Event())
    RateLimiter(None, wait=lambda stopped, seconds: waits.append(seconds)).spend(
        1e9, threading.Event()
    )
    assert [] == waits


def test_a_set_event_ends_the_wait() -> None:
    stopped = threading.Event()
    stopped.set()
    RateLimiter(1e-9).spend(1.0, stopped)

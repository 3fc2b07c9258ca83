"""A Scan in parallel segments gives every item once, ends at once, and can be resumed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from beaker_dynamodb import StoreUnavailable
from beaker_dynamodb.dynamodb.scan import Page, scan

if TYPE_CHECKING:
    from beaker_dynamodb.items.store import ItemStore
    from tests.contract.opening import Opener
    from tests.servers.recorder import CallRecorder

pytestmark = [pytest.mark.both_servers, pytest.mark.both_shapes]

ITEMS = 40
SMALL: dict[str, Any] = {"Limit": 3, "ConsistentRead": True}


@pytest.fixture
def items(open_namespace: Opener) -> ItemStore:
    """A table with 40 items."""
    manager = open_namespace()
    manager.backend.items.call("scan")  # makes the table
    for number in range(ITEMS):
        open_namespace(f"n{number}")[b"k"] = number
    return manager.backend.items


def names(page: Page) -> list[str]:
    """Give the partition keys of a page's items."""
    return [item["id"]["S"] for item in page.items]


def scanning() -> int:
    """Count the threads of scans."""
    return sum(thread.name.startswith("beaker-dynamodb-scan") for thread in threading.enumerate())


@pytest.mark.parametrize("segments", [1, 4])
def test_every_item_is_given_once(items: ItemStore, open_namespace: Opener, segments: int) -> None:
    """However many the segments and however small the pages, nothing is missing or doubled."""
    pages = list(scan(items, SMALL, segments=segments))
    everything = sorted(item["id"]["S"] for item in open_namespace.items())
    assert everything == sorted(name for page in pages for name in names(page))
    assert ITEMS == sum(page.scanned for page in pages)
    assert set(range(segments)) == {page.segment for page in pages}
    assert segments == sum(page.last_key is None for page in pages)
    assert all(page.capacity_units > 0 for page in pages if page.items)
    assert 0 == scanning()


@pytest.mark.parametrize("taken", [0, 1, 5, 9])
def test_a_scan_that_was_left_is_resumed(items: ItemStore, taken: int) -> None:
    """From the last keys of the pages that were taken it gives exactly the rest."""
    seen: list[str] = []
    last_keys: dict[int, Any] = {}
    pages = scan(items, SMALL, segments=2)
    for _ in range(taken):
        page = next(pages)
        seen += names(page)
        last_keys[page.segment] = page.last_key
    pages.close()
    rest = [
        name for page in scan(items, SMALL, segments=2, start=last_keys) for name in names(page)
    ]
    assert ITEMS == len(seen) + len(rest)
    assert ITEMS == len({*seen, *rest})


def test_segments_that_are_done_are_not_read(items: ItemStore, sent: CallRecorder) -> None:
    """A segment without a last key is over: nothing is asked, and no thread started."""
    assert [] == list(scan(items, SMALL, segments=2, start={0: None, 1: None}))
    assert 0 == len(sent)


def test_a_segment_that_is_not_there_is_refused(items: ItemStore) -> None:
    """Resuming with fewer segments than before would pass items over."""
    with pytest.raises(ValueError, match="there are 2 segments"):
        next(scan(items, SMALL, segments=2, start={2: None}))


def test_leaving_early_ends_the_threads(items: ItemStore, sent: CallRecorder) -> None:
    """After `close()` no thread is left, and no more was read than a page a segment ahead."""
    pages = scan(items, SMALL, segments=4)
    next(pages)
    pages.close()
    assert 0 == scanning()
    assert len(sent) <= 5
    assert [] == list(pages)


def test_a_slow_caller_is_not_run_away_from(
    items: ItemStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages that nobody has taken yet hold the reading up: memory stays bounded."""
    call, calls, settled = items.call, [0], threading.Event()

    def counted(method: str, **params: Any) -> Any:
        calls[0] += 1
        if calls[0] > 2:
            settled.set()
        return call(method, **params)

    class Room(threading.Semaphore):
        def acquire(self, *_: object) -> bool:
            if not super().acquire(blocking=False):
                settled.set()
                super().acquire()
            return True

    monkeypatch.setattr(items, "call", counted)
    monkeypatch.setattr(threading, "Semaphore", Room)
    pages = scan(items, {"Limit": 1}, segments=1)
    next(pages)
    settled.wait()
    # At most the page that was taken, and the one that is ready.
    assert calls[0] <= 2
    pages.close()


def test_an_error_of_one_segment_ends_all(
    items: ItemStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller gets it, and no thread goes on."""
    call = items.call

    def failing(method: str, **params: Any) -> Any:
        if params["Segment"] == 2 and "ExclusiveStartKey" in params:
            raise StoreUnavailable("no answer")
        return call(method, **params)

    monkeypatch.setattr(items, "call", failing)
    with pytest.raises(StoreUnavailable, match="no answer"):
        list(scan(items, {"Limit": 1}, segments=4))
    assert 0 == scanning()

"""A Scan of the whole table in parallel segments, as fast as it may be, to be resumed at will."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from beaker_dynamodb.items.store import ItemStore

#: The clock of the rate, in seconds, by a name that tests replace.
monotonic = time.monotonic
#: A pause, cut short when the scan ends: by a name that tests replace.
pause = threading.Event.wait


@dataclass(frozen=True, slots=True)
class Page:
    """What one call gave.

    :param segment: which part of the table it is of, counted from 0.
    :param items: attributes as boto3's client gives them; those that the filter let through.
    :param scanned: how many items were read, filtered out or not.
    :param capacity_units: read units that the page has consumed.
    :param last_key: where the segment goes on; None: it is done.
    """

    segment: int
    items: list[Mapping[str, Any]]
    scanned: int
    capacity_units: float
    last_key: Mapping[str, Any] | None


def scan(
    items: ItemStore,
    params: Mapping[str, Any],
    *,
    segments: int = 4,
    units_per_second: float | None = None,
    start: Mapping[int, Mapping[str, Any] | None] | None = None,
) -> Generator[Page, None, None]:
    """Give the pages of a table: those of a segment in their order, the segments mixed.

    At most one page a segment is read ahead of the caller. When he leaves early (``close()``),
    calls under way are waited for and no other is begun.

    :param params: of Scan, without those that this function sets.
    :param segments: how many calls run at once, each in a thread.
    :param units_per_second: read units that all segments together may consume, on an average;
        None: as they come. The first page of every segment is not held back.
    :param start: where to go on, for each segment the ``last_key`` of its last page that was
        dealt with; a segment that is not named begins at its beginning. The number of segments
        has to be the same as before.
    :raises DynamoDBError: what one segment's call raised; it ends the others.
    """
    start = start or {}
    if not set(start) <= set(range(segments)):
        raise ValueError(f"there are {segments} segments, and start names {sorted(start)}")
    running = [n for n in range(segments) if n not in start or start[n] is not None]
    work = _Work(items, {**params, "TotalSegments": segments}, len(running), units_per_second)
    threads = [
        threading.Thread(
            target=work.read, args=(n, start.get(n)), name=f"beaker-dynamodb-scan-{n}", daemon=True
        )
        for n in running
    ]
    try:
        for thread in threads:
            thread.start()
        left = len(threads)
        while left:
            page = work.pages.get()
            work.room.release()
            if isinstance(page, BaseException):
                raise page
            left -= page.last_key is None
            yield page
    finally:
        work.stopped.set()
        work.room.release(len(threads) + 1)  # whoever waits for room is to look
        for thread in threads:
            if thread.ident is not None:
                thread.join()


class _Work:
    """What the threads of one scan share.

    :param threads: how many they are.
    """

    def __init__(
        self,
        items: ItemStore,
        params: dict[str, Any],
        threads: int,
        units_per_second: float | None,
    ) -> None:
        self._items = items
        self._params = params
        self._rate = Rate(units_per_second) if units_per_second is not None else None
        self.pages: SimpleQueue[Page | BaseException] = SimpleQueue()
        # Taken before a page is read, given back when the caller has it: bounds the memory.
        self.room = threading.Semaphore(threads)
        self.stopped = threading.Event()

    def read(self, segment: int, last_key: Mapping[str, Any] | None) -> None:
        """Read one segment to its end."""
        try:
            while True:
                self.room.acquire()
                if self.stopped.is_set():
                    return
                page = self._page(segment, last_key)
                self.pages.put(page)
                last_key = page.last_key
                if last_key is None:
                    return
                if self._rate is not None:
                    seconds = self._rate.spend(page.capacity_units)
                    if seconds > 0:
                        pause(self.stopped, seconds)
        except BaseException as error:  # whatever it is, the caller waits for it
            self.pages.put(error)

    def _page(self, segment: int, last_key: Mapping[str, Any] | None) -> Page:
        params = {**self._params, "Segment": segment, "ReturnConsumedCapacity": "TOTAL"}
        if last_key is not None:
            params["ExclusiveStartKey"] = last_key
        answer = self._items.call("scan", **params)
        return Page(
            segment,
            answer["Items"],
            answer["ScannedCount"],
            answer.get("ConsumedCapacity", {}).get("CapacityUnits", 0.0),
            answer.get("LastEvaluatedKey"),
        )


class Rate:
    """Units a second that several threads share: who has spent some waits until they are earned.

    :param units_per_second: how many are earned.
    """

    def __init__(self, units_per_second: float) -> None:
        self._units_per_second = units_per_second
        self._lock = threading.Lock()
        self._earned_at = monotonic()

    def spend(self, units: float) -> float:
        """Spend units, and say how many seconds to wait."""
        with self._lock:
            now = monotonic()
            self._earned_at = max(self._earned_at, now) + units / self._units_per_second
            return self._earned_at - now

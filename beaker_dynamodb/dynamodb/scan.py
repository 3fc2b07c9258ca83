"""A parallel Scan of the whole table that can be rate-limited, interrupted and resumed."""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from beaker_dynamodb.dynamodb.calls import TableCalls
from beaker_dynamodb.dynamodb.rate_limiter import RateLimiter


@dataclass(frozen=True, slots=True)
class Page:
    """The result of one call.

    :param segment: the number of the table's segment, from 0.
    :param items: the items that match the filter, as boto3's client returns them.
    :param scanned: number of items read, before filtering.
    :param capacity_units: read units consumed.
    :param last_key: where the segment's next page starts, or None on its last page.
    """

    segment: int
    items: list[Mapping[str, Any]]
    scanned: int
    capacity_units: float
    last_key: Mapping[str, Any] | None


def scan(
    calls: TableCalls,
    params: Mapping[str, Any],
    *,
    segments: int = 4,
    limiter: RateLimiter | None = None,
    start: Mapping[int, Mapping[str, Any] | None] | None = None,
) -> Generator[Page, None, None]:
    """Yield the pages of a table: in order within a segment, interleaved between segments.

    Each segment reads at most one page ahead of the caller. Closing the generator waits for the
    calls in progress.

    :param segments: number of parallel calls, each in its own thread.
    :param limiter: limits the read units per second. It does not delay a segment's first page.
    :param start: where to resume: for each segment, the ``last_key`` of its last processed page. A
        missing segment starts at its beginning. ``segments`` must be the same as in the scan that
        is resumed.
    :raises DynamoDBError: a call failed; the other segments stop.
    """
    start = start or {}
    if not set(start) <= set(range(segments)):
        raise ValueError(f"start has segments {sorted(start)}, but there are only {segments}")
    running = [n for n in range(segments) if n not in start or start[n] is not None]
    reader = _Reader(calls, {**params, "TotalSegments": segments}, len(running), limiter)
    threads = [
        threading.Thread(
            target=reader.read,
            args=(n, start.get(n)),
            name=f"beaker-dynamodb-scan-{n}",
            daemon=True,
        )
        for n in running
    ]
    try:
        for thread in threads:
            thread.start()
        unfinished = len(threads)
        while unfinished:
            page = reader.pages.get()
            reader.room.release()
            if isinstance(page, BaseException):
                raise page
            unfinished -= page.last_key is None
            yield page
    finally:
        reader.stopped.set()
        reader.room.release(len(threads) + 1)  # wakes the threads that wait for room
        for thread in threads:
            if thread.ident is not None:
                thread.join()


class _Reader:
    """Reads the segments of one scan. Shared by its threads."""

    def __init__(
        self, calls: TableCalls, params: dict[str, Any], threads: int, limiter: RateLimiter | None
    ) -> None:
        self._calls = calls
        self._params = params
        self._limiter = limiter or RateLimiter(None)
        self.pages: SimpleQueue[Page | BaseException] = SimpleQueue()
        # Limits memory: acquired before a page is read, released when the caller gets it.
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
                self._limiter.spend(page.capacity_units, self.stopped)
        except BaseException as error:  # otherwise the caller would wait forever
            self.pages.put(error)

    def _page(self, segment: int, last_key: Mapping[str, Any] | None) -> Page:
        params = {**self._params, "Segment": segment, "ReturnConsumedCapacity": "TOTAL"}
        if last_key is not None:
            params["ExclusiveStartKey"] = last_key
        response = self._calls.call("scan", **params)
        return Page(
            segment,
            response["Items"],
            response["ScannedCount"],
            response.get("ConsumedCapacity", {}).get("CapacityUnits", 0.0),
            response.get("LastEvaluatedKey"),
        )

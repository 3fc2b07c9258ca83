"""A parallel Scan of the whole table that can be rate-limited, interrupted and resumed."""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
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

    Segments are read in parallel threads, each at most one page ahead of the caller. Closing the
    generator waits for the calls in progress.

    :param segments: number of parallel calls.
    :param limiter: limits the read units per second. It does not delay a segment's first page.
    :param start: where to resume: for each segment, the ``last_key`` of its last processed page. A
        segment with None is skipped; a missing one starts at its beginning. ``segments`` must be
        the same as in the resumed scan.
    :raises DynamoDBError: a call failed; the other segments stop.
    """
    start = start or {}
    if not set(start) <= set(range(segments)):
        raise ValueError(f"start has segments {sorted(start)}, but there are only {segments}")
    reader = _Reader(calls, {**params, "TotalSegments": segments}, limiter)
    unfinished = [n for n in range(segments) if n not in start or start[n] is not None]
    if segments == 1:  # without a thread pool, which would delay the end of the process
        page = reader.read(0, start.get(0)) if unfinished else None
        while page is not None:
            yield page
            page = reader.next_page(page)
        return
    with ThreadPoolExecutor(segments, "beaker-dynamodb-scan") as pool:
        reading = {pool.submit(reader.read, n, start.get(n)) for n in unfinished}
        try:
            while reading:
                done, reading = wait(reading, return_when=FIRST_COMPLETED)
                for future in done:
                    page = future.result()
                    if page is not None:
                        reading.add(pool.submit(reader.next_page, page))
                        yield page
        finally:
            reader.stopped.set()


class _Reader:
    """Reads the pages of one scan."""

    def __init__(
        self, calls: TableCalls, params: dict[str, Any], limiter: RateLimiter | None
    ) -> None:
        self._calls = calls
        self._params = params
        self._limiter = limiter or RateLimiter(None)
        self.stopped = threading.Event()

    def next_page(self, page: Page) -> Page | None:
        """Read the next page; return None after the last page, or if the scan was closed."""
        if page.last_key is None:
            return None
        self._limiter.spend(page.capacity_units, self.stopped)
        return self.read(page.segment, page.last_key)

    def read(self, segment: int, last_key: Mapping[str, Any] | None) -> Page | None:
        """Read one page; return None if the scan was closed."""
        if self.stopped.is_set():
            return None
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

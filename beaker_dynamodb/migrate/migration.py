"""Copies the live sessions of another store to DynamoDB. No user is logged out.

The old store is only read. A session is written only if it is not in the new store yet. Users who
are already active there keep their changes, and an interrupted migration can be run again.

One exception: a session that only an earlier run has written, and that was accessed in the old
store since, is copied again. So most of the work can be done while the old application still runs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

from beaker_dynamodb.dynamodb.rate_limiter import RateLimiter
from beaker_dynamodb.migrate.copier import Copier
from beaker_dynamodb.migrate.report import Report
from beaker_dynamodb.migrate.source import Entry, Mark, NotASession, Source
from beaker_dynamodb.migrate.state import State
from beaker_dynamodb.sessions.storage import SessionStorage

#: Sessions per thread that are read ahead.
AHEAD = 4


class Migration:
    """One run of a migration.

    :param threads: number of parallel writes.
    :param limiter: limits the write units per second; the default does not.
    :param dry_run: only read the old store, and do not call the new one.
    :param verify: which copies are read back and compared: ``sample`` (the first of every
        hundred), ``all`` or ``none``.
    :param state: what earlier runs did. None means nothing is known or recorded.
    """

    def __init__(
        self,
        source: Source,
        target: SessionStorage,
        *,
        threads: int = 8,
        limiter: RateLimiter | None = None,
        dry_run: bool = False,
        verify: str = "sample",
        state: State | None = None,
    ) -> None:
        self._source = source
        self._threads = threads
        self._dry_run = dry_run
        self._state = state or State(None, "", "")
        self._copier = Copier(
            target, self._state, limiter or RateLimiter(None), dry_run=dry_run, verify=verify
        )
        #: Up to date at any time during the run.
        self.report = self._copier.report

    def run(self, progress: Callable[[int], None] = lambda _: None) -> Report:
        """Copy everything.

        :param progress: called with the number of sessions read since the last call.
        :raises DynamoDBError: a store could not be reached. A second run continues from there.
        """
        # In the order of the entries: when a mark is reached, everything before it is done.
        pending: deque[Future[None] | Mark] = deque()
        with ThreadPoolExecutor(self._threads, "beaker-dynamodb-migrate") as pool:
            try:
                with closing(self._entries()) as entries:
                    for entry in entries:
                        if isinstance(entry, NotASession):
                            self.report.foreign += 1
                        elif isinstance(entry, Mark):
                            pending.append(entry)
                        else:
                            self.report.found += 1
                            progress(1)
                            pending.append(pool.submit(self._copier.copy, entry))
                        while len(pending) > AHEAD * self._threads:
                            self._finish(pending.popleft())
                while pending:
                    self._finish(pending.popleft())
            except BaseException:
                # Wait for writes in progress. The next run makes the others.
                self._copier.stopped.set()
                pool.shutdown(cancel_futures=True)
                raise
        if not self._dry_run:
            self._state.end()
        return self.report

    def _entries(self) -> Generator[Entry, None, None]:
        yield from self._source.entries(self._state.marks)

    def _finish(self, first: Future[None] | Mark) -> None:
        if isinstance(first, Future):
            first.result()
        elif not self._dry_run:
            self._state.mark(first.segment, first.last_key)

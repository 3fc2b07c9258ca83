"""Copy the live sessions of another store to DynamoDB. No user is logged out.

The old store is only read. A session is created only once: users who are already active in the new
store keep their changes, users who have logged out there stay logged out, and an interrupted
migration can be run again.

A copy that no user has changed is replaced if the session was accessed in the old store since, so
most sessions can be copied while the old application still runs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import KW_ONLY, dataclass, field

from beaker_dynamodb.dynamodb.rate_limiter import RateLimiter
from beaker_dynamodb.exceptions import ConfigurationError
from beaker_dynamodb.migrate.copier import Copier
from beaker_dynamodb.migrate.records import KEPT_DAYS, KEPT_MS, Records, Run
from beaker_dynamodb.migrate.report import Report
from beaker_dynamodb.migrate.source import Damaged, NotASession, Source, SourceSession
from beaker_dynamodb.sessions.storage import SessionStorage

#: Sessions that are looked up and written together: BatchGetItem reads 100 items, and each session
#: has a record.
BATCH_SESSIONS = 50
#: A batch of large sessions ends earlier, at this many characters of payload.
BATCH_CHARACTERS = 4 * 1024 * 1024
#: Batches per thread that are read ahead.
AHEAD = 2

Batch = list[SourceSession | Damaged]


@dataclass(eq=False)
class Migration:
    """One run of a migration; its parameters are the flags of `beaker-dynamodb migrate`.

    :param limiter: limits the write units per second; default: no limit.
    :param table_may_be_missing: a dry run treats a missing table as empty.
    """

    source: Source
    target: SessionStorage
    _: KW_ONLY
    threads: int = 8
    limiter: RateLimiter = field(default_factory=lambda: RateLimiter(None))
    dry_run: bool = False
    verify: str = "sample"
    table_may_be_missing: bool = False
    accept_missing_records: bool = False

    def __post_init__(self) -> None:
        self.records = Records(self.target.items, self.source.name)
        self._copier = Copier(
            self.target,
            self.records,
            self.limiter,
            dry_run=self.dry_run,
            verify=self.verify,
            accept_missing_records=self.accept_missing_records,
        )
        #: Always up to date during the run.
        self.report = self._copier.report
        #: The previous run from this source; set when `run` starts.
        self.last_run: Run | None = None

    def run(self, progress: Callable[[int], None] = lambda _: None) -> Report:
        """Copy all live sessions.

        :param progress: called with the number of entries read since the last call.
        :raises ConfigurationError: the target cannot be used, or the records of earlier runs are
            missing.
        :raises DynamoDBError: a store could not be reached. Another run skips what is copied.
        """
        self.last_run = self.records.last_run(table_may_be_missing=self.table_may_be_missing)
        self._refuse_late_run()
        with (
            ThreadPoolExecutor(self.threads, "beaker-dynamodb-migrate") as pool,
            closing(self._batches(progress)) as batches,
        ):
            try:
                self._copy(batches, pool)
            except BaseException:
                self._copier.stop()
                pool.shutdown(cancel_futures=True)
                raise
        if not self.dry_run:
            self.records.note_run(self.report.as_dict())
        return self.report

    def _refuse_late_run(self) -> None:
        last, now_ms = self.last_run, self.target.items.now_ms()
        if last is None or self.accept_missing_records:
            return
        if last.started_ms < now_ms - KEPT_MS:
            raise ConfigurationError(
                f"the last run from {self.source.name} began more than {KEPT_DAYS} days ago, and "
                "its records may have expired: sessions that users have logged out of since would "
                "come back. Accept that with --accept-missing-records"
            )

    def _copy(self, batches: Generator[Batch, None, None], pool: ThreadPoolExecutor) -> None:
        # Write nothing until the first batch has shown that no records are missing.
        planned = self._copier.plan(next(batches, []))
        if not self.dry_run:
            self.records.note_run()
        pending: deque[Future[None]] = deque([pool.submit(self._copier.write, planned)])
        for batch in batches:
            pending.append(pool.submit(self._copier.copy, batch))
            while len(pending) > AHEAD * self.threads:
                pending.popleft().result()
        while pending:
            pending.popleft().result()

    def _batches(self, progress: Callable[[int], None]) -> Generator[Batch, None, None]:
        batch: Batch = []
        size = 0
        for entry in self.source.entries():
            progress(1)
            if isinstance(entry, NotASession):
                self.report.foreign += 1
                continue
            self.report.found += 1
            batch.append(entry)
            size += len(entry.payload) if isinstance(entry, SourceSession) else 0
            if len(batch) == BATCH_SESSIONS or size > BATCH_CHARACTERS:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

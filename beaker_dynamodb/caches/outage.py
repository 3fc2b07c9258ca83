"""Faults of the store that caches pass over: the option ``on_error``."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from beaker_dynamodb.dynamodb.event_counter import EventCounter
from beaker_dynamodb.exceptions import StoreUnavailable

if TYPE_CHECKING:
    from beaker_dynamodb.config.options import Options

log = logging.getLogger("beaker_dynamodb")

#: The clock of pauses and warnings, in seconds, by a name that tests replace.
monotonic = time.monotonic
#: After a call that DynamoDB did not answer, which took all its time-outs, it is not asked for so
#: long by those who can do without.
PAUSE_SECONDS = 5.0


class Outage:
    """Passes over `StoreUnavailable` where ``on_error`` is ``miss``, and lets all else through.

    Threads may share it. An application is to know: faults are counted, and logged once a minute.
    """

    def __init__(self, options: Options) -> None:
        self._miss = options.on_error == "miss"
        self._table = options.table_name
        self._tally = EventCounter(lambda: monotonic())
        #: When DynamoDB is asked again.
        self.until = float("-inf")

    @property
    def passed(self) -> int:
        """Faults that were passed over in this process, and calls that were left out after one."""
        return self._tally.total

    @property
    def lasts(self) -> bool:
        """Whether DynamoDB is not to be asked just now, since a moment ago it did not answer."""
        return monotonic() < self.until

    def skips(self) -> bool:
        """Whether the caller is to leave a call out; if so, this has counted it as a fault."""
        if not self.lasts:
            return False
        self._tally.add(warn=False)
        return True

    def passes(self, error: StoreUnavailable) -> bool:
        """Whether the caller is to do without an answer; if so, this has counted the fault."""
        if not self._miss:
            return False
        if error.aws_code is None:
            self.until = monotonic() + PAUSE_SECONDS
        if since := self._tally.add():
            log.warning(
                "table %r: a cache does without DynamoDB (option on_error): %s, %s; faults since "
                "the last such warning: %d",
                self._table,
                error.operation or "no client",
                error.aws_code or "no answer",
                since,
            )
        return True

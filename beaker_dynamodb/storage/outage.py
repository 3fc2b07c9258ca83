"""Faults of the store that caches pass over: the option ``on_error``."""

from __future__ import annotations

import logging
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING

from beaker_dynamodb.errors import StoreUnavailable
from beaker_dynamodb.storage.forks import after_fork

if TYPE_CHECKING:
    from beaker_dynamodb.options import Options

log = logging.getLogger("beaker_dynamodb")

#: The clock of the warnings, in seconds, by a name that tests replace.
monotonic = time.monotonic
#: At least so many seconds lie between two warnings of one store.
WARNING_SECONDS = 60.0


class Outage:
    """Passes over `StoreUnavailable` where ``on_error`` is ``miss``, and lets all else through.

    A context manager for what a cache can do without::

        with outage:
            return value_from_dynamodb()
        return default

    Threads may share it. An application is to know: faults are counted, and logged once a minute.
    """

    def __init__(self, options: Options) -> None:
        self._miss = options.on_error == "miss"
        self._table = options.table_name
        #: Faults that were passed over in this process.
        self.passed = 0
        self._told = 0
        self._quiet_until = float("-inf")

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        return isinstance(exc, StoreUnavailable) and self.passes(exc)

    def passes(self, error: StoreUnavailable) -> bool:
        """Whether the caller is to do without an answer; if so, this has counted the fault."""
        if not self._miss:
            return False
        with _lock:
            self.passed += 1
            now = monotonic()
            if now < self._quiet_until:
                return True
            self._quiet_until = now + WARNING_SECONDS
            since, self._told = self.passed - self._told, self.passed
        log.warning(
            "table %r: a cache does without DynamoDB (option on_error): %s, %s; faults since the "
            "last such warning: %d",
            self._table,
            error.operation,
            error.aws_code or "no answer",
            since,
        )
        return True


_lock = threading.Lock()


def _after_fork() -> None:
    # Another thread of the parent may have held it.
    global _lock
    _lock = threading.Lock()


after_fork(_after_fork)

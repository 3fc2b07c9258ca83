"""Tolerate DynamoDB errors in caches, for the option ``on_error = miss``."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from beaker_dynamodb.config.options import Options
from beaker_dynamodb.dynamodb.circuit_breaker import breaker_of
from beaker_dynamodb.dynamodb.event_counter import EventCounter
from beaker_dynamodb.exceptions import StoreUnavailable

log = logging.getLogger("beaker_dynamodb")


class Outage:
    """Tolerates `StoreUnavailable` if ``on_error`` is ``miss``. Thread-safe.

    Tolerated errors are counted, and logged at most once a minute.

    :param monotonic: the clock of the warnings, in seconds.
    """

    def __init__(self, options: Options, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._options = options
        self._errors = EventCounter(monotonic)

    @property
    def tolerated(self) -> int:
        """Number of tolerated errors, including calls that were not sent."""
        return self._errors.total

    @property
    def active(self) -> bool:
        """Whether calls fail at once, because DynamoDB is known not to answer."""
        return breaker_of(self._options).is_open

    def active_since(self, moment: float) -> bool:
        """Return whether calls failed at once at that moment or since then."""
        return breaker_of(self._options).was_open_since(moment)

    def tolerates(self, error: StoreUnavailable) -> bool:
        """Return whether the caller must ignore an error; if so, count and log it."""
        if self._options.on_error != "miss":
            return False
        if unreported := self._errors.add():
            log.warning(
                "table %r: a cache continues without DynamoDB (option on_error): %s, %s; errors "
                "since the last such warning: %d",
                self._options.table_name,
                error.operation or "no client",
                error.aws_code or "no answer",
                unreported,
            )
        return True

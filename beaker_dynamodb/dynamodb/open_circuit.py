"""An open circuit breaker: since when, why, and the probes that decide when it closes."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from typing import NoReturn

from beaker_dynamodb.config.options import Options
from beaker_dynamodb.exceptions import StoreUnavailable

log = logging.getLogger("beaker_dynamodb")

#: Seconds until the first probe, and the longest interval between unanswered probes.
FIRST_PROBE_SECONDS, MAX_PROBE_SECONDS = 1.0, 5.0
#: The interval after a probe that failed within `CHEAP_PROBE_SECONDS`, such as a refused one.
FAST_PROBE_SECONDS, CHEAP_PROBE_SECONDS = 0.75, 0.5


class OpenCircuit:
    """Probes DynamoDB in a thread until the circuit breaker closes.

    If no thread can be started, or the thread is late by more than `MAX_PROBE_SECONDS`, the
    application's calls are used as probes, one every `MAX_PROBE_SECONDS`. The thread is late if its
    probe waits for a long `read_timeout`, or where background threads rarely run: in uWSGI without
    ``enable-threads``, and in AWS Lambda between invocations.

    :param probe: reads an item with one attempt; closes the circuit breaker if it is answered.
    :param monotonic: the clock, in seconds.
    """

    def __init__(
        self,
        reason: str,
        probe: Callable[[], object],
        monotonic: Callable[[], float],
        wait: Callable[[threading.Event, float], object],
    ) -> None:
        self.reason = reason
        self.began = monotonic()
        self.since = datetime.now(timezone.utc)
        self.closed = threading.Event()
        self.refusals = 0
        self._probe = probe
        self._monotonic = monotonic
        self._wait = wait
        self._prober: int | None = None  # id of the probe thread
        #: When the next call is used as a probe. The thread postpones this before its own.
        self._next_call = self.began + FIRST_PROBE_SECONDS + MAX_PROBE_SECONDS
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start the probe thread."""
        try:
            threading.Thread(target=self._run, name="beaker-dynamodb-probe", daemon=True).start()
        except RuntimeError:  # no thread can be started
            self._next_call = self.began + FIRST_PROBE_SECONDS

    def is_probe(self) -> bool:
        """Return whether this thread's call may be sent, as a probe."""
        if self._prober == threading.get_ident():
            return True
        now = self._monotonic()
        with self._lock:
            if now < self._next_call:
                return False
            self._next_call = now + MAX_PROBE_SECONDS
            return True

    def refuse(self, operation: str, options: Options) -> NoReturn:
        """Raise StoreUnavailable for a call that is not sent."""
        self.refusals += 1
        seconds = self._monotonic() - self.began
        raise StoreUnavailable(
            f"{operation} on table {options.table_name!r}: not sent, because DynamoDB has not "
            f"answered since {self.since:%H:%M:%S} UTC ({seconds:.1f} s ago): {self.reason}",
            operation=operation,
            table=options.table_name,
        )

    def _run(self) -> None:
        self._prober = threading.get_ident()
        interval = FIRST_PROBE_SECONDS
        while True:
            self._next_call = self._monotonic() + interval + MAX_PROBE_SECONDS
            # Jitter, so that the processes of a fleet do not probe at the same time.
            self._wait(self.closed, random.uniform(0.8, 1.0) * interval)
            if self.closed.is_set():
                return
            began = self._monotonic()
            try:
                self._probe()
            except Exception:
                log.debug("a probe failed", exc_info=True)
            if self._monotonic() - began <= CHEAP_PROBE_SECONDS:
                interval = FAST_PROBE_SECONDS
            else:
                interval = min(2 * interval, MAX_PROBE_SECONDS)

"""Fail fast while DynamoDB does not answer, so that a web server's threads stay free.

Each process has one circuit breaker per endpoint, shared by sessions, caches and locks:

- **closed**: calls are sent. The breaker opens after unanswered attempts (see `_must_open`), or if
  a call begins while several others are overdue.
- **open**: calls raise `StoreUnavailable` at once. A thread regularly reads an item (a probe). The
  first answer, to a probe or to a call still in progress, closes the breaker.

A status below 500 is an answer, so throttling and missing permissions never open the breaker.
A successful call takes no lock, unless it closes the breaker.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from beaker_dynamodb.config.options import Options
from beaker_dynamodb.dynamodb.forks import PerProcess
from beaker_dynamodb.dynamodb.open_circuit import OpenCircuit
from beaker_dynamodb.dynamodb.unanswered import explain

log = logging.getLogger("beaker_dynamodb")

#: Number of overdue calls that opens the breaker.
MAX_OVERDUE = 3
#: Consecutive failures that open the breaker, and how many are enough over a `read_timeout`.
CONSECUTIVE_FAILURES, SLOW_FAILURES = 20, 3
#: Failure rate that opens the breaker, once `RATE_SECONDS` contain `RATE_ATTEMPTS` attempts.
FAILURE_RATE, RATE_ATTEMPTS, RATE_SECONDS = 0.9, 50, 10.0
#: Failures within this share of `read_timeout` are a burst, which does not open the breaker: if all
#: pooled connections break at once, the retries succeed.
BURST_SHARE = 0.25

#: A call in progress: its start on the monotonic clock, its options, and the function that probes
#: the endpoint. A plain tuple for speed, because each call creates one.
_Call = tuple[float, Options, Callable[[], object]]


def _wait(event: threading.Event, seconds: float) -> None:
    # Not threading.Event.wait: gevent may replace threading.Event after the import.
    event.wait(seconds)


class CircuitBreaker:
    """Counts answers and failures of one endpoint, and refuses calls while it does not answer.

    :param monotonic: the clock, in seconds.
    """

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        wait: Callable[[threading.Event, float], object] = _wait,
    ) -> None:
        self._monotonic = monotonic
        self._wait = wait
        self._lock = threading.Lock()
        #: Calls in progress, by thread id. Setting or deleting a key is atomic: no lock is needed.
        self._waiting: dict[int, _Call] = {}
        self._last_answer = float("-inf")
        self._failures = 0  # consecutive
        self._first_failure = 0.0  # when the first failing call began
        self._latest_failure = 0.0  # when the latest attempt failed
        self._window_began = float("-inf")
        self._window_failures = self._window_answers = 0
        self._open_circuit: OpenCircuit | None = None
        self._last_closed = float("-inf")

    @property
    def is_open(self) -> bool:
        """Whether calls are refused because DynamoDB does not answer."""
        return self._open_circuit is not None

    def was_open_since(self, moment: float) -> bool:
        """Return whether it has been open at any time since a moment of the monotonic clock."""
        return self._open_circuit is not None or moment < self._last_closed

    def begin(self, operation: str, options: Options, probe: Callable[[], object]) -> None:
        """Register a call of this thread, or refuse it.

        :param probe: reads an item; used while the breaker is open.
        :raises StoreUnavailable: DynamoDB is known not to answer.
        """
        now = self._monotonic()
        circuit = self._open_circuit
        if circuit is not None:
            if not circuit.is_probe():
                circuit.refuse(operation, options)
        elif len(self._waiting) >= MAX_OVERDUE and self._overdue(now) >= MAX_OVERDUE:
            with self._lock:
                circuit = self._open_circuit or self._open(
                    "several calls are still waiting for an answer", probe
                )
            circuit.refuse(operation, options)
        self._waiting[threading.get_ident()] = now, options, probe

    def end(self) -> None:
        """Unregister this thread's call, successful or not."""
        self._waiting.pop(threading.get_ident(), None)

    def answered(self) -> None:
        """Record an answer, which closes the breaker."""
        now = self._last_answer = self._monotonic()
        self._failures = 0
        self._window_answers += 1
        if self._open_circuit is not None:
            self._close(now)

    def may_retry(self, error: Exception) -> bool:
        """Record an unanswered attempt of this thread's call; open the breaker if necessary.

        :returns: whether another attempt makes sense.
        """
        call = self._waiting.get(threading.get_ident())
        if call is None:
            return True  # a call by the application itself, with the client that it passed in
        began, options, probe = call
        now = self._monotonic()
        with self._lock:
            # A call that begins long after the last failure starts a new count.
            if not self._failures or began - self._latest_failure >= RATE_SECONDS:
                self._failures = 0
                self._first_failure = began
            self._failures += 1
            self._latest_failure = now
            if now - self._window_began >= RATE_SECONDS:
                self._window_began = now
                self._window_failures = self._window_answers = 0
            self._window_failures += 1
            if self._open_circuit is None and self._must_open(now, options):
                self._open(explain(error), probe)
        return self._open_circuit is None and now < began + options.total_timeout

    def _must_open(self, now: float, options: Options) -> bool:
        attempts = self._window_failures + self._window_answers
        seconds, burst = now - self._first_failure, BURST_SHARE * options.read_timeout
        return (
            (self._failures >= CONSECUTIVE_FAILURES and seconds >= burst)
            or (self._failures >= SLOW_FAILURES and seconds >= options.read_timeout)
            or (
                attempts >= RATE_ATTEMPTS
                and self._window_failures >= FAILURE_RATE * attempts
                and now - self._window_began >= burst
            )
            or self._overdue(now) >= MAX_OVERDUE
        )

    def _overdue(self, now: float) -> int:
        """Count calls that have waited over half of `read_timeout` with no call answered since."""
        last = self._last_answer
        return sum(
            began > last and now - began > options.read_timeout / 2
            for began, options, _ in [*self._waiting.values()]
        )

    def _open(self, reason: str, probe: Callable[[], object]) -> OpenCircuit:
        circuit = self._open_circuit = OpenCircuit(reason, probe, self._monotonic, self._wait)
        log.warning("calls to DynamoDB fail at once until it answers: %s", reason)
        circuit.start()
        return circuit

    def _close(self, now: float) -> None:
        with self._lock:
            closed, self._open_circuit = self._open_circuit, None
            self._last_closed = now
        if closed is not None:
            closed.closed.set()
            log.warning(
                "DynamoDB answers again, after %.1f s; calls that were not sent: %d",
                now - closed.began,
                closed.refusals,
            )


_breakers: PerProcess[dict[Any, CircuitBreaker]] = PerProcess(dict)


def breaker_of(options: Options) -> CircuitBreaker:
    """Return this process's circuit breaker for the endpoint of a configuration."""
    if options.client is None:
        key: Any = options.endpoint_url, options.region_name
    else:  # a client ignores those options
        key = id(options.client)
    breakers = _breakers()
    return breakers.get(key) or breakers.setdefault(key, CircuitBreaker())

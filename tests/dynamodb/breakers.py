"""Circuit breakers for tests, with a test clock and without automatic probes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from beaker_dynamodb.config.options import Options
from beaker_dynamodb.dynamodb import circuit_breaker
from beaker_dynamodb.dynamodb.circuit_breaker import CircuitBreaker, breaker_of
from beaker_dynamodb.exceptions import StoreUnavailable

OPTIONS = Options(table_name="any", read_timeout=2.0, total_timeout=5.0)


def never_probe(closed: threading.Event, seconds: float) -> None:
    """Wait until the circuit breaker closes instead of probing."""
    closed.wait()


def without_probes(options: Options, monotonic: Callable[[], float]) -> CircuitBreaker:
    """Replace an endpoint's circuit breaker with one that only `answered` closes."""
    current = breaker_of(options)
    breakers = circuit_breaker._breakers()
    (key,) = (key for key, breaker in breakers.items() if breaker is current)
    breakers[key] = CircuitBreaker(monotonic, never_probe)
    return breakers[key]


def open_breaker(breaker: CircuitBreaker, probe: Callable[[], object] = int) -> None:
    if not breaker.is_open:
        breaker._open("DynamoDB did not answer", probe)


def reset_breakers() -> None:
    """Close all circuit breakers of this process and forget their counts."""
    breakers = circuit_breaker._breakers()
    for breaker in breakers.values():
        breaker.answered()
    breakers.clear()


def call(
    breaker: CircuitBreaker, probe: Callable[[], object] = int, options: Options = OPTIONS
) -> None:
    breaker.begin("GetItem", options, probe)


def is_refused(breaker: CircuitBreaker) -> bool:
    try:
        call(breaker)
    except StoreUnavailable:
        return True
    breaker.end()
    return False


@contextmanager
def waiting(breaker: CircuitBreaker, count: int) -> Iterator[None]:
    """Begin calls in threads that wait for responses until the context ends."""
    begun, finish = threading.Barrier(count + 1), threading.Event()

    def wait(_: int) -> None:
        call(breaker)
        begun.wait()
        finish.wait()
        breaker.end()

    with ThreadPoolExecutor(count) as threads:
        threads.map(wait, range(count))
        begun.wait()
        try:
            yield
        finally:
            finish.set()

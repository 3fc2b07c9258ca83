"""Circuit breakers whose clock the tests advance, and which never probe."""

from __future__ import annotations

from collections.abc import Callable

from beaker_dynamodb.config.parse import Options
from beaker_dynamodb.dynamodb import circuit_breaker
from beaker_dynamodb.dynamodb.circuit_breaker import CircuitBreaker, breaker_of


def without_probes(options: Options, monotonic: Callable[[], float]) -> CircuitBreaker:
    """Replace the circuit breaker of an endpoint by one that only `answered` closes."""
    current = breaker_of(options)
    breakers = circuit_breaker._breakers()
    (key,) = (key for key, breaker in breakers.items() if breaker is current)
    breakers[key] = CircuitBreaker(monotonic, lambda closed, seconds: closed.wait())
    return breakers[key]


def open_breaker(breaker: CircuitBreaker) -> None:
    """Open a breaker that never probes."""
    if not breaker.is_open:
        breaker._open("DynamoDB did not answer", int)


def reset_breakers() -> None:
    """Close all circuit breakers of this process and forget what they have counted."""
    breakers = circuit_breaker._breakers()
    for breaker in breakers.values():
        breaker.answered()
    breakers.clear()

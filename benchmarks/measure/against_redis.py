"""Processor time of a request on DynamoDB, divided by that of one on Redis.

The two alternate in short rounds, so that a slow moment of the machine affects both. Measured
twice: directly, and with both stores behind the same delay, as over a network. Directly, Redis has
an advantage: a process is slower after a longer wait, and Redis answers in 30 µs, but the canned
server, which is written in Python, in 130 µs.
"""

from __future__ import annotations

from typing import Any

from benchmarks.candidates import OURS, REDIS
from benchmarks.fleet import Fleet, ratio, spread
from benchmarks.plan import MIDDLE_KB, Plan
from benchmarks.servers import stores
from benchmarks.store import Store


def measure(plan: Plan, fleet: Fleet, canned: list[Store]) -> list[dict[str, Any]]:
    """Return a row for each delay; none without Redis.

    :param canned: a server for each delay of the plan.
    """
    redis = fleet.others.get(REDIS)
    if redis is None or REDIS not in fleet.processes:
        return []
    rows = [_compared(plan, fleet, canned[0], redis, 0)]
    if (delay_ms := max(plan.delays_ms)) > 0:
        with stores.relayed(redis, delay_ms) as relayed:
            rows.append(_compared(plan, fleet, canned[-1], relayed, delay_ms))
    return rows


def _compared(
    plan: Plan, fleet: Fleet, dynamodb: Store, redis: Store, delay_ms: int
) -> dict[str, Any]:
    measured: dict[str, list[float]] = {OURS: [], REDIS: []}
    sites = {OURS: dynamodb, REDIS: redis}
    for name, store in sites.items():
        fleet.processes[name].ask("warm_up", store=store, clients=1, size_kb=MIDDLE_KB)
    for number in range(plan.redis_rounds):
        for name in list(sites)[:: 1 if number % 2 else -1]:
            process, store, requests = fleet.processes[name], sites[name], plan.redis_requests
            process.ask("wake", store=store, size_kb=MIDDLE_KB)
            load = {"clients": 1, "size_kb": MIDDLE_KB, "requests": requests}
            answer = process.ask("run", store=store, **load)
            measured[name].append(answer["processor_seconds"] / requests * 1e6)
    return {
        "delay_ms": delay_ms,
        "ours_us": spread(measured[OURS]),
        "redis_us": spread(measured[REDIS]),
        "ratio": ratio(measured[OURS], measured[REDIS]),
    }

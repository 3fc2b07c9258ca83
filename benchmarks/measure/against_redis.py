"""Processor time of a request on DynamoDB, divided by that of one on Redis, at the same distance.

A process that sleeps longer for its answer is slower for a while after it wakes up. So a Redis on
this machine, which answers in 30 µs, cannot be compared with a server of canned answers in Python,
which takes 130 µs. Here both answer after the same delay, as they do over a network.
"""

from __future__ import annotations

from typing import Any

from benchmarks.candidates import OURS
from benchmarks.fleet import Fleet, ratio, spread
from benchmarks.plan import MIDDLE_KB, Plan
from benchmarks.servers import stores
from benchmarks.store import Store

REDIS = "redis"
LOAD = {"clients": 1, "size_kb": MIDDLE_KB}


def measure(plan: Plan, fleet: Fleet, canned: Store) -> list[dict[str, Any]]:
    """Alternate between the two; return no row without Redis.

    :param canned: the server with the longest delay.
    """
    redis = fleet.others.get(REDIS)
    if redis is None or REDIS not in fleet.processes:
        return []
    measured: dict[str, list[float]] = {OURS: [], REDIS: []}
    with stores.relayed(redis, max(plan.delays_ms)) as relayed:
        sites = {OURS: canned, REDIS: relayed}
        for name, store in sites.items():
            fleet.processes[name].ask("warm_up", store=store, **LOAD)
        for number in range(plan.redis_rounds):
            for name in list(sites)[:: 1 if number % 2 else -1]:
                process = fleet.processes[name]
                answer = process.ask("run", store=sites[name], requests=plan.requests, **LOAD)
                measured[name].append(answer["processor_seconds"] / plan.requests * 1e6)
    return [
        {
            "delay_ms": max(plan.delays_ms),
            "ours_us": spread(measured[OURS]),
            "redis_us": spread(measured[REDIS]),
            "ratio": ratio(measured[OURS], measured[REDIS]),
        }
    ]

"""Throughput of many threads divided by that of one, for this package and for bare calls.

One interpreter runs one thread at a time. If a request takes c ms of processor time and waits d ms,
many threads reach at most (d + c) / c times the throughput of one. This ceiling is lower for code
that computes more. The distance to the ceiling is the cost of locks.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from benchmarks.candidates import OURS
from benchmarks.fleet import Fleet, ratio, spread
from benchmarks.plan import MIDDLE_KB, Plan
from benchmarks.store import Store
from benchmarks.workload import CHANGE_EVERY

BARE = "boto3"
#: Sequential calls per request.
CALLS = 1 + 1 / CHANGE_EVERY


def measure(plan: Plan, fleet: Fleet, canned: list[Store]) -> list[dict[str, Any]]:
    """Alternate between one thread and many, and between the package and bare calls."""
    many = max(plan.clients)
    delayed = dict(zip(plan.delays_ms, canned, strict=True))
    rows = []
    for delay_ms in sorted({min(delayed), max(delayed)}):
        store = delayed[delay_ms]
        gains, ceilings = defaultdict(list), defaultdict(list)
        for _ in range(plan.scaling_rounds):
            for name in (OURS, BARE):
                one, processor_ms = _rate(fleet, name, store, 1)
                all_of_them, _ = _rate(fleet, name, store, many)
                gains[name].append(all_of_them / one)
                ceilings[name].append((CALLS * delay_ms + processor_ms) / processor_ms)
        reached = {
            name: [a / b for a, b in zip(gains[name], ceilings[name], strict=True)]
            for name in (OURS, BARE)
        }
        rows.append(
            {
                "store": store.name,
                "clients": many,
                "ours": spread(gains[OURS]),
                "ours_ceiling": spread(ceilings[OURS]),
                "bare": spread(gains[BARE]),
                "bare_ceiling": spread(ceilings[BARE]),
                "plain_ratio": ratio(gains[OURS], gains[BARE]),
                "ratio": ratio(reached[OURS], reached[BARE]),
            }
        )
    return rows


def _rate(fleet: Fleet, name: str, store: Store, clients: int) -> tuple[float, float]:
    """Return the requests per second, and the milliseconds of processor time per request."""
    load = {"clients": clients, "size_kb": MIDDLE_KB}
    process = fleet.processes[name]
    process.ask("warm_up", store=store, **load)
    answer = process.ask("run", store=store, requests=100 if clients == 1 else 10, **load)
    requests = len(answer["latencies_ms"])
    return requests / answer["wall_seconds"], answer["processor_seconds"] / requests * 1000

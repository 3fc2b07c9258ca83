"""Throughput of many threads to that of one, ours beside the bare calls."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from benchmarks.candidates import OURS
from benchmarks.fleet import Fleet, spread
from benchmarks.plan import MIDDLE_KB, Plan
from benchmarks.store import Store

BARE = "boto3"


def measure(plan: Plan, fleet: Fleet, canned: list[Store]) -> list[dict[str, Any]]:
    """Alternate: one thread and many, ours and bare; so that a busy moment hits all of them."""
    many = max(plan.clients)
    rows = []
    for store in (canned[0], canned[-1]) if len(canned) > 1 else canned:
        gains = defaultdict(list)
        for _ in range(plan.scaling_rounds):
            for name in (OURS, BARE):
                one, all_of_them = (_rate(fleet, name, store, clients) for clients in (1, many))
                gains[name].append(all_of_them / one)
        rows.append(
            {
                "store": store.name,
                "clients": many,
                "ours": spread(gains[OURS]),
                "bare": spread(gains[BARE]),
                "ratio": spread(a / b for a, b in zip(gains[OURS], gains[BARE], strict=True)),
            }
        )
    return rows


def _rate(fleet: Fleet, name: str, store: Store, clients: int) -> float:
    load = {"clients": clients, "size_kb": MIDDLE_KB}
    process = fleet.processes[name]
    process.ask("warm_up", store=store, **load)
    answer = process.ask("run", store=store, requests=100 if clients == 1 else 10, **load)
    return float(len(answer["latencies_ms"]) / answer["wall_seconds"])

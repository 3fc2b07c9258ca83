"""Reads, writes, capacity units and bytes per request, counted on DynamoDB Local."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from benchmarks.fleet import Failed, Fleet
from benchmarks.plan import Plan
from benchmarks.servers.meter import Meter
from benchmarks.store import Store

#: Number of requests counted, all from one client: ninety reads and ten changes.
REQUESTS = 100
COUNTED = ("reads", "writes", "read_units", "write_units", "bytes_sent", "bytes_received")


def measure(plan: Plan, fleet: Fleet, local: Store) -> list[dict[str, Any]]:
    """Count the DynamoDB calls of each candidate that uses it."""
    rows = []
    with Meter(local.url) as meter:
        metered = replace(local, url=meter.url)
        for process, store in fleet.each(metered, others=False):
            try:
                for size_kb in plan.sizes_kb:
                    process.ask("warm_up", store=store, clients=1, size_kb=size_kb)
                    meter.reset()
                    process.ask("run", store=store, clients=1, size_kb=size_kb, requests=REQUESTS)
                    counts = {name: meter.counts[name] / REQUESTS for name in COUNTED}
                    rows.append({"candidate": process.candidate.name, "size_kb": size_kb, **counts})
            except Failed as error:
                fleet.leave_out(process, error)
    return rows

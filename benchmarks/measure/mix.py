"""Processor time, latency and throughput of the mix, in interleaved rounds."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.candidates import OURS, Candidate
from benchmarks.fleet import Failed, Fleet, ratio, rotated, spread
from benchmarks.plan import LARGE_KB, MIDDLE_KB, Plan
from benchmarks.store import Store
from benchmarks.workload import CHANGE_EVERY


@dataclass(frozen=True)
class Scenario:
    """One load on one store.

    :param requests: number of requests per client and round.
    :param others: whether candidates that do not use DynamoDB take part.
    :param peers: whether other packages take part.
    """

    store: Store
    clients: int
    size_kb: int
    requests: int
    rounds: int
    others: bool
    peers: bool

    def takes(self, candidate: Candidate) -> bool:
        """Return whether a candidate takes part."""
        if candidate.slow and self.clients > 1 and self.size_kb != MIDDLE_KB:
            return False
        return self.peers or candidate.role != "peer"

    def requests_of(self, candidate: Candidate) -> int:
        """Return the requests per client: whole cycles, fewer for a slow candidate."""
        return max(CHANGE_EVERY, self.requests // 10) if candidate.slow else self.requests


@dataclass
class Rounds:
    """The measurements of one candidate in one scenario, one value per round."""

    processor_us: list[float] = field(default_factory=list)
    requests_per_second: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)

    def add(self, answer: dict[str, Any]) -> None:
        """Add a round."""
        latencies = answer["latencies_ms"]
        self.processor_us.append(answer["processor_seconds"] / len(latencies) * 1e6)
        self.requests_per_second.append(len(latencies) / answer["wall_seconds"])
        self.p50_ms.append(statistics.median(latencies))
        self.latencies_ms += latencies


def loads(plan: Plan, *, sizes: bool) -> list[tuple[int, int]]:
    """Return the loads on one store: numbers of clients and session sizes.

    :param sizes: in addition to the middle size, measure all sizes with one client, and the large
        size with the most clients.
    """
    most = max(plan.clients)
    return [
        (clients, size_kb)
        for size_kb in plan.sizes_kb
        for clients in plan.clients
        if size_kb == MIDDLE_KB
        or (sizes and (clients == 1 or (clients == most and size_kb == LARGE_KB)))
    ]


def scenarios(plan: Plan, local: Store, canned: list[Store]) -> list[Scenario]:
    """Return all loads on all stores."""
    # Each store, its rounds, and whether to vary the size. With a delay, measure only the middle
    # size; with several clients, other packages take part only at the longest delay.
    work = [(local, plan.local_rounds, True), (canned[0], plan.canned_rounds, True)]
    work += [(store, plan.delayed_rounds, False) for store in canned[1:]]
    return [
        Scenario(
            store,
            clients,
            size_kb,
            requests=requests_each(plan, clients),
            rounds=rounds,
            others=sizes,
            peers=clients == 1 or sizes or store is canned[-1],
        )
        for store, rounds, sizes in work
        for clients, size_kb in loads(plan, sizes=sizes)
    ]


def requests_each(plan: Plan, clients: int) -> int:
    """Return the requests per client in a round: whole cycles of the mix."""
    if clients == 1:
        return plan.requests
    return max(CHANGE_EVERY, 2 * plan.requests // clients // CHANGE_EVERY * CHANGE_EVERY)


def measure(
    plan: Plan, fleet: Fleet, local: Store, canned: list[Store], report: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Run every load on every candidate, in rounds."""
    rows = []
    for scenario in scenarios(plan, local, canned):
        report(f"{scenario.store.name}: {scenario.size_kb} KB, {scenario.clients} clients")
        rows += _interleave(fleet, scenario)
    return rows


def _interleave(fleet: Fleet, scenario: Scenario) -> list[dict[str, Any]]:
    measured: dict[str, Rounds] = defaultdict(Rounds)
    load = {"clients": scenario.clients, "size_kb": scenario.size_kb}
    for number in range(scenario.rounds):
        order = [
            (process, store)
            for process, store in fleet.each(scenario.store, others=scenario.others)
            if scenario.takes(process.candidate)
        ]
        for process, store in rotated(order, number):
            candidate = process.candidate
            try:
                if not number:
                    process.ask("warm_up", store=store, **load)
                process.ask("wake", store=store, size_kb=scenario.size_kb)
                requests = scenario.requests_of(candidate)
                answer = process.ask("run", store=store, requests=requests, **load)
            except Failed as error:
                fleet.leave_out(process, error)
                measured.pop(candidate.name, None)
            else:
                measured[candidate.name].add(answer)
    return [
        {
            "candidate": name,
            "store": scenario.store.name,
            **load,
            **_figures(rounds, measured[OURS]),
        }
        for name, rounds in measured.items()
    ]


def _figures(rounds: Rounds, ours: Rounds) -> dict[str, Any]:
    return {
        "processor_us": spread(rounds.processor_us),
        "processor_us_rounds": rounds.processor_us,
        "processor_ratio": ratio(rounds.processor_us, ours.processor_us),
        "p50_ms": spread(rounds.p50_ms),
        "p50_ratio": ratio(rounds.p50_ms, ours.p50_ms),
        "p99_ms": statistics.quantiles(rounds.latencies_ms, n=100, method="inclusive")[98],
        "requests_per_second": spread(rounds.requests_per_second),
        "throughput_ratio": ratio(rounds.requests_per_second, ours.requests_per_second),
    }

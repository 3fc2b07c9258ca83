"""Processor time, latency and throughput of the mix, in interleaved rounds."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.candidates import OURS
from benchmarks.fleet import Failed, Fleet, spread
from benchmarks.plan import MIDDLE_KB, Plan
from benchmarks.store import Store

#: Rounds of a slow candidate, at most.
SLOW_ROUNDS = 1


@dataclass(frozen=True)
class Scenario:
    """One load on one store."""

    store: Store
    clients: int
    size_kb: int

    @property
    def requests(self) -> int:
        """Requests of each client in a round: whole cycles of the mix."""
        return 20 if self.clients == 1 else 10

    @property
    def is_common(self) -> bool:
        """Whether it is among those that are also run where the matrix is not."""
        return self.clients == 1 or self.size_kb == MIDDLE_KB

    @property
    def rounds(self) -> int:
        """Rounds for each one that the plan has: one client's are short, and there are more."""
        return 4 if self.clients == 1 else 1


@dataclass
class Rounds:
    """What was measured of one candidate in one scenario, a value for each round."""

    processor_us: list[float] = field(default_factory=list)
    requests_per_second: list[float] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)

    def add(self, answer: dict[str, Any]) -> None:
        """Add a round."""
        requests = len(answer["latencies_ms"])
        self.processor_us.append(answer["processor_seconds"] / requests * 1e6)
        self.requests_per_second.append(requests / answer["wall_seconds"])
        self.latencies_ms += answer["latencies_ms"]


def scenarios(plan: Plan, store: Store, *, matrix: bool) -> list[Scenario]:
    """Give the loads on one store."""
    middle = min((size for size in plan.sizes_kb if size >= MIDDLE_KB), default=MIDDLE_KB)
    return [
        Scenario(store, clients, size_kb)
        for size_kb in plan.sizes_kb
        for clients in plan.clients
        if matrix or clients == 1 or size_kb == middle
    ]


def measure(
    plan: Plan, fleet: Fleet, local: Store, canned: list[Store], tell: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Run every load on every candidate, round after round."""
    work = [(plan.local_rounds, scenarios(plan, local, matrix=plan.local_matrix), True)]
    for store in canned:
        chosen = scenarios(plan, store, matrix=False)
        if store is not canned[0]:  # with a delay: only what waiting changes
            chosen = [scenario for scenario in chosen if scenario.size_kb == MIDDLE_KB]
        work.append((plan.canned_rounds, chosen, False))
    rows = []
    for rounds, chosen, others in work:
        for scenario in chosen:
            tell(f"{scenario.store.name}: {scenario.size_kb} KB, {scenario.clients} clients")
            rows += _interleave(fleet, scenario, rounds, others)
    return rows


def _interleave(
    fleet: Fleet, scenario: Scenario, rounds: int, others: bool
) -> list[dict[str, Any]]:
    measured: dict[str, Rounds] = defaultdict(Rounds)
    load = {"clients": scenario.clients, "size_kb": scenario.size_kb}
    for number in range(rounds * scenario.rounds):
        turn = list(fleet.each(scenario.store, others=others))
        # Each round begins with another one: nobody always follows the same neighbour.
        start = number % len(turn)
        for process, store in turn[start:] + turn[:start]:
            candidate = process.candidate
            if candidate.slow and (number >= SLOW_ROUNDS or not scenario.is_common):
                continue
            try:
                if not number:
                    process.ask("warm_up", store=store, **load)
                process.ask("wake", store=store, size_kb=scenario.size_kb)
                answer = process.ask("run", store=store, requests=scenario.requests, **load)
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
            **_figures(of_one, measured[OURS]),
        }
        for name, of_one in measured.items()
    ]


def _figures(of_one: Rounds, ours: Rounds) -> dict[str, Any]:
    centiles = statistics.quantiles(of_one.latencies_ms, n=100, method="inclusive")
    return {
        "processor_us": spread(of_one.processor_us),
        "requests_per_second": spread(of_one.requests_per_second),
        "p50_ms": centiles[49],
        "p99_ms": centiles[98],
        # Round by round, so that what slows the whole machine slows both sides of a ratio.
        "processor_ratio": _ratio(of_one.processor_us, ours.processor_us),
        "throughput_ratio": _ratio(of_one.requests_per_second, ours.requests_per_second),
    }


def _ratio(theirs: list[float], ours: list[float]) -> dict[str, float]:
    return spread(a / b for a, b in zip(theirs, ours, strict=False))

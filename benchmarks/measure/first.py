"""The first request of a new process, and its memory."""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from dataclasses import asdict
from typing import Any

from benchmarks.candidates import OURS
from benchmarks.fleet import Failed, Fleet, environment, figures, python, ratio, spread
from benchmarks.plan import MIDDLE_KB, Plan
from benchmarks.servers.stores import ROOT
from benchmarks.store import Store


def measure(plan: Plan, fleet: Fleet, canned: Store) -> list[dict[str, Any]]:
    """Start each candidate once per round, on a store that answers immediately."""
    inputs: dict[str, str] = {}
    measured: dict[str, list[dict[str, float]]] = defaultdict(list)
    for number in range(plan.cold_rounds):
        for process, store in fleet.each(canned, first=True):
            name = process.candidate.name
            if process.candidate.kind == "none":
                continue
            if not number:
                try:
                    cookies = process.ask("cookies", store=store, size_kb=MIDDLE_KB)
                except Failed as error:
                    fleet.leave_out(process, error)
                    continue
                inputs[name] = json.dumps({"store": asdict(store), "cookies": cookies})
            done = subprocess.run(
                python("cold", name),
                cwd=ROOT,
                env=environment(),
                input=inputs[name] + "\n",
                capture_output=True,
                text=True,
            )
            if done.returncode:
                fleet.leave_out(process, Failed(done.stderr.strip().splitlines()[-1]))
                measured.pop(name, None)
            else:
                measured[name].append(json.loads(done.stdout.splitlines()[-1]))
    ours = measured[OURS]
    rows = []
    for name, rounds in measured.items():
        # This package's time divided by the candidate's, as in the goal.
        ratios = {
            f"ours_{clock}_ratio": ratio(
                figures(ours, f"{clock}_ms"), figures(rounds, f"{clock}_ms")
            )
            for clock in ("wall", "processor")
        }
        spreads = {figure: spread(figures(rounds, figure)) for figure in rounds[0]}
        rows.append({"candidate": name, **spreads, **ratios})
    return rows

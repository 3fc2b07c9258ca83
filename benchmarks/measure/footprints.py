"""Memory and descriptors that the calls of many threads take, in new processes (footprint.py)."""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.fleet import environment, python, spread
from benchmarks.footprint import CALLERS
from benchmarks.goals import FIGURES
from benchmarks.servers.stores import ROOT, canned_tls


def measure(rounds: int) -> list[dict[str, Any]]:
    """Start each caller once per round, over TLS; return no rows without Linux's /proc."""
    if not Path("/proc/self/statm").exists():
        return []
    measured: dict[str, list[dict[str, float]]] = defaultdict(list)
    for _ in range(rounds):
        for name in CALLERS:
            with canned_tls() as tls:
                done = subprocess.run(
                    python("footprint", name),
                    cwd=ROOT,
                    env=environment() | {"AWS_CA_BUNDLE": tls.ca_bundle},
                    input=json.dumps(asdict(tls)) + "\n",
                    stdout=subprocess.PIPE,
                    text=True,
                    check=True,
                )
            measured[name].append(json.loads(done.stdout))
    return [
        {"caller": name, **{figure: spread(one[figure] for one in answers) for figure in FIGURES}}
        for name, answers in measured.items()
    ]

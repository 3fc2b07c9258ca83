"""The parts of one request, measured in another process (parts.py)."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from benchmarks.fleet import environment, python
from benchmarks.servers.stores import ROOT
from benchmarks.store import Store


def measure(rounds: int, canned: Store) -> dict[str, Any]:
    """Return ``parts``, ``derived`` and ``special_keys``, see parts.py."""
    done = subprocess.run(
        python("parts", canned.url, str(rounds)),
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer

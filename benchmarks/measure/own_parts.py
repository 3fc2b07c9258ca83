"""The parts of one request, measured in another process (parts.py)."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict
from typing import Any

from benchmarks.fleet import environment, python
from benchmarks.servers.stores import ROOT, canned_tls
from benchmarks.store import Store


def measure(rounds: int, plain: Store) -> dict[str, Any]:
    """Return ``parts``, ``derived`` and ``special_keys``, see parts.py."""
    with canned_tls() as tls:
        done = subprocess.run(
            python("parts", str(rounds)),
            cwd=ROOT,
            env=environment() | {"AWS_CA_BUNDLE": tls.ca_bundle},
            input=json.dumps([asdict(plain), asdict(tls)]) + "\n",
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer

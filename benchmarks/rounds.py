"""Measures the processor time of several parts in interleaved rounds."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from benchmarks.driver import InProcess
from benchmarks.load import Client
from benchmarks.plan import MIDDLE_KB

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

#: Calls of a part in one round.
CALLS = 50

Name = TypeVar("Name")
Part = Callable[[], object]


def measure(parts: dict[Name, Part], rounds: int) -> dict[Name, list[float]]:
    """Return the microseconds of processor time of each part, one value per round."""
    measured: dict[Name, list[float]] = {name: [] for name in parts}
    for part in parts.values():
        part()
    for _ in range(rounds):
        for name, part in parts.items():
            # The previous part has filled the processor's caches.
            for _ in range(3):
                part()
            started = time.process_time()
            for _ in range(CALLS):
                part()
            measured[name].append((time.process_time() - started) / CALLS * 1e6)
    return measured


def requests(name: str, app: WSGIApplication) -> dict[str, Part]:
    """Return a read and a change in an application as parts."""
    target, client = InProcess(app), Client()
    client.open(target, f"/begin/{MIDDLE_KB}")
    return {
        f"{name}: read": lambda: client.open(target, "/read"),
        f"{name}: change": lambda: client.open(target, "/change"),
    }

"""Load on one application: concurrent clients that check their responses."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from benchmarks.driver import Cookies, Target
from benchmarks.workload import CHANGE_EVERY, mix


@dataclass
class Client:
    """A browser with a session that counts how often it changed it."""

    cookies: Cookies = field(default_factory=dict)
    visits: int = 0

    def open(self, target: Target, path: str) -> float:
        """Send a request, and return its latency in milliseconds.

        :raises RuntimeError: the response does not match the session.
        """
        self.visits += path == "/change"
        started = time.perf_counter()
        page = target.open(path, self.cookies)
        took = time.perf_counter() - started
        if page != str(self.visits):
            raise RuntimeError(f"{path} answered {page!r}, not {self.visits}: the session is lost")
        return took * 1000


class Load:
    """The clients of one application."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._clients: dict[int, list[Client]] = {}

    def clients(self, count: int, size_kb: int) -> list[Client]:
        """Return clients with sessions of a size; they are created on first use."""
        known = self._clients.setdefault(size_kb, [])
        while len(known) < count:
            known.append(client := Client())
            client.open(self.target, f"/begin/{size_kb}")
        return known[:count]

    def warm_up(self, clients: int, size_kb: int) -> None:
        """Open the connections, and trigger lazy imports."""
        self._run(self.clients(clients, size_kb), ["/read", "/change"])

    def wake(self, size_kb: int) -> None:
        """Send one request: a process that was idle is slow at first."""
        self.clients(1, size_kb)[0].open(self.target, "/read")

    def run(self, clients: int, size_kb: int, requests: int) -> dict[str, Any]:
        """Run all clients at once.

        :param requests: number of requests per client.
        :returns: total processor time and wall time, and each request's latency.
        """
        assert requests % CHANGE_EVERY == 0
        crowd = self.clients(clients, size_kb)
        processor = self.target.processor_seconds()
        wall, latencies = self._run(crowd, requests)
        return {
            "processor_seconds": self.target.processor_seconds() - processor,
            "wall_seconds": wall,
            "latencies_ms": [round(latency, 3) for latency in latencies],
        }

    def _run(self, crowd: list[Client], requests: int | list[str]) -> tuple[float, list[float]]:
        barrier = threading.Barrier(len(crowd) + 1)

        def work(number: int) -> list[float]:
            paths = requests if isinstance(requests, list) else list(mix(number, requests))
            barrier.wait()
            return [crowd[number].open(self.target, path) for path in paths]

        with ThreadPoolExecutor(len(crowd)) as threads:
            working = [threads.submit(work, number) for number in range(len(crowd))]
            barrier.wait()
            started = time.perf_counter()
            latencies = [latency for each in working for latency in each.result()]
            return time.perf_counter() - started, latencies

"""A soak test: ``python -m tests.chaos.soak --minutes 10 --processes 4``.

Processes use sessions, caches and creation locks on DynamoDB Local, and report their memory and
file descriptors every few seconds. The exit code is 1 if either grows after the warm-up, the first
third of the run. Requires ``/proc`` (Linux).
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import random
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

from beaker.cache import CacheManager

from tests.chaos.load import SITES
from tests.conftest import CACHE, pytest_configure
from tests.servers.dynamodb_local import DynamoDBLocal
from tests.servers.endpoint import Endpoint, create_table
from tests.sessions.site import Site, log_out, store, values

THREADS = 4
SAMPLE_INTERVAL_SECONDS = 5.0
#: Tolerated growth after the warm-up: memory, as a fraction and in bytes, for the allocator, and
#: descriptors, for connections.
NOISE_FRACTION, NOISE_BYTES, NOISE_DESCRIPTORS = 0.03, 1 << 20, 2 * THREADS
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Sample:
    """Bytes of memory and open descriptors of a process, and the number of its requests so far."""

    memory: int
    descriptors: int
    requests: int


def sample(requests: int) -> Sample:
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * PAGE
    return Sample(resident, len(list(Path("/proc/self/fd").iterdir())), requests)


def work(end: Connection[Sample, Any], options: Mapping[str, object], seconds: float) -> None:
    """Serve in threads, and send samples."""
    stop = threading.Event()
    counter = itertools.count()
    with ThreadPoolExecutor(THREADS) as threads:
        futures = [
            threads.submit(serve, options, middleware, counter, stop)
            for middleware, _ in zip(itertools.cycle(SITES), range(THREADS), strict=False)
        ]
        started = time.monotonic()
        while time.monotonic() - started < seconds and not any(f.done() for f in futures):
            time.sleep(SAMPLE_INTERVAL_SECONDS)
            end.send(sample(next(counter)))
        stop.set()
        for future in futures:
            future.result()


def serve(
    options: Mapping[str, object], middleware: str, counter: Iterator[int], stop: threading.Event
) -> None:
    """Create, change, read and delete one session after another, and use a cache."""
    site = Site(middleware, {**options, **SITES[middleware]})
    cache = CacheManager(type="ext:dynamodb", **options).get_cache("pages", expire=1)
    while not stop.is_set():
        cookie = site(store(login=True)).cookie
        for visit in range(10):
            next(counter)
            site(store(**{f"visit {visit}": random.random()}), cookie)
            site(values, cookie)
            key = str(random.randrange(20))
            assert "value" in cache.get(key, createfunc=lambda: "value" + 2_000 * "x")
        site(log_out, cookie)


def grown(samples: list[Sample]) -> bool:
    """Return whether the last third of the samples exceeds the second by more than noise."""
    third = len(samples) // 3
    before, after = samples[third : 2 * third], samples[2 * third :]
    memory = [median(s.memory for s in part) for part in (before, after)]
    descriptors = [median(s.descriptors for s in part) for part in (before, after)]
    return (
        memory[1] > memory[0] * (1 + NOISE_FRACTION) + NOISE_BYTES
        or descriptors[1] > descriptors[0] + NOISE_DESCRIPTORS
    )


def soak(options: Mapping[str, object], seconds: float, processes: int) -> list[list[Sample]]:
    """Run the processes, and return the samples of each."""
    spawn = multiprocessing.get_context("spawn")
    running = []
    for _ in range(processes):
        receiver, sender = spawn.Pipe(duplex=False)
        process = spawn.Process(target=work, args=(sender, options, seconds), daemon=True)
        process.start()
        sender.close()
        running.append((process, receiver))
    taken: list[list[Sample]] = [[] for _ in running]
    for samples, (process, end) in zip(taken, running, strict=True):
        try:
            while True:
                samples.append(end.recv())
        except EOFError:
            process.join()
    assert all(process.exitcode == 0 for process, _ in running), "a process exited with an error"
    return taken


def main() -> int:
    """Print the usage of each process, and return 1 if it grows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--processes", type=int, default=4)
    arguments = parser.parse_args()
    pytest_configure()  # isolate from the developer's AWS account, as tests do
    with DynamoDBLocal(CACHE / "dynamodb-local") as server:
        endpoint = Endpoint("local", server.endpoint_url)
        create_table(endpoint.client, "soak")
        options = {**endpoint.options, "table_name": "soak"}
        taken = soak(options, arguments.minutes * 60, arguments.processes)
    print("| process | requests | MB after 1/3 | 2/3 | end | descriptors after 1/3 | 2/3 | end |")
    print("|---|---|---|---|---|---|---|---|")
    for number, samples in enumerate(taken):
        marks = [samples[len(samples) // 3], samples[2 * len(samples) // 3], samples[-1]]
        cells = [number, samples[-1].requests * 3, *(f"{m.memory / 2**20:.1f}" for m in marks)]
        print(f"| {' | '.join(map(str, [*cells, *(m.descriptors for m in marks)]))} |")
    worse = [number for number, samples in enumerate(taken) if grown(samples)]
    print(f"still growing: {worse}" if worse else "nothing grows")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())

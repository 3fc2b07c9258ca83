"""A soak run: ``python -m tests.chaos.soak --minutes 10 --processes 4``.

Processes serve sessions, caches and creation locks on DynamoDB Local, and every few seconds say
how much memory and how many descriptors they use. It ends with 1 if either still grows after the
warm-up, the first third. It needs Linux's ``/proc``.
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
#: Seconds between two samples.
EVERY = 5.0
#: What may be more at the end than after the warm-up: a part of the memory, and bytes, for the
#: allocator's moods; descriptors, for connections that come and go with the load.
NOISE_PART, NOISE_BYTES, NOISE_DESCRIPTORS = 0.03, 1 << 20, 2 * THREADS
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Sample:
    """What a process uses: bytes of memory, open descriptors; and requests until then."""

    memory: int
    descriptors: int
    requests: int


def sample(requests: int) -> Sample:
    """Look at this process."""
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * PAGE
    return Sample(resident, len(list(Path("/proc/self/fd").iterdir())), requests)


def work(end: Connection[Sample, Any], options: Mapping[str, object], seconds: float) -> None:
    """Be one of the processes, and send samples."""
    stop = threading.Event()
    counter = itertools.count()
    with ThreadPoolExecutor(THREADS) as threads:
        futures = [
            threads.submit(serve, options, middleware, counter, stop)
            for middleware, _ in zip(itertools.cycle(SITES), range(THREADS), strict=False)
        ]
        started = time.monotonic()
        while time.monotonic() - started < seconds and not any(f.done() for f in futures):
            time.sleep(EVERY)
            end.send(sample(next(counter)))
        stop.set()
        for future in futures:
            future.result()


def serve(
    options: Mapping[str, object],
    middleware: str,
    counter: Iterator[int],
    stop: threading.Event,
) -> None:
    """Serve visitors, one after the other, who come, read and write, and log out."""
    site = Site(middleware, {**options, **SITES[middleware]})
    cache = CacheManager(type="ext:dynamodb", **options).get_cache("pages", expire=1)
    while not stop.is_set():
        cookie = site(store(login=True)).cookie
        for visit in range(10):
            next(counter)
            site(store(**{f"visit {visit}": random.random()}), cookie)
            site(values, cookie)
            key = str(random.randrange(20))
            assert "made" in cache.get(key, createfunc=lambda: "made" + 2_000 * "x")
        site(log_out, cookie)


def grown(samples: list[Sample]) -> bool:
    """Whether the last third of the samples is above the second, by more than noise."""
    third = len(samples) // 3
    before, after = samples[third : 2 * third], samples[2 * third :]
    memory = [median(s.memory for s in part) for part in (before, after)]
    descriptors = [median(s.descriptors for s in part) for part in (before, after)]
    return (
        memory[1] > memory[0] * (1 + NOISE_PART) + NOISE_BYTES
        or descriptors[1] > descriptors[0] + NOISE_DESCRIPTORS
    )


def soak(options: Mapping[str, object], seconds: float, processes: int) -> list[list[Sample]]:
    """Give the samples of each process; fewer where one has died."""
    spawn = multiprocessing.get_context("spawn")
    running = []
    for _ in range(processes):
        ours, theirs = spawn.Pipe()
        process = spawn.Process(target=work, args=(theirs, options, seconds), daemon=True)
        process.start()
        theirs.close()
        running.append((process, ours))
    taken: list[list[Sample]] = [[] for _ in running]
    for samples, (process, end) in zip(taken, running, strict=True):
        try:
            while True:
                samples.append(end.recv())
        except EOFError:
            process.join()
    assert all(process.exitcode == 0 for process, _ in running), "a process has died"
    return taken


def main() -> int:
    """Print what each process used; 1 if it still grows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--processes", type=int, default=4)
    arguments = parser.parse_args()
    pytest_configure()  # cut off from the developer's AWS account, as tests are
    server = DynamoDBLocal(CACHE / "dynamodb-local")
    try:
        endpoint = Endpoint("local", server.endpoint_url)
        create_table(endpoint.client, "soak")
        options = {**endpoint.options, "table_name": "soak"}
        taken = soak(options, arguments.minutes * 60, arguments.processes)
    finally:
        server.stop()
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

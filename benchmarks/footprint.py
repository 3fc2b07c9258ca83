"""A new process that makes calls with many threads: ``python -m benchmarks.footprint NAME``.

NAME is a key of `CALLERS`. Reads a store as JSON from standard input. Prints how much memory and
how many descriptors the process has gained since the first call.
"""

from __future__ import annotations

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from benchmarks.calls import DEFAULT, the_calls
from benchmarks.store import Store
from benchmarks.workload import mix

THREADS = 32
#: Requests of all threads together.
REQUESTS = 200
OURS, POOLED = "our store", "a client with 32 connections"
#: For each caller: its calls in `the_calls`, and how many connections a boto3 client keeps open.
CALLERS = {OURS: (OURS, 10), DEFAULT: (DEFAULT, 10), POOLED: (DEFAULT, THREADS)}


def footprint() -> tuple[float, int]:
    """Return the resident memory in KB and the number of open descriptors, from Linux's /proc."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024, len(list(Path("/proc/self/fd").iterdir()))


def main(name: str) -> None:
    """Make the calls, and print the growth."""
    caller, connections = CALLERS[name]
    parts = the_calls(Store(**json.loads(sys.stdin.readline())), connections)
    get, put = (
        next(part for key, part in parts.items() if key.startswith(f"{call} by {caller}"))
        for call in ("GetItem", "PutItem")
    )
    get()
    put()
    paths, barrier = list(mix(0, REQUESTS)), Barrier(THREADS)

    def work(number: int) -> None:
        barrier.wait()  # so that each share has its own thread
        for path in paths[number::THREADS]:
            get()
            if path == "/change":
                put()

    memory_kb, descriptors = footprint()
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(work, range(THREADS)))
        # The threads still exist, and so do their connections.
        after_kb, after_descriptors = footprint()
    answer = {"memory_kb": after_kb - memory_kb, "descriptors": after_descriptors - descriptors}
    print(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1])

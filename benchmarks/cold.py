"""A new process that serves its first requests: ``python -m benchmarks.cold NAME``.

Reads a store and the cookies of a stored session, as JSON, from standard input. Prints the time
until the first response: imports, client, application and call.
"""

import time

STARTED = time.perf_counter(), time.process_time()

import json  # noqa: E402  the clock starts before the imports
import sys  # noqa: E402

from benchmarks.candidates import BY_NAME  # noqa: E402
from benchmarks.store import Store  # noqa: E402
from benchmarks.worker import target_of  # noqa: E402

#: Number of requests before the peak memory is read.
REQUESTS = 200


def main(name: str) -> None:
    """Serve the requests, and print time and memory."""
    arguments = json.loads(sys.stdin.readline())
    cookies = arguments["cookies"]
    target = target_of(BY_NAME[name], Store(**arguments["store"]))
    target.open("/read", cookies)
    wall, processor = time.perf_counter() - STARTED[0], time.process_time() - STARTED[1]
    for _ in range(REQUESTS):
        target.open("/read", cookies)
    answer = {
        "wall_ms": wall * 1000,
        "processor_ms": processor * 1000,
        "peak_memory_mb": target.peak_memory_kb() / 1024,
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1])

"""What a request costs as the table fills: on DynamoDB Local, from one item to many."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from uuid import UUID

from benchmarks.candidates import OURS
from benchmarks.fleet import Fleet, dynamodb_client
from benchmarks.measure.capacity import COUNTED, REQUESTS
from benchmarks.plan import MIDDLE_KB
from benchmarks.servers.meter import Meter
from benchmarks.store import Store, table_name

#: Items in one BatchWriteItem, at most (AWS developer guide, quotas).
BATCH = 25
WRITERS = 4


def measure(
    fleet: Fleet, local: Store, items: int, tell: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Fill our table in steps of ten times as many items, and run the mix at each."""
    process, rows, count, there = fleet.processes[OURS], [], 1, 0
    client = dynamodb_client(local)
    load = {"clients": 1, "size_kb": MIDDLE_KB, "requests": REQUESTS}
    with Meter(local.url) as meter:
        metered = replace(local, url=meter.url)
        while count <= items:
            tell(f"{count} items")
            fill(client, range(there, count))
            there = count
            process.ask("warm_up", store=metered, clients=1, size_kb=MIDDLE_KB)
            meter.reset()
            process.ask("run", store=metered, **load)
            counts = {name: meter.counts[name] / REQUESTS for name in COUNTED}
            process.ask("warm_up", store=local, clients=1, size_kb=MIDDLE_KB)
            answer = process.ask("run", store=local, **load)
            latencies = sorted(answer["latencies_ms"])
            rows.append(
                {
                    "items": count,
                    **counts,
                    "processor_us": answer["processor_seconds"] / REQUESTS * 1e6,
                    "p50_ms": latencies[len(latencies) // 2],
                }
            )
            count *= 10
    return rows


def fill(client: Any, numbers: range) -> None:
    """Put one small session for each number."""
    table = table_name(OURS)

    def put(first: int) -> None:
        rest: dict[str, Any] = {
            table: [
                {"PutRequest": {"Item": small_session(number)}}
                for number in range(first, min(first + BATCH, numbers.stop))
            ]
        }
        while rest:
            rest = client.batch_write_item(RequestItems=rest)["UnprocessedItems"]

    with ThreadPoolExecutor(WRITERS) as threads:
        list(threads.map(put, range(numbers.start, numbers.stop, BATCH)))


def small_session(number: int) -> dict[str, Any]:
    """Give the attributes of some other visitor's session."""
    return {
        "id": {"S": f"sess:{UUID(int=number).hex}"},
        "type": {"S": "beaker-session"},
        "data": {"B": b"nothing"},
        "expires": {"N": "4000000000"},
    }

"""The cost of a request as the table grows, on DynamoDB Local."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from uuid import UUID

from benchmarks.candidates import OURS
from benchmarks.fleet import Fleet, Process, create_table, dynamodb_client, ratio, spread
from benchmarks.measure.capacity import COUNTED, REQUESTS
from benchmarks.plan import MIDDLE_KB, Plan
from benchmarks.servers.meter import Meter
from benchmarks.store import Store

#: Names of the two tables: one is filled, the other keeps a single session.
FILLED, SINGLE = "growth-filled", "growth-single"
#: Maximum number of items in one BatchWriteItem (AWS developer guide, quotas).
BATCH = 25
WRITERS = 8


def measure(
    plan: Plan, fleet: Fleet, local: Store, report: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Fill a table in steps of a factor of ten, and run the mix on both tables at each step."""
    process, rows, count, stored = fleet.processes[OURS], [], 1, 1
    client = dynamodb_client(local)
    with Meter(local.url) as meter:
        # Send all calls through the meter. Processor time is measured in another process.
        stores = {table: replace(local, url=meter.url, table=table) for table in (FILLED, SINGLE)}
        for table, store in stores.items():
            create_table(client, table)
            process.ask("warm_up", store=store, clients=1, size_kb=MIDDLE_KB)
        while count <= plan.items:
            report(f"{count:,} items")
            fill(client, range(stored, count))
            stored = count
            rounds = [
                _round(process, stores, meter, number) for number in range(plan.growth_rounds)
            ]
            rows.append({"items": count, **_figures(rounds)})
            count *= 10
    return rows


def _round(
    process: Process, stores: dict[str, Store], meter: Meter, number: int
) -> dict[str, dict[str, float]]:
    """Run the mix on both tables, in alternating order."""
    measured = {}
    for table in (FILLED, SINGLE) if number % 2 else (SINGLE, FILLED):
        load = {"store": stores[table], "size_kb": MIDDLE_KB}
        process.ask("wake", **load)
        meter.reset()
        answer = process.ask("run", clients=1, requests=REQUESTS, **load)
        latencies = sorted(answer["latencies_ms"])
        measured[table] = {name: meter.counts[name] / REQUESTS for name in COUNTED} | {
            "processor_us": answer["processor_seconds"] / REQUESTS * 1e6,
            "p50_ms": latencies[len(latencies) // 2],
        }
    return measured


def _figures(rounds: list[dict[str, dict[str, float]]]) -> dict[str, Any]:
    filled, single = ([each[table] for each in rounds] for table in (FILLED, SINGLE))
    figures: dict[str, Any] = {name: filled[0][name] for name in COUNTED}
    for name in ("processor_us", "p50_ms"):
        of_filled, of_single = ([each[name] for each in side] for side in (filled, single))
        figures[name] = spread(of_filled)
        figures[f"{name}_ratio"] = ratio(of_filled, of_single)
    return figures


def fill(client: Any, numbers: range) -> None:
    """Store one small session per number."""

    def put(first: int) -> None:
        rest: dict[str, Any] = {
            FILLED: [
                {"PutRequest": {"Item": small_session(number)}}
                for number in range(first, min(first + BATCH, numbers.stop))
            ]
        }
        while rest:
            rest = client.batch_write_item(RequestItems=rest)["UnprocessedItems"]

    with ThreadPoolExecutor(WRITERS) as threads:
        list(threads.map(put, range(numbers.start, numbers.stop, BATCH)))


def small_session(number: int) -> dict[str, Any]:
    """Return the attributes of another visitor's session of about 200 bytes."""
    return {
        "id": {"S": f"sess:{UUID(int=number).hex}"},
        "type": {"S": "beaker-session"},
        "data": {"B": bytes(100)},
        "expires": {"N": "4000000000"},
    }

"""Requests per second of whole applications behind gunicorn, loaded over HTTP.

The load comes from another process, whose threads keep one connection each.
"""

from __future__ import annotations

import signal
import socket
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from importlib.util import find_spec
from typing import Any

from benchmarks.candidates import OURS
from benchmarks.fleet import Failed, Fleet, Process, environment, figures, ratio, rotated, spread
from benchmarks.measure.mix import requests_each
from benchmarks.plan import MIDDLE_KB, Plan
from benchmarks.servers.stores import ROOT
from benchmarks.store import Store

SERVED = (OURS, "flask-session", "redis")
WORKERS, THREADS = 2, 8
CLIENTS = WORKERS * THREADS
LOAD = {"clients": CLIENTS, "size_kb": MIDDLE_KB}


def measure(plan: Plan, fleet: Fleet, canned: Store) -> list[dict[str, Any]]:
    """Load each application in turn, in rounds; return no rows without gunicorn.

    :param canned: a server that answers immediately, for those that use DynamoDB.
    """
    if find_spec("gunicorn") is None:
        fleet.left_out["gunicorn"] = "gunicorn is not installed (benchmarks/requirements.txt)"
        return []
    measured: dict[str, list[dict[str, float]]] = defaultdict(list)
    requests = requests_each(plan, CLIENTS)
    with ExitStack() as stack:
        sites: list[tuple[Process, Store]] = []
        for process, store in fleet.each(canned):
            name = process.candidate.name
            if name in SERVED:
                sites.append((process, stack.enter_context(gunicorn(name, store))))
        for number in range(plan.served_rounds):
            for process, site in rotated(sites, number):
                if process.candidate.name in fleet.processes:
                    _round(fleet, process, site, requests, measured[process.candidate.name])
    ours = measured[OURS]
    return [
        {
            "candidate": name,
            **LOAD,
            "requests_per_second": spread(figures(rounds, "rate")),
            "throughput_ratio": ratio(figures(rounds, "rate"), figures(ours, "rate")),
            "p50_ms": spread(figures(rounds, "p50_ms")),
            "load_us": spread(figures(rounds, "load_us")),
        }
        for name, rounds in measured.items()
        if name in fleet.processes
    ]


def _round(
    fleet: Fleet, process: Process, site: Store, requests: int, rounds: list[dict[str, float]]
) -> None:
    try:
        if not rounds:
            process.ask("warm_up", store=site, **LOAD)
        answer = process.ask("run", store=site, requests=requests, **LOAD)
    except Failed as error:
        fleet.leave_out(process, error)
    else:
        latencies = answer["latencies_ms"]
        rounds.append(
            {
                "rate": len(latencies) / answer["wall_seconds"],
                "p50_ms": statistics.median(latencies),
                # The load competes with the servers for the processor.
                "load_us": answer["processor_seconds"] / len(latencies) * 1e6,
            }
        )


@contextmanager
def gunicorn(name: str, store: Store) -> Iterator[Store]:
    """Serve a candidate's application on a free port for the block."""
    application = f"benchmarks.worker:application({name!r}, {asdict(store)!r})"
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        port, descriptor = listener.getsockname()[1], listener.fileno()
        options = [f"--bind=fd://{descriptor}", f"--workers={WORKERS}", f"--threads={THREADS}"]
        # On shutdown, workers wait for open connections, by default for 30 seconds.
        options += ["--keep-alive=60", "--graceful-timeout=1"]
        server = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", *options, application],
            cwd=ROOT,
            env=environment(),
            pass_fds=[descriptor],
            stderr=subprocess.DEVNULL,
        )
    try:
        yield Store("gunicorn", "http", f"127.0.0.1:{port}")
    finally:
        # SIGTERM would wait for connections that stay open.
        server.send_signal(signal.SIGINT)
        server.wait()

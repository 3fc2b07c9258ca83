"""The process of one candidate: ``python -m benchmarks.worker NAME``.

Reads commands from standard input, one JSON object per line, and answers each with a line, until
standard input ends.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from dataclasses import asdict
from importlib import import_module
from typing import Any

from benchmarks.candidates import BY_NAME, Candidate
from benchmarks.driver import InProcess, OverHTTP, Target
from benchmarks.load import Load
from benchmarks.store import Store


def target_of(candidate: Candidate, store: Store) -> Target:
    """Create a candidate's application, or connect to the one that is already running."""
    if store.kind == "http":
        return OverHTTP(store.url)
    created = application(candidate.name, asdict(store))
    return created if isinstance(created, OverHTTP) else InProcess(created)


def application(name: str, store: dict[str, str]) -> Any:
    """Create a candidate's WSGI application, or start its server.

    Also called by gunicorn, whose command line contains the arguments.
    """
    module, function = BY_NAME[name].made_by.split(".")
    create = getattr(import_module(f"benchmarks.candidates.{module}"), function)
    return create(Store(**store))


class Worker:
    """Runs the commands."""

    def __init__(self, candidate: Candidate) -> None:
        self._candidate = candidate
        self._loads: dict[Store, Load] = {}

    def warm_up(self, store: dict[str, str], **load: int) -> None:
        """Create the sessions of a load, and send a read and a change to each."""
        self._load(store).warm_up(**load)

    def wake(self, store: dict[str, str], size_kb: int) -> None:
        """See `Load.wake`."""
        self._load(store).wake(size_kb)

    def run(self, store: dict[str, str], **load: int) -> dict[str, Any]:
        """See `Load.run`."""
        return self._load(store).run(**load)

    def cookies(self, store: dict[str, str], size_kb: int) -> dict[str, str]:
        """Return the cookies of a client with a session."""
        return self._load(store).clients(1, size_kb)[0].cookies

    def _load(self, store: dict[str, str]) -> Load:
        known = Store(**store)
        if known not in self._loads:
            self._loads[known] = Load(target_of(self._candidate, known))
        return self._loads[known]


def main(name: str) -> None:
    """Answer commands until standard input ends."""
    # Output of a candidate must not be read as an answer.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    warnings.simplefilter("ignore")
    worker = Worker(BY_NAME[name])
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer = {"answer": getattr(worker, command.pop("do"))(**command)}
        except Exception as error:
            # The coordinator leaves the candidate out and reports why.
            answer = {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])

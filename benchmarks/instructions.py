"""Machine instructions of a request, under valgrind: ``python -m benchmarks.instructions``.

Repeatable to 0.1 %, even on a busy machine. The cost of a part is the difference between a process
that calls it often and one that does not. Prints a table after some minutes; ``--docs`` writes it
to the page of tables.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from functools import cache

from benchmarks import docs
from benchmarks.fleet import environment, python
from benchmarks.report import table
from benchmarks.servers import stores
from benchmarks.store import Store

#: See parts.py; all are given as a ratio to the first.
PARTS = (
    *(
        f"request, {whose}: {kind}"
        for whose in ("our middleware", "Beaker's middleware", "Beaker's type = memory")
        for kind in ("read", "change")
    ),
    *(
        f"{call} by {whom}"
        for call in ("GetItem", "PutItem")
        for whom in ("our store", "our store, boto3", "a default client")
    ),
)
CALLS = 50


def run(name: str, calls: int, url: str) -> None:
    """Call all parts of a kind as a warm-up, and then one."""
    from benchmarks.calls import the_calls
    from benchmarks.parts import around_the_calls

    in_memory = name.startswith("request")
    made = around_the_calls() if in_memory else the_calls(Store("", "dynamodb", url))
    for part in [*made.values()] * 3:
        part()
    for _ in range(calls):
        made[name]()


@cache
def instructions(name: str, calls: int) -> int:
    """Return the instructions of a process that runs the part."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    return int(re.findall(r"Collected : (\d+)", _output(command, name, calls))[0])


def _output(command: list[str], name: str, calls: int) -> str:
    """Run the part in a process under a command, and return what was written to stderr."""
    with stores.canned((0,)) as (store,):
        done = subprocess.run(
            [*command, *python("instructions", name, str(calls), store.url)],
            cwd=stores.ROOT,
            # The order of sets must not differ between two processes.
            env=environment() | {"PYTHONHASHSEED": "0"},
            capture_output=True,
            text=True,
            check=True,
        )
    return done.stderr


def main(arguments: list[str]) -> None:
    """Print the table."""
    if shutil.which("valgrind") is None:
        raise SystemExit("valgrind is not installed")
    counted = {}
    for name in PARTS:
        idle = PARTS[0] if name.startswith("request") else PARTS[-1]
        _output([], name, 0)  # compiles modules that have changed
        counted[name] = (instructions(name, CALLS) - instructions(idle, 0)) / CALLS
    rows = [
        (name, f"{n / 1000:,.0f}", f"{n / counted[PARTS[0]]:.3f}") for name, n in counted.items()
    ]
    text = table(["part", "thousands of instructions", "to the first"], rows)
    print(text)
    if "--docs" in arguments:
        docs.write({}, {docs.TABLES: {"instructions": lambda _: text}})


if __name__ == "__main__":
    if len(sys.argv) == 4:
        run(sys.argv[1], int(sys.argv[2]), sys.argv[3])
    else:
        main(sys.argv[1:])

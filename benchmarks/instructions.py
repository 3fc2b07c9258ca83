"""Machine instructions of a request, under valgrind: ``python -m benchmarks.instructions``.

The result is repeatable to 0.1 %, even on a busy machine. The cost of a part is the difference
between a process that calls it often and one that does not. Takes some minutes and prints a table;
``--docs`` also writes it to the page of tables.
"""

from __future__ import annotations

import gc
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache, partial

from benchmarks import docs
from benchmarks.driver import InProcess
from benchmarks.fleet import create_table, dynamodb_client, environment, python
from benchmarks.goals import MOST_ADDED, Goal
from benchmarks.load import Client
from benchmarks.plan import MIDDLE_KB
from benchmarks.report import goal_rows, table
from benchmarks.rounds import Part
from benchmarks.servers import stores
from benchmarks.store import Store, table_name
from benchmarks.workload import CHANGE_EVERY

KINDS = ("read", "change")
#: A process creates all parts of one group. See `whole_requests` and parts.py.
GROUPS = {
    "whole": [f"{store}: {kind}" for store in ("ours", "ext:redis") for kind in KINDS],
    "around": [
        f"request, {whose}: {kind}"
        for whose in ("our middleware", "Beaker's middleware", "Beaker's type = memory")
        for kind in KINDS
    ],
    "calls": [
        f"{call} by {whom}"
        for call in ("GetItem", "PutItem")
        for whom in ("our store", "our store, boto3", "a default client")
    ],
}
CALLS = 50


def whole_requests(url: str, redis_url: str) -> dict[str, Part]:
    """Return requests with their calls, on DynamoDB and on Redis."""
    from benchmarks.candidates import beaker_sessions

    dynamodb, redis = Store("", "dynamodb", url), Store("", "redis", redis_url)
    create_table(dynamodb_client(dynamodb), table_name("ours"))
    # Redis first: this package's application hides the Redis client.
    apps = {"ext:redis": beaker_sessions.redis(redis), "ours": beaker_sessions.ours(dynamodb)}
    parts: dict[str, Part] = {}
    for name, app in apps.items():
        target, client = InProcess(app), Client()
        client.open(target, f"/begin/{MIDDLE_KB}")
        parts |= {f"{name}: {kind}": partial(client.open, target, f"/{kind}") for kind in KINDS}
    return parts


def run(group: str, name: str, calls: int, url: str, redis_url: str) -> None:
    """Call all parts of a group to warm up, then one of them ``calls`` times."""
    from benchmarks.calls import the_calls
    from benchmarks.parts import around_the_calls

    if group == "whole":
        parts = whole_requests(url, redis_url)
    else:
        in_memory = group == "around"
        parts = around_the_calls() if in_memory else the_calls(Store("", "dynamodb", url))
    for part in [*parts.values()] * 3:
        part()
    # A full garbage collection costs as much as twenty requests, but rarely happens.
    gc.collect()
    gc.freeze()
    for _ in range(calls):
        parts[name]()


@cache
def instructions(group: str, name: str, calls: int) -> int:
    """Return the number of instructions of a process that calls the part."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    return int(re.findall(r"Collected : (\d+)", _output(command, group, name, calls))[0])


def _output(command: list[str], group: str, name: str, calls: int) -> str:
    """Call the part in a process under a command, and return its stderr."""
    with stores.canned((0,)) as (store,), stores.redis() as redis:
        assert redis is not None
        done = subprocess.run(
            [*command, *python("instructions", group, name, str(calls), store.url, redis.url)],
            cwd=stores.ROOT,
            # The order of sets must not differ between two processes.
            env=environment() | {"PYTHONHASHSEED": "0"},
            capture_output=True,
            text=True,
            check=True,
        )
    return done.stderr


def count() -> dict[str, float]:
    """Return the number of instructions of one call of each part."""
    counted = {}
    for group, names in GROUPS.items():
        _output([], group, names[0], 0)  # compiles modules that have changed
        for name in names:
            baseline = instructions(group, names[0], 0)
            counted[name] = (instructions(group, name, CALLS) - baseline) / CALLS
    return counted


def goals(counted: dict[str, float]) -> Iterator[Goal]:
    """Return the goals that do not depend on the machine's speed."""

    def mix(name: str) -> float:
        read, change = (counted[f"{name}: {kind}"] for kind in KINDS)
        return read + (change - read) / CHANGE_EVERY

    to_redis = mix("ours") / mix("ext:redis")
    figure = "a request, against Beaker ext:redis on a Redis"
    yield Goal(figure, "at most 1.2 times", f"{to_redis:.3f}", to_redis <= 1.2)
    memory = mix("request, Beaker's type = memory")
    for name, most in MOST_ADDED.items():
        added = mix(f"request, {name}") / memory - 1
        figure = f"what this package adds to Beaker's type = memory, without its calls, {name}"
        yield Goal(figure, f"at most {most:.2f}", f"{added:.3f}", added <= most)


def main(arguments: list[str]) -> None:
    """Print the table."""
    for program in ("valgrind", "redis-server"):
        if shutil.which(program) is None:
            raise SystemExit(f"{program} is not installed")
    counted = count()
    first = counted[GROUPS["whole"][0]]
    rows = [(name, f"{n / 1000:,.0f}", f"{n / first:.3f}") for name, n in counted.items()]
    text = table(["part", "thousands of instructions", "to the first"], rows)
    text += f"\n\n{goal_rows(goals(counted))}\n"
    print(text)
    if "--docs" in arguments:
        docs.write({}, {docs.TABLES: {"instructions": lambda _: text}})


if __name__ == "__main__":
    if len(sys.argv) == 6:
        run(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5])
    else:
        main(sys.argv[1:])

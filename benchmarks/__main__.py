"""The command ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import docs, machine, plots
from benchmarks.candidates import BY_NAME, OURS
from benchmarks.fleet import Fleet
from benchmarks.measure import (
    against_redis,
    capacity,
    end_to_end,
    first,
    footprints,
    growth,
    mix,
    own_parts,
    scaling,
)
from benchmarks.measure.scaling import BARE
from benchmarks.plan import FULL, QUICK, SMOKE, Plan
from benchmarks.report import growth_markdown, markdown
from benchmarks.servers import stores
from benchmarks.store import Store

Tell = Callable[[str], None]
Measure = Callable[[Plan, Fleet, Store, list[Store], Tell], dict[str, Any]]
RESULTS = Path(__file__).parent / "results"


def main(arguments: list[str]) -> None:
    """Measure everything, and write ``result.json``, ``result.md`` and the charts."""
    asked = parser().parse_args(arguments)
    if asked.from_result is None:
        plan = SMOKE if asked.smoke else QUICK if asked.quick else FULL
        if asked.items is not None:
            plan = replace(plan, items=asked.items)
        if asked.growth_only:
            plan = replace(plan, candidates=(OURS,), delays_ms=())
        elif asked.only:
            plan = replace(plan, candidates=(OURS, BARE, *asked.only))
        result = run(plan, command(asked), only_growth if asked.growth_only else everything)
    else:
        result = json.loads(asked.from_result.read_text())
    whole = "mix" in result
    name, text = ("result", markdown(result)) if whole else ("growth", growth_markdown(result))
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    (asked.out / f"{name}.md").write_text(text)
    if asked.docs:
        docs.write(result, docs.PAGES if whole else docs.GROWTH_PAGES)
    print(text)
    print(f"in {asked.out}: {name}.json, {name}.md")
    if whole:
        charts = docs.CHARTS if asked.docs else asked.out
        names = ", ".join(path.name for path in plots.draw(result, charts))
        print(names or "no charts: matplotlib is not installed (benchmarks/requirements.txt)")


def parser() -> argparse.ArgumentParser:
    """Parse the command line."""
    made = argparse.ArgumentParser(prog="python -m benchmarks", description=main.__doc__)
    amount = made.add_mutually_exclusive_group()
    amount.add_argument(
        "--quick", action="store_true", help="a few minutes: fewer rounds and loads"
    )
    amount.add_argument(
        "--smoke", action="store_true", help="the smallest run, to test that it works"
    )
    made.add_argument(
        "--items", type=int, help="largest number of items in the table (10,000; try 1000000)"
    )
    made.add_argument(
        "--growth-only",
        action="store_true",
        help="measure only the cost of a request as the table fills, into growth.json and .md",
    )
    made.add_argument(
        "--only",
        nargs="+",
        choices=BY_NAME,
        metavar="NAME",
        help="run only this package, the bare calls, and these: %(choices)s",
    )
    made.add_argument("--out", type=Path, default=RESULTS, help="folder for the result")
    made.add_argument("--docs", action="store_true", help="also put tables and charts into docs/")
    made.add_argument(
        "--from-result", type=Path, metavar="JSON", help="measure nothing; use an earlier result"
    )
    return made


def command(asked: argparse.Namespace) -> str:
    """Return the command line without its output folders."""
    words = ["python -m benchmarks"]
    words += [f"--{name}" for name in ("quick", "smoke") if getattr(asked, name)]
    words += ["--growth-only"] if asked.growth_only else []
    words += [f"--items {asked.items}"] if asked.items is not None else []
    words += [f"--only {' '.join(asked.only)}"] if asked.only else []
    return " ".join(words)


def run(plan: Plan, command: str, measure: Measure) -> dict[str, Any]:
    """Start the stores and the candidates, measure, and stop them."""
    begun = time.monotonic()

    def tell(what: str) -> None:
        print(f"{(time.monotonic() - begun) / 60:5.1f} min  {what}", file=sys.stderr, flush=True)

    with machine.described(command) as about, ExitStack() as stack:
        local = stack.enter_context(stores.dynamodb_local())
        canned = stack.enter_context(stores.canned(plan.delays_ms))
        others = {
            "redis": stack.enter_context(stores.redis()),
            "sqlite": stack.enter_context(stores.sqlite()),
        }
        tell("starting the candidates")
        fleet = stack.enter_context(Fleet(plan.candidates, others))
        for store in (local, *canned):
            fleet.create_tables(store)
        measured = measure(plan, fleet, local, canned, tell)
        about["versions"] |= fleet.versions
    tell("done")
    return {"about": about, "left_out": fleet.left_out, **measured}


def everything(
    plan: Plan, fleet: Fleet, local: Store, canned: list[Store], tell: Tell
) -> dict[str, Any]:
    """Run every measurement."""
    tell("calls and capacity")
    result: dict[str, Any] = {"capacity": capacity.measure(plan, fleet, local)}
    result["mix"] = mix.measure(plan, fleet, local, canned, tell)
    tell("against Redis")
    result["against_redis"] = against_redis.measure(plan, fleet, canned)
    tell("one thread and many")
    result["scaling"] = scaling.measure(plan, fleet, canned)
    tell("first requests")
    result["first"] = first.measure(plan, fleet, canned[0])
    tell("memory and descriptors")
    result["footprint"] = footprints.measure(plan.footprint_rounds)
    tell("behind gunicorn")
    result["served"] = end_to_end.measure(plan, fleet, canned[0])
    tell("parts of one request")
    result |= own_parts.measure(plan.parts_rounds, canned[0])
    return result | only_growth(plan, fleet, local, canned, tell)


def only_growth(
    plan: Plan, fleet: Fleet, local: Store, canned: list[Store], tell: Tell
) -> dict[str, Any]:
    """Measure the cost of a request as the table grows."""
    return {"growth": growth.measure(plan, fleet, local, tell)}


if __name__ == "__main__":
    main(sys.argv[1:])

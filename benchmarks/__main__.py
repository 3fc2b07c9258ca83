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

Report = Callable[[str], None]
Measure = Callable[[Plan, Fleet, Store, list[Store], Report], dict[str, Any]]
RESULTS = Path(__file__).parent / "results"


def main(arguments: list[str]) -> None:
    """Measure everything, and write ``result.json``, ``result.md`` and the charts."""
    args = parser().parse_args(arguments)
    if args.from_result is None:
        plan = SMOKE if args.smoke else QUICK if args.quick else FULL
        if args.items is not None:
            plan = replace(plan, items=args.items)
        if args.growth_only:
            plan = replace(plan, candidates=(OURS,), delays_ms=())
        elif args.only:
            plan = replace(plan, candidates=(OURS, BARE, *args.only))
        result = run(plan, command(args), only_growth if args.growth_only else everything)
    else:
        result = json.loads(args.from_result.read_text())
    whole = "mix" in result
    name, text = ("result", markdown(result)) if whole else ("growth", growth_markdown(result))
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    (args.out / f"{name}.md").write_text(text)
    if args.docs:
        docs.write(result, docs.PAGES if whole else docs.GROWTH_PAGES)
    print(text)
    print(f"in {args.out}: {name}.json, {name}.md")
    if whole:
        charts = docs.CHARTS if args.docs else args.out
        names = ", ".join(path.name for path in plots.draw(result, charts))
        print(names or "no charts: matplotlib is not installed (benchmarks/requirements.txt)")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    flags = argparse.ArgumentParser(prog="python -m benchmarks", description=main.__doc__)
    amount = flags.add_mutually_exclusive_group()
    amount.add_argument(
        "--quick", action="store_true", help="a few minutes: fewer rounds and loads"
    )
    amount.add_argument(
        "--smoke", action="store_true", help="the smallest run, to test that it works"
    )
    flags.add_argument(
        "--items", type=int, help="largest number of items in the table (10,000; try 1000000)"
    )
    flags.add_argument(
        "--growth-only",
        action="store_true",
        help="measure only the cost of a request as the table fills, into growth.json and .md",
    )
    flags.add_argument(
        "--only",
        nargs="+",
        choices=BY_NAME,
        metavar="NAME",
        help="run only this package, the bare calls, and these: %(choices)s",
    )
    flags.add_argument("--out", type=Path, default=RESULTS, help="folder for the result")
    flags.add_argument("--docs", action="store_true", help="also put tables and charts into docs/")
    flags.add_argument(
        "--from-result", type=Path, metavar="JSON", help="measure nothing; use an earlier result"
    )
    return flags


def command(args: argparse.Namespace) -> str:
    """Return the command line without the options for the output."""
    words = ["python -m benchmarks"]
    words += [f"--{name}" for name in ("quick", "smoke") if getattr(args, name)]
    words += ["--growth-only"] if args.growth_only else []
    words += [f"--items {args.items}"] if args.items is not None else []
    words += [f"--only {' '.join(args.only)}"] if args.only else []
    return " ".join(words)


def run(plan: Plan, command: str, measure: Measure) -> dict[str, Any]:
    """Start the stores and the candidates, measure, and stop them."""
    started = time.monotonic()

    def report(step: str) -> None:
        print(f"{(time.monotonic() - started) / 60:5.1f} min  {step}", file=sys.stderr, flush=True)

    with machine.described(command) as about, ExitStack() as stack:
        local = stack.enter_context(stores.dynamodb_local())
        canned = stack.enter_context(stores.canned(plan.delays_ms))
        others = {
            "redis": stack.enter_context(stores.redis()),
            "sqlite": stack.enter_context(stores.sqlite()),
        }
        report("starting the candidates")
        fleet = stack.enter_context(Fleet(plan.candidates, others))
        for store in (local, *canned):
            fleet.create_tables(store)
        measured = measure(plan, fleet, local, canned, report)
        about["versions"] |= fleet.versions
    report("done")
    return {"about": about, "left_out": fleet.left_out, **measured}


def everything(
    plan: Plan, fleet: Fleet, local: Store, canned: list[Store], report: Report
) -> dict[str, Any]:
    """Run every measurement."""
    report("calls and capacity")
    result: dict[str, Any] = {"capacity": capacity.measure(plan, fleet, local)}
    result["mix"] = mix.measure(plan, fleet, local, canned, report)
    report("against Redis")
    result["against_redis"] = against_redis.measure(plan, fleet, canned)
    report("one thread and many")
    result["scaling"] = scaling.measure(plan, fleet, canned)
    report("first requests")
    result["first"] = first.measure(plan, fleet, canned[0])
    report("memory and descriptors")
    result["footprint"] = footprints.measure(plan.footprint_rounds)
    report("behind gunicorn")
    result["served"] = end_to_end.measure(plan, fleet, canned[0])
    report("parts of one request")
    result |= own_parts.measure(plan.parts_rounds, canned[0])
    return result | only_growth(plan, fleet, local, canned, report)


def only_growth(
    plan: Plan, fleet: Fleet, local: Store, canned: list[Store], report: Report
) -> dict[str, Any]:
    """Measure the cost of a request as the table grows."""
    return {"growth": growth.measure(plan, fleet, local, report)}


if __name__ == "__main__":
    main(sys.argv[1:])

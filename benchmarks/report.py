"""A result as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks import machine
from benchmarks.candidates import BY_NAME, CANDIDATES, OURS
from benchmarks.goals import FIGURES, Goal, goals, growth_goals, spread_text
from benchmarks.measure import end_to_end
from benchmarks.plan import MIDDLE_KB

ORDER = {candidate.name: number for number, candidate in enumerate(CANDIDATES)}


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def goal_table(result: dict[str, Any]) -> str:
    """Return the goals of the package."""
    return goal_rows(goals(result))


def goal_rows(found: Iterable[Goal]) -> str:
    """Return a table of goals."""
    rows = [
        (goal.figure, goal.wanted, goal.measured, "yes" if goal.met else "**no**") for goal in found
    ]
    return table(["figure", "goal", "measured", "reached"], rows)


def markdown(result: dict[str, Any]) -> str:
    """Return the tables of a result, each under a heading."""
    sections = [
        ("What it ran on", machine.text(result["about"], result["left_out"])),
        ("Goals", goal_table(result)),
        ("Calls, capacity and bytes per request", _capacity(result)),
        ("Processor time, latency, throughput", _mix(result)),
        ("Behind gunicorn", _served(result)),
        ("First request of a fresh process, memory", _first(result)),
        ("Memory and descriptors of many threads", _footprint(result)),
        ("Where the time of one request goes", _parts(result)),
        ("As the table fills", growth_table(result["growth"])),
        ("With special keys", _special_keys(result)),
    ]
    return "\n\n".join(f"### {heading}\n\n{text}" for heading, text in sections) + "\n"


def _capacity(result: dict[str, Any]) -> str:
    rows = []
    for size_kb in sorted({row["size_kb"] for row in result["capacity"]}):
        of_size = [row for row in result["capacity"] if row["size_kb"] == size_kb]
        ours = next(row for row in of_size if row["candidate"] == OURS)
        for row in _sorted(of_size):
            rows.append(
                (
                    f"{size_kb} KB",
                    BY_NAME[row["candidate"]].title,
                    f"{row['reads']:.2f}",
                    f"{row['writes']:.2f}",
                    _units(row, ours, "read_units"),
                    _units(row, ours, "write_units"),
                    f"{row['bytes_sent']:,.0f}",
                    f"{row['bytes_received']:,.0f}",
                )
            )
    head = ["session", "", "reads", "writes", "read units (to ours)", "write units (to ours)"]
    return table([*head, "bytes sent", "bytes received"], rows)


def _units(row: dict[str, Any], ours: dict[str, Any], name: str) -> str:
    return f"{row[name]:.2f} ({row[name] / ours[name]:.2f})"


def _mix(result: dict[str, Any]) -> str:
    head = ["session, clients", "", "processor µs", "to ours", "p50 ms", "to ours", "p99 ms"]
    texts = []
    for store in dict.fromkeys(row["store"] for row in result["mix"]):
        of_store = [row for row in result["mix"] if row["store"] == store]
        rows = [
            (
                f"{row['size_kb']} KB, {row['clients']}",
                BY_NAME[row["candidate"]].title,
                spread_text(row["processor_us"], ",.0f"),
                spread_text(row["processor_ratio"], ".2f"),
                spread_text(row["p50_ms"], ".2f"),
                spread_text(row["p50_ratio"], ".2f"),
                f"{row['p99_ms']:.2f}",
                spread_text(row["requests_per_second"], ",.0f"),
                spread_text(row["throughput_ratio"], ".2f"),
            )
            for size_kb, clients in dict.fromkeys((r["size_kb"], r["clients"]) for r in of_store)
            for row in _sorted(
                r for r in of_store if (r["size_kb"], r["clients"]) == (size_kb, clients)
            )
        ]
        texts.append(f"**{store}**\n\n" + table([*head, "requests per second", "to ours"], rows))
    return "\n\n".join(texts)


def _first(result: dict[str, Any]) -> str:
    ours = next(row for row in result["first"] if row["candidate"] == OURS)
    memory = ours["peak_memory_mb"]["median"]
    rows = [
        (
            BY_NAME[row["candidate"]].title,
            spread_text(row["wall_ms"], ".0f"),
            spread_text(row["ours_wall_ratio"], ".2f"),
            spread_text(row["processor_ms"], ".0f"),
            spread_text(row["ours_processor_ratio"], ".2f"),
            f"{row['peak_memory_mb']['median']:.0f}",
            f"{row['peak_memory_mb']['median'] / memory:.2f}",
        )
        for row in _sorted(result["first"])
    ]
    head = ["", "ms", "ours to it", "processor ms", "ours to it", "peak memory MB", "to ours"]
    return table(head, rows)


def _served(result: dict[str, Any]) -> str:
    rows = [
        (
            BY_NAME[row["candidate"]].title,
            spread_text(row["requests_per_second"], ",.0f"),
            spread_text(row["throughput_ratio"], ".2f"),
            spread_text(row["p50_ms"], ".2f"),
            spread_text(row["load_us"], ".0f"),
        )
        for row in _sorted(result["served"])
    ]
    head = ["", "requests per second", "to ours", "p50 ms", "processor µs of the load itself"]
    return (
        f"{end_to_end.WORKERS} workers of {end_to_end.THREADS} threads, as many clients over HTTP, "
        f"{MIDDLE_KB} KB; DynamoDB as canned answers after 0 ms, and a Redis.\n\n"
        + table(head, rows)
    )


def _footprint(result: dict[str, Any]) -> str:
    rows = [
        (row["caller"], *(spread_text(row[figure], ",.0f") for figure in FIGURES))
        for row in result["footprint"]
    ]
    return table(["calls by", "growth of memory, KB", "growth of open descriptors"], rows)


def _parts(result: dict[str, Any]) -> str:
    rows = [(name, spread_text(values, ".1f")) for name, values in result["parts"].items()]
    return table(["part", "processor µs"], rows)


def growth_table(rows: list[dict[str, Any]]) -> str:
    """Return the cost of a request as the table grows."""
    lines = [
        (
            f"{row['items']:,}",
            f"{row['reads']:.2f} + {row['writes']:.2f}",
            f"{row['read_units']:.2f} + {row['write_units']:.2f}",
            spread_text(row["processor_us"], ",.0f"),
            spread_text(row["processor_us_ratio"], ".2f"),
            spread_text(row["p50_ms"], ".2f"),
            spread_text(row["p50_ms_ratio"], ".2f"),
        )
        for row in rows
    ]
    head = ["items", "reads + writes", "units", "processor µs", "to one item's"]
    return table([*head, "p50 ms, through the meter", "to one item's"], lines)


def growth_markdown(result: dict[str, Any]) -> str:
    """Return the tables of a run with ``--growth-only``."""
    rows = result["growth"]
    ran_on = machine.text(result["about"], result["left_out"])
    parts = (ran_on, goal_rows(growth_goals(rows)), growth_table(rows))
    return "\n\n".join(parts) + "\n"


def _special_keys(result: dict[str, Any]) -> str:
    rows = [
        (
            row["special_keys"],
            "; ".join(row["calls"]),
            spread_text(row["read_us"], ".0f"),
            spread_text(row["read_ratio"], ".2f"),
            spread_text(row["change_us"], ".0f"),
            f"{row['item_bytes']:,}",
        )
        for row in result["special_keys"]
    ]
    return table(["special keys", "calls", "read, µs", "to one", "change, µs", "item, bytes"], rows)


def _sorted(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: ORDER[row["candidate"]])

"""A result as plots, if matplotlib is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from beaker_dynamodb.cli.capacity import PRICE_READ_MILLION, PRICE_WRITE_MILLION
from benchmarks.candidates import CANDIDATES
from benchmarks.chart_style import NEUTRAL, STYLE, save
from benchmarks.plan import MIDDLE_KB

#: A median with its minimum and maximum, as in a result.
Spread = dict[str, float]
Rows = list[dict[str, Any]]


def draw(result: dict[str, Any], folder: Path) -> list[Path]:
    """Write the SVG files and return their paths; none without matplotlib."""
    try:
        import matplotlib as mpl
    except ImportError:
        return []
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    plt.style.use(STYLE)
    mix = [row for row in result["mix"] if row["candidate"] != "nothing"]
    canned = list(dict.fromkeys(row["store"] for row in mix if row["store"].startswith("canned")))
    undelayed = [row for row in mix if row["store"] == canned[0] and row["clients"] == 1]
    middle = [row for row in mix if row["size_kb"] == MIDDLE_KB]
    # The other candidates make the same calls as `ours`: their lines would coincide.
    priced = {one.name for one in CANDIDATES if one.role == "peer"} | {"ours", "ours-auto"}
    costs = [
        {**row, "dollars": _exactly(dollars(row))}
        for row in result["capacity"]
        if row["candidate"] in priced
    ]
    return [
        _lines(
            costs,
            ("size_kb", "dollars"),
            ("KB of session data", "dollars for a million requests"),
            folder / "cost.svg",
        ),
        _bars(
            {row["candidate"]: row["processor_us"] for row in undelayed if row in middle},
            f"processor µs per request, session of {MIDDLE_KB} KB, store answers at once",
            folder / "processor.svg",
        ),
        _bars(
            {row["candidate"]: row["wall_ms"] for row in result["first"]},
            "first request of a fresh process, ms",
            folder / "first-request.svg",
        ),
        _lines(
            [row for row in middle if row["store"] == canned[-1]],
            ("clients", "requests_per_second"),
            ("concurrent clients", f"requests per second, session of {MIDDLE_KB} KB, {canned[-1]}"),
            folder / "throughput.svg",
        ),
    ]


def dollars(row: dict[str, Any]) -> float:
    """Return what a million requests cost, on demand."""
    reads: float = row["read_units"] * PRICE_READ_MILLION
    writes: float = row["write_units"] * PRICE_WRITE_MILLION
    return reads + writes


def label(value: float) -> str:
    """Format a number for a label, without an exponent."""
    return f"{value:,.0f}" if value >= 100 else f"{value:,.3g}"


def _exactly(value: float) -> Spread:
    return {"median": value, "min": value, "max": value}


def _bars(values: dict[str, Spread], title: str, path: Path) -> Path:
    """Draw medians, with minimum and maximum as whiskers."""
    import matplotlib.pyplot as plt

    shown = [(one, values[one.name]) for one in reversed(CANDIDATES) if one.name in values]
    medians = [spread["median"] for _, spread in shown]
    figure, axes = plt.subplots(figsize=(9, 0.8 + 0.4 * len(shown)), layout="constrained")
    axes.barh(
        [one.title for one, _ in shown],
        medians,
        xerr=[
            [spread["median"] - spread["min"] for _, spread in shown],
            [spread["max"] - spread["median"] for _, spread in shown],
        ],
        color=["#e76f51" if one.role == "ours" else "#9db4c0" for one, _ in shown],
        ecolor=NEUTRAL,
        capsize=2 if medians != [spread["max"] for _, spread in shown] else 0,
    )
    axes.margins(x=0.12)
    for place, (_, spread) in enumerate(shown):
        axes.annotate(
            label(spread["median"]),
            (spread["max"], place),
            (5, 0),
            textcoords="offset points",
            va="center",
        )
    if max(medians) > 10 * min(medians):
        axes.set_xscale("log")
        title += " (logarithmic)"
        axes.set_xlim(min(medians) / 2, 2 * max(spread["max"] for _, spread in shown))
    axes.set_title(title)
    return save(figure, path)


def _lines(rows: Rows, names: tuple[str, str], labels: tuple[str, str], path: Path) -> Path:
    """Draw medians over sizes or clients, with minimum and maximum as whiskers."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 5.5), layout="constrained")
    for number, one in enumerate(CANDIDATES):
        of_one = sorted(
            (row[names[0]], *(row[names[1]][each] for each in ("median", "min", "max")))
            for row in rows
            if row["candidate"] == one.name
        )
        if of_one:
            places, medians, least, greatest = zip(*of_one, strict=True)
            axes.errorbar(
                places,
                medians,
                yerr=[
                    [a - b for a, b in zip(medians, least, strict=True)],
                    [a - b for a, b in zip(greatest, medians, strict=True)],
                ],
                label=one.title,
                color=f"C{number % 10}",
                linestyle={"ours": "-", "peer": "--", "limit": ":"}[one.role],
                linewidth=2.5 if one.role == "ours" else 1,
                marker="o" if number < 10 else "s",
                markersize=4,
                capsize=2,
            )
    axes.set_xscale("log")
    axes.set_yscale("log")
    ticks = sorted({row[names[0]] for row in rows})
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.yaxis.set_major_formatter(lambda value, _: label(value))
    axes.set_xlabel(labels[0])
    axes.set_title(f"{labels[1]} (logarithmic)")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return save(figure, path)

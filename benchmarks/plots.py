"""A result as plots, where matplotlib is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.candidates import BY_NAME, CANDIDATES, OURS
from benchmarks.plan import MIDDLE_KB


def draw(result: dict[str, Any], folder: Path) -> list[Path]:
    """Write the PNG files; none without matplotlib."""
    try:
        import matplotlib as mpl
    except ImportError:
        return []
    mpl.use("Agg")
    mix = [row for row in result["mix"] if row["candidate"] != "nothing"]
    first = dict.fromkeys(row["store"] for row in mix if row["store"].startswith("canned"))
    at_once = [row for row in mix if row["store"] in list(first)[:1] and row["clients"] == 1]
    return [
        _bars(
            {row["candidate"]: row["write_units"] for row in _of_size(result["capacity"], 16)},
            "write capacity units per request, session of 16 KB",
            folder / "write-units.png",
        ),
        _bars(
            {
                row["candidate"]: row["processor_us"]["median"]
                for row in _of_size(at_once, MIDDLE_KB)
            },
            f"processor µs per request, session of {MIDDLE_KB} KB, store answers at once",
            folder / "processor.png",
        ),
        _bars(
            {row["candidate"]: row["wall_ms"]["median"] for row in result["first"]},
            "first request of a fresh process, ms",
            folder / "first-request.png",
        ),
        _lines(
            [row for row in _of_size(mix, MIDDLE_KB) if row["store"] == list(first)[-1]],
            f"requests a second, session of {MIDDLE_KB} KB, {list(first)[-1]}",
            folder / "throughput.png",
        ),
    ]


def _of_size(rows: list[dict[str, Any]], size_kb: int) -> list[dict[str, Any]]:
    return [row for row in rows if row["size_kb"] == size_kb]


def _bars(values: dict[str, float], title: str, path: Path) -> Path:
    import matplotlib.pyplot as plt

    names = [candidate.name for candidate in reversed(CANDIDATES) if candidate.name in values]
    figure, axes = plt.subplots(figsize=(9, 0.6 + 0.4 * len(names)), layout="constrained")
    bars = axes.barh(
        [BY_NAME[name].title for name in names],
        [values[name] for name in names],
        color=["tab:orange" if name in (OURS, "beaker") else "tab:gray" for name in names],
    )
    axes.bar_label(bars, fmt="{:,.4g}", padding=3)
    axes.set_title(title, fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.12)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


def _lines(rows: list[dict[str, Any]], title: str, path: Path) -> Path:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 4.5), layout="constrained")
    for candidate in CANDIDATES:
        of_one = sorted(
            (row["clients"], row["requests_per_second"]["median"])
            for row in rows
            if row["candidate"] == candidate.name
        )
        if of_one:
            width = 2.5 if candidate.name in (OURS, "beaker") else 1
            axes.plot(*zip(*of_one, strict=True), marker="o", label=candidate.title, lw=width)
    axes.set_xlabel("concurrent clients")
    axes.set_xticks(sorted({row["clients"] for row in rows}))
    axes.set_ylim(bottom=0)
    axes.set_title(title, fontsize=10)
    axes.legend(fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path

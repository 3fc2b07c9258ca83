"""The look of the documentation's charts: SVG that is readable on white and on dark pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

#: Axes and text.
NEUTRAL = "#888888"
#: matplotlib's settings: text stays text, and the same figures yield the same bytes.
STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "beaker_dynamodb",
    "text.color": NEUTRAL,
    "axes.edgecolor": NEUTRAL,
    "axes.labelcolor": NEUTRAL,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "xtick.color": NEUTRAL,
    "ytick.color": NEUTRAL,
    "legend.frameon": False,
    "legend.fontsize": 8,
}


def save(figure: Any, path: Path) -> Path:
    """Write a figure as SVG, and return its path."""
    import matplotlib.pyplot as plt

    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="svg", transparent=True, metadata={"Date": None})
    plt.close(figure)
    return path

"""Draw how a site fares, second by second, while its store fails.

The site and its visitors are those of ``python -m tests.chaos.site``. Takes half a minute, and
needs matplotlib (benchmarks/requirements.txt).

    python -m tests.chaos.outage_chart docs/charts/outage.svg
    python -m tests.chaos.outage_chart --failure "connections reset" reset.svg
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.chart_style import NEUTRAL, STYLE, save
from tests.chaos.faults import silence
from tests.chaos.proxy import Plan
from tests.chaos.site import FAILURES, visited
from tests.conftest import pytest_configure

WARM_UP_SECONDS = 3
#: Seconds that are drawn, and those in which the store fails.
SECONDS = 22
OUTAGE = range(6, 14)


@dataclass(frozen=True)
class Second:
    """The pages that ended in one second."""

    answered: int  # with a session
    refused: int  # with a session
    plain: int  # without a session


def measure(failure: str, server: str) -> tuple[list[Second], int]:
    """Return the counts of each second, and the number of lost sessions."""
    with visited(server) as (proxy, load):
        time.sleep(WARM_UP_SECONDS)
        load.next_phase()
        seconds, began = [], time.monotonic()
        for second in range(SECONDS):
            if second == OUTAGE.start:
                proxy.inject(FAILURES[failure]())
            elif second == OUTAGE.stop:
                proxy.inject(Plan(silence, 0))
            time.sleep(max(0.0, began + second + 1 - time.monotonic()))
            pages = load.next_phase()
            session, plain = pages["/session"], pages["/plain"]
            seconds.append(Second(len(session.answered), len(session.refused), len(plain.answered)))
    return seconds, load.restarts


def draw(seconds: Sequence[Second], failure: str, path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    with plt.style.context(STYLE):
        figure, axes = plt.subplots(figsize=(9, 3.6), layout="constrained")
        answered = [second.answered for second in seconds]
        places = [number + 0.5 for number in range(len(seconds))]
        axes.axvspan(OUTAGE.start, OUTAGE.stop, color=NEUTRAL, alpha=0.2, label="the store fails")
        axes.bar(places, answered, 0.9, color="#2a9d8f", label="with a session: answered")
        axes.bar(
            places,
            [second.refused for second in seconds],
            0.9,
            bottom=answered,
            color="#e76f51",
            label="with a session: refused (StoreUnavailable)",
        )
        axes.plot(
            places,
            [second.plain for second in seconds],
            color=NEUTRAL,
            marker="o",
            markersize=4,
            label="without a session: answered",
        )
        axes.set_xlim(0, len(seconds))
        axes.set_xticks(range(0, len(seconds) + 1, 2))
        axes.set_xlabel("seconds")
        axes.set_title(f"pages per second; failure: {failure}")
        figure.legend(loc="outside lower center", ncols=2)
        save(figure, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("path", type=Path, help="the SVG file to write")
    parser.add_argument("--failure", choices=FAILURES, default="silence")
    parser.add_argument("--server", choices=["waitress", "gunicorn"], default="waitress")
    given = parser.parse_args()
    pytest_configure()  # isolate from the developer's AWS account, as tests do
    seconds, lost = measure(given.failure, given.server)
    for number, second in enumerate(seconds):
        print(f"{number:3}  {second}")
    print(f"sessions lost: {lost}")
    draw(seconds, given.failure, given.path)


if __name__ == "__main__":
    main()

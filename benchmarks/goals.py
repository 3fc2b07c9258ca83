"""The figures that the package is held to, from the rows of a result."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.candidates import CANDIDATES, OURS
from benchmarks.plan import MIDDLE_KB

#: Not compared with: they do less than a session.
LIMITS = ("boto3", "boto3-beaker", "signed", "nothing")


@dataclass(frozen=True)
class Goal:
    """One figure.

    :param wanted: the goal, in words.
    :param measured: what came out, in words.
    :param met: whether that is within the goal.
    """

    figure: str
    wanted: str
    measured: str
    met: bool


def goals(result: dict[str, Any]) -> Iterator[Goal]:
    """Give every figure that this result has the rows for."""
    yield from _capacity(result["capacity"])
    yield from _processor(result["derived"], result["mix"])
    yield from _first(result["first"])
    yield from _scaling(result["scaling"])
    yield from _growth(result["growth"])


def _capacity(rows: list[dict[str, Any]]) -> Iterator[Goal]:
    ours = [row for row in rows if row["candidate"] in (OURS, "beaker")]
    counts = sorted({(row["reads"], row["writes"]) for row in ours})
    said = " and ".join(f"{reads:.2f} + {writes:.2f}" for reads, writes in counts)
    yield Goal("reads + writes per request", "1.00 + 0.10", said, counts == [(1.0, 0.1)])
    units = {row["candidate"]: row["write_units"] for row in rows if row["size_kb"] == 16}
    for name, part in (("flask-session", 1 / 20), ("pyramid", 1 / 2)):
        if name in units:
            ratio = units[OURS] / units[name]
            yield Goal(
                f"write units at 16 KB, against {_title(name)}",
                f"at most 1/{1 / part:.0f}",
                f"{units[OURS]:.2f} : {units[name]:.2f} = 1/{1 / ratio:.1f}",
                ratio <= part,
            )


def _processor(derived: dict[str, Any], mix: list[dict[str, Any]]) -> Iterator[Goal]:
    for name in ("our middleware", "Beaker's middleware"):
        added = derived[f"added_us, {name}"]
        yield Goal(
            f"processor time that our code adds to Beaker's own and to its calls, {name}, "
            f"{MIDDLE_KB} KB",
            "at most 60 µs",
            f"{spread_text(added, '.0f')} µs",
            added["median"] <= 60,
        )
    at_once = [
        row
        for row in mix
        if (row["clients"], row["size_kb"]) == (1, MIDDLE_KB) and row["store"] == "canned, 0 ms"
    ]
    peers = [row for row in at_once if row["candidate"] not in (OURS, "beaker", *LIMITS)]
    if peers:
        best = min(peers, key=lambda row: row["processor_us"]["median"])
        ratio = best["processor_ratio"]
        yield Goal(
            "processor time per request, the best peer on DynamoDB against ours",
            "more than 1",
            f"{spread_text(ratio, '.2f')}, {_title(best['candidate'])}",
            ratio["median"] > 1,
        )
    share = derived["store_share"]
    yield Goal(
        "the store's share of a request, against the same calls by a default boto3 client",
        "at most 0.85",
        spread_text(share, ".2f"),
        share["median"] <= 0.85,
    )


def _first(rows: list[dict[str, Any]]) -> Iterator[Goal]:
    for row in rows:
        if row["candidate"] in ("boto3", "boto3-beaker"):
            wall, processor = row["ours_wall_ratio"], row["ours_processor_ratio"]
            yield Goal(
                "first request of a fresh process, against import boto3, client and one call"
                + (", Beaker imported in both" if row["candidate"] == "boto3-beaker" else ""),
                "at most 1.1 times",
                f"{spread_text(wall, '.2f')}; in processor time {spread_text(processor, '.2f')}",
                wall["median"] <= 1.1,
            )


def _scaling(rows: list[dict[str, Any]]) -> Iterator[Goal]:
    for row in rows:
        ratio = row["ratio"]
        yield Goal(
            f"throughput of {row['clients']} threads to one, against bare boto3's; {row['store']}",
            "at least 0.9",
            f"{spread_text(ratio, '.2f')}; {row['ours']['median']:.2f} and "
            f"{row['bare']['median']:.2f} times",
            ratio["median"] >= 0.9,
        )


def _growth(rows: list[dict[str, Any]]) -> Iterator[Goal]:
    kinds = {(row["reads"], row["writes"], row["read_units"], row["write_units"]) for row in rows}
    yield Goal(
        f"calls and units per request, from 1 to {rows[-1]['items']:,} items",
        "the same",
        "the same" if len(kinds) == 1 else "; ".join(map(str, sorted(kinds))),
        len(kinds) == 1,
    )


def spread_text(values: dict[str, float], form: str) -> str:
    """Write a median, and the least and the greatest in brackets."""
    low, middle, high = (format(values[name], form) for name in ("min", "median", "max"))
    return f"{middle} ({low} to {high})"


def _title(name: str) -> str:
    return next(candidate.title for candidate in CANDIDATES if candidate.name == name)

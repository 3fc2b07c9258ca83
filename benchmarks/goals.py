"""The goals of the package, from the rows of a result."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks import footprint
from benchmarks.calls import DEFAULT
from benchmarks.candidates import BY_NAME, OURS, REDIS
from benchmarks.fleet import ratio
from benchmarks.plan import LARGE_KB, MIDDLE_KB

#: The processor time that the package may add to a request with ``type = memory``, as a fraction of
#: it. The goals were set where such a request took 65 µs.
MOST_ADDED = {"our middleware": 30 / 65, "Beaker's middleware": 45 / 65}
#: What footprint.py measures, in words.
FIGURES = {"memory_kb": "growth of memory", "descriptors": "growth of open descriptors"}


@dataclass(frozen=True)
class Goal:
    """One goal.

    :param wanted: the goal, in words.
    :param measured: what came out, in words.
    :param met: whether that is within the goal.
    """

    figure: str
    wanted: str
    measured: str
    met: bool


def goals(result: dict[str, Any]) -> Iterator[Goal]:
    """Return every goal that this result has rows for."""
    yield from _capacity(result["capacity"])
    yield from _processor(result["derived"], result["mix"])
    yield from _redis(result["against_redis"])
    yield from _first(result["first"])
    yield from _scaling(result["scaling"])
    yield from _footprint(result["footprint"])
    yield from _special_keys(result["special_keys"])
    yield from growth_goals(result["growth"])


def _capacity(rows: list[dict[str, Any]]) -> Iterator[Goal]:
    ours = [row for row in rows if BY_NAME[row["candidate"]].role == "ours"]
    counts = sorted({(row["reads"], row["writes"]) for row in ours})
    said = " and ".join(f"{reads:.2f} + {writes:.2f}" for reads, writes in counts)
    yield Goal("reads + writes per request", "1.00 + 0.10", said, counts == [(1.0, 0.1)])
    units = {row["candidate"]: row["write_units"] for row in rows if row["size_kb"] == LARGE_KB}
    for name, part in (("flask-session", 1 / 20), ("pyramid", 1 / 2)):
        if name in units:
            fraction = units[OURS] / units[name]
            yield Goal(
                f"write units at {LARGE_KB} KB, against {BY_NAME[name].title}",
                f"at most 1/{1 / part:.0f}",
                f"{units[OURS]:.2f} : {units[name]:.2f} = 1/{1 / fraction:.1f}",
                fraction <= part,
            )


def _processor(derived: dict[str, Any], mix: list[dict[str, Any]]) -> Iterator[Goal]:
    for over, said in (("", ""), (", TLS", ", over TLS")):
        share = derived[f"store_share{over}"]
        yield Goal(
            "the store's share of a request, against the same calls by a default boto3 client"
            + said,
            "at most 0.25",
            spread_text(share, ".2f"),
            share["median"] <= 0.25,
        )
    for name, most in MOST_ADDED.items():
        added, added_us = derived[f"added, {name}"], derived[f"added_us, {name}"]
        yield Goal(
            f"processor time that this package adds to Beaker's type = memory, without its calls, "
            f"{name}, {MIDDLE_KB} KB",
            f"at most {most:.2f}",
            f"{spread_text(added, '.2f')}; {spread_text(added_us, '.0f')} µs, pickle and zlib "
            f"alone {spread_text(derived['codec_us'], '.0f')} µs",
            added["median"] <= most,
        )
    undelayed = _undelayed(mix)
    peers = [
        row
        for name, row in undelayed.items()
        if (BY_NAME[name].role, BY_NAME[name].kind) == ("peer", "dynamodb")
    ]
    if peers:
        best = min(peers, key=lambda row: row["processor_us"]["median"])
        against = _processor_ratio(best, undelayed[OURS])
        yield Goal(
            "processor time per request, the best peer on DynamoDB against this package",
            "at least 3 times",
            f"{spread_text(against, '.2f')}, {BY_NAME[best['candidate']].title}",
            against["median"] >= 3,
        )


def _processor_ratio(one: dict[str, Any], other: dict[str, Any]) -> dict[str, float]:
    return ratio(one["processor_us_rounds"], other["processor_us_rounds"])


def _footprint(rows: list[dict[str, Any]]) -> Iterator[Goal]:
    by_caller = {row["caller"]: row for row in rows}
    for figure, unit in (("memory_kb", " KB"), ("descriptors", "")):
        if by_caller:
            ours, pooled, default = (
                by_caller[name][figure] for name in (footprint.OURS, footprint.POOLED, DEFAULT)
            )
            yield Goal(
                f"{FIGURES[figure]} after {footprint.REQUESTS} requests by {footprint.THREADS} "
                "threads over TLS, against the same calls by a boto3 client that keeps as many "
                "connections",
                "at most as much",
                f"{spread_text(ours, ',.0f')} : {spread_text(pooled, ',.0f')}{unit}; a default "
                f"client, which keeps ten, {spread_text(default, ',.0f')}{unit}",
                ours["median"] <= pooled["median"],
            )


def _redis(rows: list[dict[str, Any]]) -> Iterator[Goal]:
    for row in rows:
        both = f", both after {row['delay_ms']} ms" if row["delay_ms"] else ""
        yield Goal(
            f"processor time per request, against {BY_NAME[REDIS].title} on a Redis{both}",
            "at most 1.2 times",
            spread_text(row["ratio"], ".2f"),
            row["ratio"]["median"] <= 1.2,
        )


def _undelayed(mix: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the rows of one client and a server without a delay, by candidate."""
    return {
        row["candidate"]: row
        for row in mix
        if (row["clients"], row["size_kb"]) == (1, MIDDLE_KB) and row["store"] == "canned, 0 ms"
    }


def _first(rows: list[dict[str, Any]]) -> Iterator[Goal]:
    for row in rows:
        if row["candidate"] in ("boto3", "boto3-beaker"):
            wall, processor = row["ours_wall_ratio"], row["ours_processor_ratio"]
            yield Goal(
                "first request of a fresh process, against import boto3, client and one call"
                + (", a Beaker session in both" if row["candidate"] == "boto3-beaker" else ""),
                "at most as long",
                f"{spread_text(wall, '.2f')}; in processor time {spread_text(processor, '.2f')}",
                wall["median"] <= 1.0,
            )


def _scaling(rows: list[dict[str, Any]]) -> Iterator[Goal]:
    for row in rows:
        reached = row["ratio"]
        ours, bare = (
            f"{row[name]['median']:.2f} of {row[f'{name}_ceiling']['median']:.2f} times"
            for name in ("ours", "bare")
        )
        yield Goal(
            f"throughput of {row['clients']} threads to one, each against what the interpreter "
            f"lets it reach, against bare boto3's; {row['store']}",
            "at least 1",
            f"{spread_text(reached, '.2f')}; ours {ours}, bare {bare}; without the interpreter's "
            f"limit {spread_text(row['plain_ratio'], '.2f')}",
            reached["median"] >= 1,
        )


def _special_keys(rows: list[dict[str, Any]]) -> Iterator[Goal]:
    if rows:
        last = rows[-1]
        calls = {tuple(row["calls"]) for row in rows}
        size = f"{rows[0]['item_bytes']:,} to {last['item_bytes']:,} bytes"
        yield Goal(
            f"processor time of a request that reads, {last['special_keys']} special keys to 1",
            "at most 1.1 times, the same calls",
            f"{spread_text(last['read_ratio'], '.2f')}, "
            f"{'the same calls' if len(calls) == 1 else sorted(calls)}; the item grows by the "
            f"copies, {size}",
            last["read_ratio"]["median"] <= 1.1 and len(calls) == 1,
        )


def growth_goals(rows: list[dict[str, Any]]) -> Iterator[Goal]:
    """Return the goals for the cost of a request as the table grows."""
    last = rows[-1]
    counts = ("reads", "writes", "read_units", "write_units")
    kinds = {tuple(row[name] for name in counts) for row in rows}
    yield Goal(
        f"calls and units per request, from 1 to {last['items']:,} items",
        "the same",
        "the same" if len(kinds) == 1 else "; ".join(map(str, sorted(kinds))),
        len(kinds) == 1,
    )
    to_one = last["processor_us_ratio"]
    yield Goal(
        f"processor time per request at {last['items']:,} items, against a table of one",
        "at most 1.1 times",
        spread_text(to_one, ".2f"),
        to_one["median"] <= 1.1,
    )


def spread_text(values: dict[str, float], form: str) -> str:
    """Format a median, with minimum and maximum in brackets if there are several rounds."""
    low, middle, high = (format(values[name], form) for name in ("min", "median", "max"))
    return f"{middle} ({low} to {high})" if low != high else middle

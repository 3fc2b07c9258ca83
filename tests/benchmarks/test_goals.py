"""Each goal is reached up to its limit, and not beyond it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.calls import DEFAULT
from benchmarks.fleet import spread
from benchmarks.footprint import OURS, POOLED
from benchmarks.goals import goals

Result = dict[str, Any]


def mixed(candidate: str, processor_us: float) -> dict[str, Any]:
    return {
        "candidate": candidate,
        "clients": 1,
        "size_kb": 4,
        "store": "canned, 0 ms",
        "processor_us": spread([processor_us]),
        "processor_us_rounds": [processor_us],
    }


def grown(caller: str, descriptors: float) -> dict[str, Any]:
    return {
        "caller": caller,
        "memory_kb": spread([4000.0]),
        "descriptors": spread([descriptors]),
    }


def at_the_limits() -> Result:
    one = spread([1.0])
    counts = {"reads": 1.0, "writes": 0.1, "read_units": 1.0}
    return {
        "capacity": [
            {"candidate": name, "size_kb": 16, "write_units": units, **counts}
            for name, units in (("ours", 0.5), ("flask-session", 10.0), ("pyramid", 1.0))
        ],
        "derived": {
            "store_share": spread([0.25]),
            "store_share, TLS": spread([0.25]),
            "codec_us": spread([20.0]),
            "added_us, our middleware": spread([30.0]),
            "added, our middleware": spread([30 / 65]),
            "added_us, Beaker's middleware": spread([45.0]),
            "added, Beaker's middleware": spread([45 / 65]),
        },
        "mix": [mixed("ours", 240), mixed("pyramid", 720), mixed("redis", 200)],
        "against_redis": [{"delay_ms": ms, "ratio": spread([1.2])} for ms in (0, 5)],
        "first": [
            {"candidate": name, "ours_wall_ratio": one, "ours_processor_ratio": one}
            for name in ("boto3", "boto3-beaker")
        ],
        "scaling": [
            {"store": "canned, 5 ms", "clients": 32, "ratio": one, "plain_ratio": one}
            | dict.fromkeys(("ours", "ours_ceiling", "bare", "bare_ceiling"), one)
        ],
        "footprint": [grown(OURS, 31), grown(DEFAULT, 9), grown(POOLED, 31)],
        "special_keys": [
            {
                "special_keys": 64,
                "calls": ["1 GetItem", "1 GetItem, 1 PutItem"],
                "read_ratio": spread([1.1]),
                "item_bytes": 2000,
            }
        ],
        "growth": [
            {**counts, "write_units": 0.2, "items": 10_000, "processor_us_ratio": spread([1.1])}
        ],
    }


def test_every_goal_is_reached_at_its_limit() -> None:
    reached = list(goals(at_the_limits()))
    assert [] == [goal for goal in reached if not goal.met]
    assert 18 == len(reached)


BEYOND: dict[str, Callable[[Result], object]] = {
    "reads + writes": lambda result: result["capacity"][0].update(writes=0.2),
    "flask-session": lambda result: result["capacity"][1].update(write_units=9.9),
    "pyramid-dynamodb-sessions": lambda result: result["capacity"][2].update(write_units=0.9),
    "default boto3 client": lambda result: result["derived"].update(store_share=spread([0.251])),
    "over TLS": lambda result: result["derived"].update({"store_share, TLS": spread([0.251])}),
    "calls, our middleware": lambda result: result["derived"].update(
        {"added, our middleware": spread([30.1 / 65])}
    ),
    "calls, Beaker's middleware": lambda result: result["derived"].update(
        {"added, Beaker's middleware": spread([45.1 / 65])}
    ),
    "ext:redis on a Redis": lambda result: result["against_redis"][0].update(ratio=spread([1.21])),
    "both after 5 ms": lambda result: result["against_redis"][1].update(ratio=spread([1.21])),
    "best peer": lambda result: result["mix"].__setitem__(1, mixed("pyramid", 719)),
    "client and one call": lambda result: result["first"][0].update(ours_wall_ratio=spread([1.01])),
    "a Beaker session": lambda result: result["first"][1].update(ours_wall_ratio=spread([1.01])),
    "32 threads to one": lambda result: result["scaling"][0].update(ratio=spread([0.99])),
    "growth of memory": lambda result: result["footprint"][0].update(memory_kb=spread([4001.0])),
    "growth of open": lambda result: result["footprint"].__setitem__(0, grown(OURS, 32)),
    "special keys": lambda result: result["special_keys"][0].update(read_ratio=spread([1.11])),
    "from 1 to 10,000": lambda result: result["growth"].insert(
        0, result["growth"][0] | {"reads": 2.0}
    ),
    "against a table of one": lambda result: result["growth"][0].update(
        processor_us_ratio=spread([1.11])
    ),
}


@pytest.mark.parametrize("figure", BEYOND)
def test_a_goal_is_missed_beyond_its_limit(figure: str) -> None:
    result = at_the_limits()
    BEYOND[figure](result)
    (missed,) = (goal for goal in goals(result) if not goal.met)
    assert figure in missed.figure


def test_goals_of_candidates_that_did_not_run_are_left_out() -> None:
    result = at_the_limits()
    result["mix"], result["footprint"], result["against_redis"] = result["mix"][:1], [], []
    assert 13 == len([goal for goal in goals(result) if goal.met])

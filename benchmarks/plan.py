"""Sizes of a run: full, quick, or a smoke test."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """The size of one benchmark run.

    :param candidates: names of the candidates to run; empty means all.
    :param sizes_kb: session sizes.
    :param clients: numbers of concurrent clients, each with its own session and thread.
    :param delays_ms: delays of the canned server.
    :param requests: requests of a single client per round. Concurrent clients send twice this
        number in total, at least 10 each.
    :param local_rounds: interleaved rounds on DynamoDB Local.
    :param canned_rounds: rounds on the canned server without a delay.
    :param delayed_rounds: rounds on the canned server with a delay.
    :param cold_rounds: new processes per candidate.
    :param footprint_rounds: new processes per caller, for memory and descriptors.
    :param redis_requests: requests per round in the comparison with Redis.
    :param redis_rounds: alternating rounds of this package and Redis.
    :param served_rounds: rounds on each application behind gunicorn.
    :param parts_rounds: rounds of the breakdown of one request.
    :param scaling_rounds: alternating rounds of one thread and many.
    :param growth_rounds: alternating rounds on a growing table and on a table with one item.
    :param items: largest number of items in the table.
    """

    candidates: tuple[str, ...] = ()
    sizes_kb: tuple[int, ...] = (1, 4, 16, 64)
    clients: tuple[int, ...] = (1, 8, 32)
    delays_ms: tuple[int, ...] = (0, 2, 5)
    requests: int = 200
    local_rounds: int = 4
    canned_rounds: int = 6
    delayed_rounds: int = 4
    cold_rounds: int = 7
    footprint_rounds: int = 5
    redis_requests: int = 100
    redis_rounds: int = 60
    served_rounds: int = 9
    parts_rounds: int = 100
    scaling_rounds: int = 16
    growth_rounds: int = 10
    items: int = 10_000


#: Session size in the comparisons of CPU time, clients and delays.
MIDDLE_KB = 4
#: Session size in the comparisons of write units and of all clients at once.
LARGE_KB = 16

FULL = Plan()
QUICK = Plan(
    sizes_kb=(4, 16),
    delays_ms=(0, 5),
    requests=40,
    local_rounds=2,
    canned_rounds=4,
    delayed_rounds=2,
    cold_rounds=3,
    footprint_rounds=2,
    redis_rounds=30,
    served_rounds=3,
    parts_rounds=40,
    scaling_rounds=12,
    growth_rounds=4,
    items=1_000,
)
#: For the benchmark's smoke test.
SMOKE = Plan(
    candidates=("ours", "ours-auto", "boto3", "boto3-beaker"),
    sizes_kb=(4,),
    clients=(1, 2),
    delays_ms=(0,),
    requests=20,
    local_rounds=1,
    canned_rounds=1,
    delayed_rounds=1,
    cold_rounds=1,
    footprint_rounds=1,
    redis_requests=20,
    redis_rounds=1,
    served_rounds=1,
    parts_rounds=2,
    scaling_rounds=1,
    growth_rounds=1,
    items=10,
)

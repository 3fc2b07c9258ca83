"""How much is measured: the whole, quickly, or the smallest slice of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """What one run of the benchmark does.

    :param candidates: names of those to run; empty: all.
    :param sizes_kb: of the sessions.
    :param clients: concurrent ones, each with a session and a thread of its own.
    :param delays_ms: of the canned-answer server.
    :param requests: of one client in a round; of many at once twice as many in all, or 10 each.
    :param local_rounds: interleaved rounds on DynamoDB Local.
    :param canned_rounds: the same on the canned-answer server where it answers at once.
    :param delayed_rounds: the same where it waits.
    :param cold_rounds: fresh processes of each candidate.
    :param parts_rounds: of the breakdown of one request of ours.
    :param scaling_rounds: of one thread and many, in turn.
    :param growth_rounds: of the mix, on a table that fills and on one that does not, in turn.
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
    parts_rounds: int = 100
    scaling_rounds: int = 8
    growth_rounds: int = 10
    items: int = 10_000


#: The size at which processor time, clients and delays are compared.
MIDDLE_KB = 4
#: The size at which write units are compared, and all clients at once.
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
    parts_rounds=40,
    scaling_rounds=4,
    growth_rounds=4,
    items=1_000,
)
#: For the test that the benchmark still works.
SMOKE = Plan(
    candidates=("ours", "ours-auto", "ours-lean", "beaker", "boto3", "boto3-beaker", "signed"),
    sizes_kb=(4,),
    clients=(1, 2),
    delays_ms=(0,),
    requests=20,
    local_rounds=1,
    canned_rounds=1,
    delayed_rounds=1,
    cold_rounds=1,
    parts_rounds=2,
    scaling_rounds=1,
    growth_rounds=1,
    items=10,
)

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
    :param local_rounds: interleaved rounds on DynamoDB Local, of one client four times as many.
    :param canned_rounds: the same on the canned-answer server.
    :param local_matrix: every size with every number of clients; otherwise the sizes with one
        client, and the clients with the first size of `MIDDLE_KB` or more.
    :param cold_rounds: fresh processes of each candidate.
    :param parts_rounds: of the breakdown of one request of ours.
    :param scaling_rounds: of one thread and many, in turn.
    :param items: largest number of items in the table.
    """

    candidates: tuple[str, ...] = ()
    sizes_kb: tuple[int, ...] = (1, 4, 16, 64)
    clients: tuple[int, ...] = (1, 8, 32)
    delays_ms: tuple[int, ...] = (0, 2, 5)
    local_rounds: int = 2
    canned_rounds: int = 4
    local_matrix: bool = True
    cold_rounds: int = 7
    parts_rounds: int = 100
    scaling_rounds: int = 8
    items: int = 10_000


#: The size at which processor time, clients and delays are compared.
MIDDLE_KB = 4

FULL = Plan()
QUICK = Plan(
    sizes_kb=(4, 16),
    clients=(1, 8, 32),
    delays_ms=(0, 5),
    local_rounds=1,
    canned_rounds=1,
    local_matrix=False,
    cold_rounds=3,
    parts_rounds=40,
    scaling_rounds=4,
    items=1_000,
)
#: For the test that the benchmark still works.
SMOKE = Plan(
    candidates=("ours", "beaker", "boto3", "boto3-beaker", "signed"),
    sizes_kb=(4,),
    clients=(1, 2),
    delays_ms=(0,),
    local_rounds=1,
    canned_rounds=1,
    local_matrix=False,
    cold_rounds=1,
    parts_rounds=2,
    scaling_rounds=1,
    items=10,
)

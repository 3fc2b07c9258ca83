"""Print the table of the README's section "What was tried": ``python -m tests.chaos.report``.

It needs DynamoDB Local, which the tests have fetched. ``--times 10`` makes ten times as many
requests.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator

from tests.chaos.faults import KINDS, SHARES
from tests.chaos.load import Outcome, run
from tests.conftest import CACHE, pytest_configure
from tests.servers.dynamodb_local import DynamoDBLocal
from tests.servers.endpoint import Endpoint, create_table

HEAD = ["fault", "share", "requests", "calls", "faulted", "errors", "survived", "lost", "log-outs"]


def outcomes(endpoint: Endpoint, times: int) -> Iterator[tuple[str, float, Outcome]]:
    """Let visitors meet every fault at every share."""
    for number, (name, kind) in enumerate(KINDS.items()):
        for share in SHARES:
            table = f"chaos-{number}-{share}"
            create_table(endpoint.client, table)
            yield name, share, run({**endpoint.options, "table_name": table}, kind, share, times)


def row(name: str, share: float, outcome: Outcome) -> str:
    """Give a line of the table.

    What survived are requests that were answered, and whose promise was kept.
    """
    survived = outcome.requests - len(outcome.errors) - len(outcome.lost) - outcome.logged_out
    numbers = [outcome.requests, outcome.calls, outcome.faults, len(outcome.errors), survived]
    bad = [len(outcome.lost), outcome.logged_out + outcome.returned]
    return line([name, f"{share:.0%}", *map(str, numbers + bad)])


def line(cells: list[str]) -> str:
    """Give a line of a table in Markdown."""
    return f"| {' | '.join(cells)} |"


def main() -> int:
    """Print the table; 1 if anything was there that must not be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=1, help="so many times as many requests")
    times = parser.parse_args().times
    pytest_configure()  # cut off from the developer's AWS account, as tests are
    print(line(HEAD), line(["---"] * len(HEAD)), sep="\n")
    server = DynamoDBLocal(CACHE / "dynamodb-local")
    damaged = []
    try:
        for name, share, outcome in outcomes(Endpoint("local", server.endpoint_url), times):
            print(row(name, share, outcome), flush=True)
            if outcome.damage or outcome.strange_errors(KINDS[name]):
                damaged.append((name, share, outcome.damage, outcome.strange_errors(KINDS[name])))
    finally:
        server.stop()
    for each in damaged:
        print(*each, sep=os.linesep, file=sys.stderr)
    return 1 if damaged else 0


if __name__ == "__main__":
    sys.exit(main())

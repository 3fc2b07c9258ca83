"""Print the documentation's table of faults: ``python -m tests.chaos.report``.

Run the tests first: they download DynamoDB Local. ``--times 10`` multiplies the number of requests
and the duration of outages by 10. The results of each share are printed to standard error.
"""

from __future__ import annotations

import argparse
import sys

from tests.chaos.faults import KINDS, SHARES
from tests.chaos.load import Outcome, run
from tests.conftest import CACHE, pytest_configure
from tests.servers.dynamodb_local import DynamoDBLocal
from tests.servers.endpoint import Endpoint, create_table

#: Duration of the fault if all calls fail.
OUTAGE_SECONDS = 5.0
COLUMNS = [f"{share:.0%}" for share in SHARES[:-1]] + [f"100% for {OUTAGE_SECONDS:.0f} s"]
HEAD = ["error", "calls affected", *COLUMNS, "lost", "logged out"]


def row(name: str, outcomes: list[Outcome]) -> str:
    """Return a row of the table.

    :param outcomes: one for each share.
    """
    faults, calls = (sum(getattr(o, name) for o in outcomes) for name in ("faults", "calls"))
    lost = sum(len(outcome.lost) for outcome in outcomes)
    logged_out = sum(outcome.logged_out + outcome.returned for outcome in outcomes)
    # Requests that were acknowledged and whose write was kept.
    kept = (o.requests - len(o.errors) - len(o.lost) - o.logged_out for o in outcomes)
    successes = [f"{n} of {outcome.requests}" for n, outcome in zip(kept, outcomes, strict=True)]
    return line([name, f"{faults} of {calls}", *successes, str(lost), str(logged_out)])


def line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def note(*words: object) -> None:
    print(*words, file=sys.stderr, flush=True)


def main() -> int:
    """Print the table, and return 1 if there was a violation or an unexpected error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=1, help="factor for the number of requests")
    times = parser.parse_args().times
    pytest_configure()  # isolate from the developer's AWS account, as tests do
    print(line(HEAD), line(["---"] * len(HEAD)), sep="\n")
    sound = True
    with DynamoDBLocal(CACHE / "dynamodb-local") as server:
        endpoint = Endpoint("local", server.endpoint_url)
        for number, (name, kind) in enumerate(KINDS.items()):
            outcomes = []
            for share in SHARES:
                table = f"chaos-{number}-{share}"
                create_table(endpoint.client, table)
                options = {**endpoint.options, "table_name": table}
                seconds = OUTAGE_SECONDS * times if share == 1 else None
                outcome = run(options, kind, share, times, seconds)
                outcomes.append(outcome)
                strange = outcome.strange_errors(kind)
                note(name, f"{share:.0%}", f"{outcome.faults} of {outcome.calls} calls faulted,")
                note(f"  {len(outcome.errors)} of {outcome.requests} requests failed", strange)
                note(f"  damage: {outcome.damage or 'none'}")
                sound = sound and not outcome.damage and not strange
            print(row(name, outcomes), flush=True)
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())

"""Loads: visitors use two sites while the store fails, and no acknowledged write may be lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from time import sleep
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.dynamodb.circuit_breaker import breaker_of
from beaker_dynamodb.exceptions import DynamoDBError
from tests.chaos.faults import Kind
from tests.chaos.proxy import FaultProxy, Plan
from tests.chaos.visitors import Ledger, Visitor
from tests.sessions.site import Site, store, values

VISITORS = 6
#: Options of each middleware. By default Beaker's middleware starts a new session on any error.
SITES: dict[str, dict[str, object]] = {"ours": {}, "beaker": {"invalidate_corrupt": False}}
#: Rounds of three requests per visitor: in general, and with faults that make clients wait.
ROUNDS, SLOW_ROUNDS = 10, 4
#: Failing calls if all calls fail, before the store recovers.
OUTAGE_CALLS = 100
#: Visitors continue for this time after an outage of limited duration.
AFTER_SECONDS = 2.0
#: Longest pause between two attempts. Botocore pauses for up to 20 seconds.
MAX_PAUSE_SECONDS = 0.02
#: Attempts of a visitor to save after the faults; a busy machine may need several.
RECOVERY_ATTEMPTS = 5


@dataclass(frozen=True)
class Outcome:
    """The result of a load.

    :param calls: calls that reached the proxy during the fault.
    :param faults: calls that failed because of the fault.
    :param requests: requests of all visitors, including those with ``errors``.
    :param lost: acknowledged tokens that are missing in the store.
    :param invented: stored tokens that were never sent, or that are stored twice.
    :param logged_out: requests that unexpectedly found a new session.
    :param returned: sessions that exist after their logout was acknowledged.
    :param stuck: visitors that could not save after the faults.
    """

    calls: int
    faults: int
    requests: int
    errors: list[BaseException]
    lost: list[str]
    invented: list[str]
    logged_out: int
    returned: int
    stuck: int

    @property
    def damage(self) -> dict[str, Any]:
        """The violations, by name. Empty if there are none."""
        names = ("lost", "invented", "logged_out", "returned", "stuck")
        return {name: found for name in names if (found := getattr(self, name))}

    def strange_errors(self, kind: Kind) -> list[str]:
        """Return errors that are not package exceptions or lack details of the fault."""
        return [
            f"{type(error).__name__}: {error}"
            for error in self.errors
            if not isinstance(error, DynamoDBError)
            or not error.operation
            or not error.table
            # An unresolved conflict has the code of its condition check. A call that the circuit
            # breaker refused has none.
            or not (
                error.aws_code in {kind.code, "ConditionalCheckFailedException"}
                or "not sent, because" in str(error)
            )
        ]


@contextmanager
def short_pauses() -> Iterator[None]:
    """Shorten botocore's pauses between retries, and change nothing else."""
    brief = SimpleNamespace(sleep=lambda seconds: sleep(min(seconds, MAX_PAUSE_SECONDS)))
    with patch("botocore.endpoint.time", brief):
        yield


def run(
    options: Mapping[str, Any],
    kind: Kind,
    share: float,
    times: int = 1,
    seconds: float | None = None,
) -> Outcome:
    """Run all visitors during a fault.

    :param options: options for a table on the server, without a proxy.
    :param share: share of calls that fail, between 0 and 1.
    :param times: factor for the number of rounds.
    :param seconds: duration of the fault. By default it lasts to the end, or with a share of 1 for
        `OUTAGE_CALLS` calls.
    """
    rounds = (SLOW_ROUNDS if kind.slow else ROUNDS) * times
    with FaultProxy(options["endpoint_url"]) as proxy, short_pauses():
        faulty = {**options, "endpoint_url": proxy.url, "read_timeout": kind.read_timeout}
        visitors, readers = [], {}
        for middleware, extra in SITES.items():
            direct = Site(middleware, {**options, **extra})
            group = _log_in(middleware, direct, Site(middleware, {**faulty, **extra}))
            readers.update(dict.fromkeys(group, direct))
            visitors += group
        calls = OUTAGE_CALLS * times if share == 1 and seconds is None else None
        plan = proxy.inject(Plan(kind.fault, share, first=calls, seconds=seconds))
        duration = 0.0 if seconds is None else seconds + AFTER_SECONDS
        with ThreadPoolExecutor(len(visitors)) as threads:
            list(threads.map(lambda visitor: visitor.visit(rounds, duration), visitors))
        proxy.heal()
        wait_for_answers(faulty)
        stuck = sum(not _recovers(visitor) for visitor in visitors)
        DynamoDBNamespaceManager("any", **faulty).client.close()
        return judge(plan, readers, stuck)


def wait_for_answers(options: Mapping[str, Any]) -> None:
    """Wait until the circuit breaker closes, which a probe does within seconds."""
    while breaker_of(parse(dict(options))).is_open:
        sleep(0.05)


def _log_in(middleware: str, direct: Site, faulty: Site) -> list[Visitor]:
    shared = direct(store(login="everybody")).cookie
    visitors = []
    for number in range(VISITORS):
        name = f"{middleware} {number}"
        own, temporary = (direct(store(login=name)).cookie for _ in range(2))
        visitors.append(Visitor(faulty, name, (own, shared, temporary)))
    for visitor, neighbor in zip(visitors, visitors[1:] + visitors[:1], strict=True):
        visitor.neighbor = neighbor
    return visitors


def _recovers(visitor: Visitor) -> bool:
    # The fault's results do not include errors after the fault.
    ledger = visitor.ledger
    visitor.ledger = Ledger(ledger.acknowledged, ledger.sent)
    try:
        return all(
            any(visitor.add(cookie, "afterwards") for _ in range(RECOVERY_ATTEMPTS))
            for cookie in (visitor.own, visitor.shared)
        )
    finally:
        visitor.ledger = ledger


def judge(plan: Plan, readers: Mapping[Visitor, Site], stuck: int) -> Outcome:
    """Compare the visitors' ledgers with the stored sessions."""
    ledgers = [visitor.ledger for visitor in readers]
    stored: dict[str, dict[str, Any]] = {}
    for visitor, site in readers.items():
        for cookie in (visitor.own, visitor.shared, visitor.temporary):
            stored[cookie] = stored.get(cookie) or site(values, cookie).result
    maybe_gone = {visitor.temporary for visitor in readers if visitor.ledger.logout_sent}
    gone = {visitor.temporary for visitor in readers if visitor.ledger.logout_acknowledged}
    lost, invented = [], []
    for cookie, key in {name for ledger in ledgers for name in ledger.sent}:
        sent = {token for ledger in ledgers for token in ledger.sent[cookie, key]}
        kept = {token for ledger in ledgers for token in ledger.acknowledged[cookie, key]}
        found = stored[cookie].get(key, [])
        if "login" in stored[cookie] or cookie not in maybe_gone:
            lost += sorted(kept - {*found})
        invented += sorted({*found} - sent)
        invented += sorted({token for token in found if found.count(token) > 1})
    return Outcome(
        calls=plan.requests,
        faults=plan.faults,
        requests=sum(ledger.requests for ledger in ledgers),
        errors=[error for ledger in ledgers for error in ledger.errors],
        lost=lost,
        invented=invented,
        logged_out=sum(ledger.logged_out for ledger in ledgers),
        returned=sum("login" in stored[cookie] for cookie in gone),
        stuck=stuck,
    )

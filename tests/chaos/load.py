"""Visitors who use a site while its store fails, and the ledger of what they were promised.

Each visitor adds tokens of its own to lists in sessions: to one that is its own, to one that it
shares with all others of its middleware, and to its neighbour's, who logs out meanwhile. A request
that is answered is a promise: what it saved is in the store from then on, until the log-out.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic, sleep
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.exceptions import DynamoDBError
from tests.chaos.faults import Kind
from tests.chaos.proxy import FaultProxy, Plan
from tests.sessions.site import Action, Site, store, values

VISITORS = 6
#: With each middleware: the sites that the visitors use. Without the last option Beaker's own
#: would answer every fault with a new session.
SITES: dict[str, dict[str, object]] = {"ours": {}, "beaker": {"invalidate_corrupt": False}}
#: Rounds of each visitor, with three requests each; fewer where each fault takes its time.
ROUNDS, SLOW_ROUNDS = 10, 4
#: Of a share of 1, requests that are faulted before the store is well again.
OUTAGE = 100
#: Where the outage is one of time, how long visitors go on after it.
AFTER_SECONDS = 2.0
#: Longest pause between two tries. Botocore's own are as long as 20 seconds.
PAUSE_SECONDS = 0.02
#: Requests that a visitor may need after the faults, on a machine that is busy.
RECOVERY = 5


class LoggedOut(Exception):
    """A session that has to be there is a new one."""


def add(key: str, token: str) -> Action:
    """Make an action that appends to a list in a session of somebody who is logged in."""

    def action(session: Any) -> None:
        if "login" not in session:
            raise LoggedOut
        session[key] = [*session.get(key, []), token]
        session.save()

    return action


def log_out(session: Any) -> None:
    """Delete the session of somebody who is logged in."""
    if "login" not in session:
        raise LoggedOut
    session.delete()


@dataclass
class Ledger:
    """What happened to the requests of one visitor.

    :param promised: tokens whose request was answered, by cookie and key.
    :param sent: all tokens, likewise.
    :param logged_out: requests that found a new session in place of theirs.
    :param leaving: whether a log-out has been tried.
    :param left: whether it was answered.
    """

    promised: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    sent: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    requests: int = 0
    errors: list[BaseException] = field(default_factory=list)
    logged_out: int = 0
    leaving: bool = False
    left: bool = False


class Visitor:
    """A visitor of one site.

    :param cookies: of its own session, of the shared one, and of the one that it will log out of.
    """

    def __init__(self, site: Site, name: str, cookies: tuple[str, str, str]) -> None:
        self._site = site
        self._name = name
        self._tokens = itertools.count()
        self.own, self.shared, self.leaving = cookies
        self.neighbour = self
        self.ledger = Ledger()

    def visit(self, rounds: int, seconds: float = 0) -> None:
        """Make three requests a round, and log out in the middle of them.

        :param seconds: it makes more rounds than that until these have passed.
        """
        end = monotonic() + seconds
        for number in itertools.count():
            if number >= rounds and monotonic() >= end:
                break
            self.add(self.own, f"key {number % 3}")
            self.add(self.shared, self._name)
            if number >= rounds // 2 and not self.ledger.left:
                self.leave()
            self.add(self.neighbour.leaving, self._name)

    def leave(self) -> None:
        """Log out; who is logged out before he has tried to has lost his session."""
        first, self.ledger.leaving = not self.ledger.leaving, True
        try:
            self.ledger.left = self._request(log_out, self.leaving)
        except LoggedOut:
            self.ledger.left = True
            self.ledger.logged_out += first

    def add(self, cookie: str, key: str) -> bool:
        """Add a token to a list in a session, and say whether that was promised."""
        token = f"{self._name} {next(self._tokens)}"
        self.ledger.sent.setdefault((cookie, key), []).append(token)
        try:
            answered = self._request(add(key, token), cookie)
        except LoggedOut:
            expected = cookie == self.neighbour.leaving and self.neighbour.ledger.leaving
            self.ledger.logged_out += not expected
            return False
        if answered:
            self.ledger.promised.setdefault((cookie, key), []).append(token)
        return answered

    def _request(self, action: Action, cookie: str) -> bool:
        self.ledger.requests += 1
        try:
            self._site(action, cookie)
        except LoggedOut:
            raise
        except Exception as error:
            self.ledger.errors.append(error)
            return False
        return True


@dataclass(frozen=True)
class Outcome:
    """What a load has met, and what became of it.

    :param calls: that reached the proxy while it faulted them.
    :param faults: calls that were faulted.
    :param requests: that visitors made, of which some ended with ``errors``.
    :param lost: promises that the store does not keep.
    :param invented: tokens in the store that nobody sent, or sent once and found twice.
    :param logged_out: requests that found a new session in place of theirs.
    :param returned: sessions that are there again after their log-out was answered.
    :param stuck: visitors who could not go on after the faults.
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
        """What must not be, by name; empty if all is well."""
        names = ("lost", "invented", "logged_out", "returned", "stuck")
        return {name: found for name in names if (found := getattr(self, name))}

    def strange_errors(self, kind: Kind) -> list[str]:
        """Give the errors that are not ours, or do not say what happened."""
        return [
            f"{type(error).__name__}: {error}"
            for error in self.errors
            if not isinstance(error, DynamoDBError)
            or not error.operation
            or not error.table
            # A conflict that did not settle in time has the code of the condition.
            or error.aws_code not in {kind.code, "ConditionalCheckFailedException"}
        ]


@contextmanager
def short_pauses() -> Iterator[None]:
    """Let botocore decide as always what it tries again, but hardly wait in between."""
    brief = SimpleNamespace(sleep=lambda seconds: sleep(min(seconds, PAUSE_SECONDS)))
    with patch("botocore.endpoint.time", brief):
        yield


def run(
    options: Mapping[str, Any],
    kind: Kind,
    share: float,
    times: int = 1,
    seconds: float | None = None,
) -> Outcome:
    """Let visitors meet a fault.

    :param options: lead to a table on the server itself.
    :param share: of the calls that are faulted.
    :param times: so many times as many rounds.
    :param seconds: how long the fault lasts; None: to the end, or, of a share of 1, `OUTAGE` calls.
    """
    rounds = (SLOW_ROUNDS if kind.slow else ROUNDS) * times
    with FaultProxy(options["endpoint_url"]) as proxy, short_pauses():
        faulty = {**options, "endpoint_url": proxy.url, "read_timeout": kind.read_timeout}
        visitors, readers = [], {}
        for middleware, more in SITES.items():
            direct = Site(middleware, {**options, **more})
            coming = _arrive(middleware, direct, Site(middleware, {**faulty, **more}))
            readers.update(dict.fromkeys(coming, direct))
            visitors += coming
        calls = OUTAGE * times if share == 1 and seconds is None else None
        plan = proxy.inject(Plan(kind.fault, share, first=calls, seconds=seconds))
        length = 0.0 if seconds is None else seconds + AFTER_SECONDS
        with ThreadPoolExecutor(len(visitors)) as threads:
            list(threads.map(lambda visitor: visitor.visit(rounds, length), visitors))
        proxy.heal()
        stuck = sum(not _goes_on(visitor) for visitor in visitors)
        DynamoDBNamespaceManager("any", **faulty).client.close()
        return judge(plan, readers, stuck)


def _arrive(middleware: str, direct: Site, faulty: Site) -> list[Visitor]:
    shared = direct(store(login="everybody")).cookie
    visitors = []
    for number in range(VISITORS):
        name = f"{middleware} {number}"
        own, leaving = (direct(store(login=name)).cookie for _ in range(2))
        visitors.append(Visitor(faulty, name, (own, shared, leaving)))
    for visitor, neighbour in zip(visitors, visitors[1:] + visitors[:1], strict=True):
        visitor.neighbour = neighbour
    return visitors


def _goes_on(visitor: Visitor) -> bool:
    # The errors of a store that is well again are none of the faults'.
    ledger, visitor.ledger = visitor.ledger, Ledger(visitor.ledger.promised, visitor.ledger.sent)
    try:
        return all(
            any(visitor.add(cookie, "afterwards") for _ in range(RECOVERY))
            for cookie in (visitor.own, visitor.shared)
        )
    finally:
        visitor.ledger = ledger


def judge(plan: Plan, readers: Mapping[Visitor, Site], stuck: int) -> Outcome:
    """Hold what visitors were promised against what their sites find now."""
    ledgers = [visitor.ledger for visitor in readers]
    stored: dict[str, dict[str, Any]] = {}
    for visitor, site in readers.items():
        for cookie in (visitor.own, visitor.shared, visitor.leaving):
            stored[cookie] = stored.get(cookie) or site(values, cookie).result
    leaving = {visitor.leaving for visitor in readers if visitor.ledger.leaving}
    left = {visitor.leaving for visitor in readers if visitor.ledger.left}
    sent: dict[tuple[str, str], list[str]] = {}
    promised: dict[tuple[str, str], list[str]] = {}
    for ledger in ledgers:
        for name in ledger.sent:
            sent.setdefault(name, []).extend(ledger.sent[name])
            promised.setdefault(name, []).extend(ledger.promised.get(name, []))
    lost, invented = [], []
    for (cookie, key), tokens in sent.items():
        found = list(stored[cookie].get(key, []))
        if "login" in stored[cookie] or cookie not in leaving:
            lost += sorted(set(promised[cookie, key]) - set(found))
        invented += sorted({token for token in found if token not in tokens})
        invented += sorted({token for token in found if found.count(token) > 1})
    return Outcome(
        calls=plan.requests,
        faults=plan.faults,
        requests=sum(ledger.requests for ledger in ledgers),
        errors=[error for ledger in ledgers for error in ledger.errors],
        lost=lost,
        invented=invented,
        logged_out=sum(ledger.logged_out for ledger in ledgers),
        returned=sum("login" in stored[cookie] for cookie in left),
        stuck=stuck,
    )

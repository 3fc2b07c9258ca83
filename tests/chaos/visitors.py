"""Visitors that use a site while its store fails.

Each visitor appends unique tokens to lists in three sessions:

- its own session
- one that all visitors of its middleware share
- its neighbor's session, which is logged out during the load

A save that returns without an error is acknowledged: its token must stay in the store until the
session is logged out.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from tests.sessions.site import Action, Site


class LoggedOut(Exception):
    """The request got a new session instead of the logged-in one."""


def add(key: str, token: str) -> Action:
    """Return an action that appends a token to a list in a logged-in session."""

    def action(session: Any) -> None:
        if "login" not in session:
            raise LoggedOut
        session[key] = [*session.get(key, []), token]
        session.save()

    return action


def log_out(session: Any) -> None:
    if "login" not in session:
        raise LoggedOut
    session.delete()


#: Tokens by cookie and key.
Tokens = dict[tuple[str, str], list[str]]


@dataclass
class Ledger:
    """The results of one visitor's requests.

    :param acknowledged: tokens whose save succeeded.
    :param sent: all tokens.
    :param logged_out: requests that unexpectedly found a new session.
    :param logout_sent: whether a logout was attempted.
    :param logout_acknowledged: whether a logout succeeded.
    """

    acknowledged: Tokens = field(default_factory=lambda: defaultdict(list))
    sent: Tokens = field(default_factory=lambda: defaultdict(list))
    requests: int = 0
    errors: list[BaseException] = field(default_factory=list)
    logged_out: int = 0
    logout_sent: bool = False
    logout_acknowledged: bool = False


class Visitor:
    """A visitor of one site.

    :param cookies: those of its own session, the shared session and the session to log out.
    """

    def __init__(self, site: Site, name: str, cookies: tuple[str, str, str]) -> None:
        self._site = site
        self._name = name
        self._tokens = itertools.count()
        self.own, self.shared, self.temporary = cookies
        self.neighbor = self
        self.ledger = Ledger()

    def visit(self, rounds: int, seconds: float = 0) -> None:
        """Make three requests per round, and log out half-way.

        :param seconds: make additional rounds until this time has passed.
        """
        end = monotonic() + seconds
        for number in itertools.count():
            if number >= rounds and monotonic() >= end:
                break
            self.add(self.own, f"key {number % 3}")
            self.add(self.shared, self._name)
            if number >= rounds // 2 and not self.ledger.logout_acknowledged:
                self.log_out()
            self.add(self.neighbor.temporary, self._name)

    def log_out(self) -> None:
        """Log out. A session that is missing at the first attempt was lost."""
        first, self.ledger.logout_sent = not self.ledger.logout_sent, True
        try:
            self.ledger.logout_acknowledged = self._request(log_out, self.temporary)
        except LoggedOut:
            self.ledger.logout_acknowledged = True
            self.ledger.logged_out += first

    def add(self, cookie: str, key: str) -> bool:
        """Append a token to a list in a session, and return whether it was acknowledged."""
        token = f"{self._name} {next(self._tokens)}"
        self.ledger.sent[cookie, key].append(token)
        try:
            acknowledged = self._request(add(key, token), cookie)
        except LoggedOut:
            expected = cookie == self.neighbor.temporary and self.neighbor.ledger.logout_sent
            self.ledger.logged_out += not expected
            return False
        if acknowledged:
            self.ledger.acknowledged[cookie, key].append(token)
        return acknowledged

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

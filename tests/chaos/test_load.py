"""Under every fault: no promise is broken, nobody is logged out, every error is one of ours.

``BEAKER_DYNAMODB_CHAOS=10`` in the environment makes every load ten times as long.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.chaos.faults import KINDS, SHARES
from tests.chaos.inputs import HOW_MANY, ON_REQUEST
from tests.chaos.load import Visitor, judge, run
from tests.chaos.proxy import Plan
from tests.servers.endpoint import create_table
from tests.sessions.site import Answer, Site, store

if TYPE_CHECKING:
    from tests.servers.endpoint import Endpoint

TIMES = int(os.environ.get("BEAKER_DYNAMODB_CHAOS", "1"))


@pytest.mark.full
# All shares are tried with `tox -e chaos` and by `python -m tests.chaos.report`.
@pytest.mark.parametrize("share", SHARES if HOW_MANY is ON_REQUEST else [0.5])
@pytest.mark.parametrize("name", KINDS)
def test_a_fault_breaks_no_promise(
    local_endpoint: Endpoint, table_name: str, name: str, share: float
) -> None:
    """Answered writes are kept, log-outs are final, errors say what happened, all go on after."""
    create_table(local_endpoint.client, table_name)
    options = {**local_endpoint.options, "table_name": table_name}
    outcome = run(options, KINDS[name], share, TIMES)
    assert outcome.faults > 0
    assert {} == outcome.damage
    assert [] == outcome.strange_errors(KINDS[name])


class Forgetful(Site):
    """A site that keeps sessions in a dict, and forgets one at some request."""

    def __init__(self, forgets: str, request: int) -> None:
        self._sessions: dict[str, dict[str, Any]] = {}
        self._forgets, self._left = forgets, request

    def __call__(self, action: Any, cookie: str = "") -> Answer:
        """Make a request."""
        if cookie == self._forgets:
            self._left -= 1
            if self._left == 0:
                del self._sessions[cookie]
        return Answer(action(Kept(self._sessions, cookie)), [])


class Kept(dict[str, Any]):
    """A session in that dict."""

    def __init__(self, sessions: dict[str, dict[str, Any]], cookie: str) -> None:
        super().__init__(sessions.get(cookie, {}))
        self._sessions, self._cookie = sessions, cookie

    def save(self) -> None:
        """Keep it."""
        self._sessions[self._cookie] = dict(self)

    def delete(self) -> None:
        """Do not keep it."""
        self._sessions.pop(self._cookie, None)


@pytest.mark.parametrize(
    ("forgets", "request_number", "logged_out", "lost"),
    [
        ("nobody", 0, 0, False),
        ("own", 4, 2, True),
        # The first request made it; each round has one; the third round begins with the log-out.
        ("leaving", 2, 3, False),
        ("leaving", 3, 2, False),
        ("leaving", 4, 1, False),
        ("leaving", 5, 0, False),
    ],
)
def test_a_lost_session_is_noticed(
    forgets: str, request_number: int, logged_out: int, lost: bool
) -> None:
    """Also one whose owner was about to log out: by who uses it, by himself, in the store."""
    site = Forgetful(forgets, request_number)
    for cookie in ("own", "shared", "leaving"):
        site(store(login=cookie), cookie)
    visitor = Visitor(site, "Ada", ("own", "shared", "leaving"))
    visitor.visit(rounds=4)
    outcome = judge(Plan(KINDS["body cut off"].fault), {visitor: site}, 0)
    assert (logged_out, lost) == (outcome.logged_out, bool(outcome.lost))


def test_a_session_that_is_lost_and_never_left_is_noticed() -> None:
    """Nobody logs out where no log-out was tried."""
    site = Forgetful("leaving", 3)
    site(store(login="leaving"), "leaving")
    visitor = Visitor(site, "Ada", ("own", "shared", "leaving"))
    assert visitor.add("leaving", "key")
    assert [] != judge(Plan(KINDS["body cut off"].fault), {visitor: site}, 0).lost

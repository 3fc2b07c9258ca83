"""Log-ins, log-outs, revokes and expiry in any order, nested, and in several processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from beaker_dynamodb import DynamoDBSession, SessionStore
from beaker_dynamodb.items.keys import session_digest
from beaker_dynamodb.sessions import events
from beaker_dynamodb.sessions.events import SessionEvent
from tests.chaos.inputs import HOW_MANY
from tests.chaos.scripted import dynamodb_here
from tests.clock import Clock
from tests.servers.endpoint import Endpoint
from tests.sessions.driven import Visitor, stored_sessions
from tests.sessions.log_ins import USER, before_write, listed

LIMIT = 2
WHICH = st.integers(0, 5)


class Users(RuleBasedStateMachine):
    """One user. Each log-in records the number of revokes before it began."""

    options: dict[str, Any]

    def __init__(self) -> None:
        super().__init__()
        self.revokes = 0
        self.begun: list[tuple[Any, int]] = []
        #: Revokes before the begin of each log-in, by session id.
        self.epochs: dict[str, int] = {}
        self.options["on_event"] = self.note
        self.known: set[str] = set()
        #: Digests of the sessions that were reported as ended.
        self.ended: list[str] = []

    def note(self, event: SessionEvent) -> None:
        if event.kind in (events.ENDED, events.REGENERATED):
            self.ended.append(event.old_session or event.session)

    @rule()
    def begin_and_save(self) -> None:
        self.begin(new_id=False)
        self.log_in()

    @rule(new_id=st.booleans())
    def begin(self, new_id: bool) -> None:
        visitor = Visitor(self.options, DynamoDBSession)
        visitor.starts(csrf="token")
        session = visitor.request()
        session["userId"] = 42
        if new_id:
            session.regenerate_id()
        self.begun.append((session, self.revokes))

    @precondition(lambda self: self.begun)
    @rule(
        which=WHICH,
        write=st.integers(0, 3),
        inside=st.sampled_from(["nothing", "revoke", "log in", "log out"]),
    )
    def save(self, which: int, write: int, inside: str) -> None:
        """Save a log-in; before one of its writes, something else happens."""
        session, epoch = self.begun.pop(which % len(self.begun))
        self.epochs[session.id] = epoch
        actions: dict[str, Callable[[], object]] = {
            "nothing": bool,
            "revoke": self.revoke,
            "log in": self.log_in,
            "log out": lambda: self.log_out(which),
        }
        with before_write(write, actions[inside]):
            session.save()
        assert not session.revoked or session.id not in self.stored()

    def log_in(self) -> None:
        if self.begun:
            session, epoch = self.begun.pop()
            self.epochs[session.id] = epoch
            session.save()

    @rule()
    def revoke(self) -> None:
        # Log-ins that begin from now on may survive; those before may not.
        self.revokes += 1
        SessionStore(**self.options).revoke(userId=42)

    @rule(which=WHICH)
    def log_out(self, which: int) -> None:
        if stored := sorted(self.stored()):
            visitor = Visitor(self.options, DynamoDBSession)
            visitor.id = stored[which % len(stored)]
            visitor.request().delete()

    @rule(seconds=st.sampled_from([1, 30, 100, 90_000]))
    def wait(self, seconds: float) -> None:
        self.options["clock"].advance(seconds)
        self.known = self.stored()

    def stored(self) -> set[str]:
        items = stored_sessions(self.options["client"], self.options["table_name"])
        now = self.options["clock"].now
        return {
            str(item["id"]["S"]).removeprefix("sess:")
            for item in items
            if "userId" in item and float(item["deadline"]["N"]) > now
        }

    @invariant()
    def no_revoked_log_in_is_stored_and_there_are_not_too_many(self) -> None:
        stored = self.stored()
        assert {self.revokes} >= {self.epochs[id] for id in stored}
        assert len(stored) <= LIMIT

    @invariant()
    def each_end_is_reported_once(self) -> None:
        stored = self.stored()
        assert {session_digest(id) for id in self.known - stored} <= set(self.ended)
        assert len(set(self.ended)) == len(self.ended)
        self.known = stored

    def teardown(self) -> None:
        client, name = self.options["client"], self.options["table_name"]
        for item in client.scan(TableName=name)["Items"]:
            client.delete_item(TableName=name, Key={"id": item["id"]})


@pytest.mark.full
def test_users_follow_the_model(clock: Clock) -> None:
    with dynamodb_here() as client:
        options = {"client": client, "table_name": "users", "clock": clock, **USER}
        Users.options = {**options, "max_sessions": LIMIT}
        Visitor(Users.options, DynamoDBSession).starts(csrf="token")  # makes the table
        steps = settings(max_examples=HOW_MANY.users, stateful_step_count=20)
        run_state_machine_as_test(Users, settings=steps)


PROCESSES, LOG_INS = 4, 25


def log_in(options: dict[str, Any], times: int) -> None:
    for _ in range(times):
        visitor = Visitor(options, DynamoDBSession)
        visitor.starts(csrf="token")
        session = visitor.request()
        session["userId"] = 42
        session.regenerate_id()
        session.save()
        session["n"] = 1
        session.save()


@pytest.mark.owasp("7.1.2")
@pytest.mark.full
@pytest.mark.parametrize("engine", ["local"], scope="session")
def test_racing_log_ins_of_four_processes_leave_the_allowed_number_of_sessions(
    endpoint: Endpoint, table_name: str
) -> None:
    options = {"table_name": table_name, **endpoint.options, **USER, "max_sessions": 3}
    log_in(options, 1)
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=log_in, args=(options, LOG_INS)) for _ in range(PROCESSES)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [0] * PROCESSES == [process.exitcode for process in processes]
    stored = stored_sessions(endpoint.client, table_name)
    of_user = {str(item["id"]["S"]) for item in stored if "userId" in item}
    assert 3 == len(of_user)
    assert of_user == set(listed(endpoint.client, options))

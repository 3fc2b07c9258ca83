"""`max_sessions`: the number of a user's sessions is limited."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from beaker_dynamodb import DynamoDBSession, SessionStore, StoreUnavailable, TooManySessions
from tests.chaos.scripted import ARRIVED, LOST, TWICE, scripted_calls
from tests.sessions.driven import Visitor, stored_sessions
from tests.sessions.log_ins import alive, listed, log_in
from tests.sessions.log_ins import options as options

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from tests.clock import Clock


@pytest.mark.owasp("7.1.2")
@pytest.mark.both_servers
@pytest.mark.parametrize("hash_ids", [False, True])
def test_the_earliest_log_in_ends_when_there_are_too_many(
    options: dict[str, Any], client: DynamoDBClient, hash_ids: bool
) -> None:
    options.update(max_sessions=3, hash_ids=hash_ids)
    sessions = [log_in(options) for _ in range(5)]
    store = SessionStore(**options)
    found = [store.get(session.id) is not None for session in sessions]
    assert [False, False, True, True, True] == found
    assert 3 == len(listed(client, options)) == len(alive(options))


@pytest.mark.owasp("7.1.2")
def test_a_log_in_beyond_the_limit_can_be_refused(
    options: dict[str, Any], client: DynamoDBClient, clock: Clock
) -> None:
    options.update(max_sessions=2, when_exceeded="refuse")
    first, second = log_in(options), log_in(options)
    with pytest.raises(TooManySessions) as refused:
        log_in(options)
    assert 2 == refused.value.limit == len(alive(options))
    first.delete()
    clock.advance(20)  # its marker has expired
    third = log_in(options)
    visitor = Visitor(options, DynamoDBSession)
    visitor.id = third.id
    moving = visitor.request()
    moving.regenerate_id()
    moving.save()
    assert 2 == len(alive(options)) == len(listed(client, options))
    SessionStore(**options).delete(second.id)
    clock.advance(100)
    log_in(options)
    clock.advance(1_000_000)  # all have expired
    log_in(options)
    assert 1 == len(alive(options)) == len(listed(client, options))


def test_a_log_out_leaves_the_list(options: dict[str, Any], client: DynamoDBClient) -> None:
    options["max_sessions"] = 2
    log_in(options).delete()
    assert [] == listed(client, options)


@pytest.mark.parametrize("fate", [LOST, ARRIVED, TWICE])
@pytest.mark.parametrize("step", range(5))
def test_lost_responses_leave_no_session_beyond_the_list(
    options: dict[str, Any], client: DynamoDBClient, fate: str, step: int
) -> None:
    """Whatever is lost in a log-in: every stored session is listed, and there are at most two."""
    options["max_sessions"] = 2
    for _ in range(2):
        log_in(options)
    with scripted_calls() as script:
        script.begin(["fine"] * step + [fate])
        with suppress(StoreUnavailable):
            log_in(options)
    stored = stored_sessions(client, options["table_name"])
    assert {item["id"]["S"] for item in stored} <= set(listed(client, options))
    assert len(stored) <= 2
    log_in(options)
    assert len(alive(options)) <= 2

"""Log-ins are registered with their user: none survives a revoke, and their number is limited."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from typing import Any

import pytest

from beaker_dynamodb import (
    ConfigurationError,
    DynamoDBSession,
    SessionStore,
    StoreUnavailable,
    TooManySessions,
)
from beaker_dynamodb.config.parse import parse
from tests.chaos.scripted import ARRIVED, LOST, TWICE, scripted_calls
from tests.clock import Clock
from tests.servers.endpoint import DynamoDBClient
from tests.servers.lesser import lesser
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import Visitor, stored_sessions
from tests.sessions.log_ins import alive, before_write, listed, log_in
from tests.sessions.log_ins import options as options
from tests.sessions.log_ins import visitor as visitor
from tests.sessions.site import Site


def test_a_log_in_costs_a_read_and_a_write_and_nothing_else_costs_more(visitor: Visitor) -> None:
    with CallRecorder(visitor.client) as calls:
        session = visitor.request()
        session["userId"] = 42
        session.regenerate_id()
        session.save()
    move = ["GetItem", "PutItem", "TransactWriteItems"]
    assert ["GetItem", *move] == calls.operations
    assert calls[1].params["ConsistentRead"]
    visitor.id = session.id
    with CallRecorder(visitor.client) as calls:
        session = visitor.request()
        session.update(userId=42, n=1)
        session.save()
        session.regenerate_id()
        session.save()
        session.delete()
    assert ["GetItem", "PutItem", *move, "PutItem"] == calls.operations


def test_the_key_of_the_user_may_begin_with_an_underscore(options: dict[str, Any]) -> None:
    key = {"special_keys": "_user:N:index", "user_key": "_user"}
    session = Visitor({**options, **key}, DynamoDBSession).request()
    session.update(_user=42)
    assert 0 == SessionStore(**options | key).revoke(_user=42)
    session.save()
    assert session.revoked


@pytest.mark.owasp("7.4.2")
@pytest.mark.parametrize("way", ["first request", "same id", "new id", "no transactions"])
@pytest.mark.parametrize("moment", range(3))
@pytest.mark.both_servers
def test_no_log_in_survives_a_revoke_that_comes_after_its_begin(
    options: dict[str, Any], visitor: Visitor, way: str, moment: int
) -> None:
    """Before the registration, between it and the session's write, and between two writes."""
    store = SessionStore(**options)
    if way == "first request":
        visitor.id = None
    with lesser(visitor.client) if way == "no transactions" else nullcontext():
        session = visitor.request()
        session["userId"] = 42
        if way in ("new id", "no transactions"):
            session.regenerate_id()
        done: list[int] = []
        with before_write(moment, lambda: done.append(store.revoke(userId=42))):
            session.save()
        if not done:  # the save makes fewer writes
            store.revoke(userId=42)
        assert done == [] or moment == 2 or session.revoked
        assert [] == alive(options)
        session["more"] = 1
        session.save()
        assert [] == alive(options)
        again = log_in(options)
        assert not again.revoked
        assert 1 == len(alive(options))


def test_a_switch_of_users_in_one_session_does_not_survive_either(
    options: dict[str, Any], visitor: Visitor
) -> None:
    session = log_in(options)
    visitor.id = session.id
    session = visitor.request()
    session["userId"] = 43
    session.save()
    assert 0 == SessionStore(**options).revoke(userId=42)  # it is another user's
    session["userId"] = 42
    with before_write(1, lambda: SessionStore(**options).revoke(userId=42)):
        session.save()
    assert session.revoked
    left = stored_sessions(visitor.client, options["table_name"])
    assert [] == [item for item in left if "userId" in item]


@pytest.mark.owasp("7.4.3")
@pytest.mark.parametrize("hash_ids", [False, True])
def test_a_revoke_keeps_what_it_should_and_other_users(
    options: dict[str, Any], hash_ids: bool
) -> None:
    options["hash_ids"] = hash_ids
    mine, _, other = log_in(options), log_in(options), Visitor(options, DynamoDBSession).request()
    other["userId"] = 43
    other.save()
    store = SessionStore(**options)
    assert 1 == store.revoke(userId=42, keep=mine.id)
    assert 1 == store.count(userId=42) == store.count(userId=43)
    assert store.get(mine.id) is not None


@pytest.mark.parametrize("fate", [LOST, ARRIVED, TWICE])
@pytest.mark.parametrize("step", range(4))
def test_a_revoke_that_failed_is_complete_once_it_is_repeated(
    options: dict[str, Any], visitor: Visitor, fate: str, step: int
) -> None:
    session, store = visitor.request(), SessionStore(**options)
    session["userId"] = 42
    session.regenerate_id()
    log_in(options)

    def revoke() -> None:
        with scripted_calls() as script:
            script.begin(["fine"] * step + [fate])
            try:
                store.revoke(userId=42)
            except StoreUnavailable:
                store.revoke(userId=42)

    with before_write(1, revoke):
        session.save()
    assert session.revoked
    assert [] == alive(options)


def test_the_browser_gets_no_cookie_of_a_revoked_log_in(options: dict[str, Any]) -> None:
    def log_in(session: Any) -> bool:
        session["userId"] = 42
        session.save()
        SessionStore(**options).revoke(userId=42)
        session.persist()
        return bool(session.revoked)

    answer = Site("ours", options)(log_in)
    assert (True, []) == (answer.result, answer.set_cookies)


@pytest.mark.owasp("7.4.2")
@pytest.mark.both_shapes
def test_erase_leaves_nothing_of_the_user(
    options: dict[str, Any], shape: str, client: DynamoDBClient, clock: Clock
) -> None:
    options.update({"sort_key": "part"} if shape == "sorted" else {}, compression="off")
    session = log_in(options)
    session["large"] = "x" * 450_000
    session.save()
    in_flight = Visitor(options, DynamoDBSession).request()
    in_flight["userId"] = 42
    store = SessionStore(**options)
    assert 1 == store.erase(userId=42)
    in_flight.save()
    assert in_flight.revoked
    items = client.scan(TableName=options["table_name"])["Items"]
    kinds = sorted(str(item["type"]["S"]) for item in items)
    assert ["beaker-marker", "beaker-user"] == kinds
    assert [] == listed(client, options)
    with pytest.raises(ConfigurationError, match="user_key"):
        store.erase(other=1)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"user_key": "userId"}, "not an indexed special key"),
        ({"user_key": "userId", "special_keys": "userId:N"}, "not an indexed special key"),
        ({"max_sessions": "3"}, "max_sessions needs user_key"),
    ],
)
def test_wrong_options_are_refused_at_the_start(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        parse(wrong)


# -- max_sessions ------------------------------------------------------------------------------


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

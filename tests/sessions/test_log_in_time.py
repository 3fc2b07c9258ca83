"""When a user last logged in: when this is noticed, and what keeps it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from beaker_dynamodb import DynamoDBSession
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import WAYS, Visitor, save
from tests.sessions.site import Site, log_out, store, values
from tests.sessions.test_consistent_read import Replica
from tests.sessions.test_consistent_read import replica as replica

if TYPE_CHECKING:
    from tests.clock import Clock

FLAT = {"special_keys": "userId:N:index", "user_key": "userId"}
NESTED = {"special_keys": "user.id:N:index", "user_key": "user.id"}


@pytest.fixture(params=["ours", "ours-encrypted", "json"])
def visitor(request: pytest.FixtureRequest, moved: dict[str, Any]) -> Visitor:
    json = {"data_serializer": "json"}
    more = json if request.param == "json" else WAYS[request.param][1]
    return logging_in({**moved, **more}, FLAT)


def logging_in(moved: dict[str, Any], user_key: dict[str, str]) -> Visitor:
    options = {**moved, **user_key, "skip_throw_missing_special_keys": True}
    visitor = Visitor(options, DynamoDBSession)
    visitor.starts(a=1)
    return visitor


def age(visitor: Visitor) -> float | None:
    """Return how many seconds ago the last log-in was, or None without one."""
    session = visitor.request()
    logged_in: float | None = session.get("_login_time")
    return None if logged_in is None else session._now() - logged_in


WAYS_TO_LOG_IN: dict[str, Callable[[Any], object]] = {
    "assigned": lambda session: session.__setitem__("userId", 42),
    "update": lambda session: session.update(userId=42),
    "setdefault": lambda session: session.setdefault("userId", 42),
    "told": lambda session: session.logged_in(),
}


@pytest.mark.owasp("7.5.1", "7.5.3")
@pytest.mark.parametrize("log_in", WAYS_TO_LOG_IN.values(), ids=WAYS_TO_LOG_IN)
def test_a_log_in_is_noticed_at_once(
    visitor: Visitor, clock: Clock, log_in: Callable[[Any], object]
) -> None:
    session = visitor.request()
    assert not session.fresh_within(1e9)
    log_in(session)
    assert session.fresh_within(0)
    clock.advance(5)
    session.save()
    assert 5 == age(visitor)


def test_the_save_notices_a_log_in_that_was_not(visitor: Visitor, clock: Clock) -> None:
    session = visitor.request()
    session |= {"userId": 42}
    clock.advance(5)
    session.save()
    assert 0 == age(visitor)


def test_the_same_user_again_is_not_a_log_in(visitor: Visitor, clock: Clock) -> None:
    for seconds in (0, 100):
        clock.advance(seconds)
        session = visitor.request()
        session["userId"] = 42
        save(session, n=seconds)
        assert seconds == age(visitor)


def test_another_user_or_another_call_is_another_log_in(visitor: Visitor, clock: Clock) -> None:
    for user in (42, 43):
        session = visitor.request()
        session["userId"] = user
        session.save()
        assert 0 == age(visitor)
        clock.advance(10)
    session = visitor.request()
    for _ in range(2):
        session.logged_in()
        clock.advance(10)
        session.logged_in()
        session.save()
        assert 0 == age(visitor)


@pytest.mark.owasp("7.5.1", "7.5.3")
def test_fresh_within_compares_with_the_last_log_in(visitor: Visitor, clock: Clock) -> None:
    session = visitor.request()
    session["userId"] = 42
    assert session.fresh_within(0)
    save(session)
    clock.advance(300)
    session = visitor.request()
    assert session.fresh_within(300)
    assert not session.fresh_within(299)


def test_a_user_inside_a_dict_is_noticed_by_the_save(moved: dict[str, Any], clock: Clock) -> None:
    visitor = logging_in(moved, NESTED)
    session = visitor.request()
    session["user"] = {"id": 1, "name": "Ada"}
    session.save()
    assert 0 == age(visitor)
    clock.advance(10)
    session = visitor.request()
    session["user"]["name"] = "Ada Lovelace"
    session.save()
    assert 10 == age(visitor)
    session = visitor.request()
    session["user"]["id"] = 2
    session.save()
    assert 0 == age(visitor)
    assert session.fresh_within(0)


def test_without_a_user_key_only_the_application_tells_of_log_ins(moved: dict[str, Any]) -> None:
    visitor = Visitor(moved, DynamoDBSession)
    visitor.starts(userId=42)
    assert age(visitor) is None
    session = visitor.request()
    session.logged_in()
    session.save()
    assert 0 == age(visitor)


# -- what keeps it ----------------------------------------------------------------------------


def test_a_new_id_keeps_it(visitor: Visitor, clock: Clock) -> None:
    session = visitor.request()
    session["userId"] = 42
    session.save()
    clock.advance(10)
    session = visitor.request()
    session.regenerate_id()
    session.save()
    visitor.id = session.id
    assert 10 == age(visitor)


@pytest.mark.parametrize("later_saves_first", [True, False])
def test_of_two_requests_at_once_the_later_log_in_counts(
    visitor: Visitor, clock: Clock, later_saves_first: bool
) -> None:
    first, second = visitor.request(), visitor.request()
    first.logged_in()
    clock.advance(10)
    second.logged_in()
    second["theme"] = "dark"
    for session in (second, first) if later_saves_first else (first, second):
        save(session)
    assert 0 == age(visitor)


def test_a_request_that_began_before_a_log_in_keeps_it(visitor: Visitor, clock: Clock) -> None:
    early = visitor.request()
    session = visitor.request()
    session.logged_in()
    session.save()
    clock.advance(10)
    save(early, theme="dark")
    assert 10 == age(visitor)


@pytest.mark.parametrize("changes", [{"b": 2}, {}])
def test_a_log_in_whose_session_has_ended_counts_with_what_it_set(
    moved: dict[str, Any], changes: dict[str, int]
) -> None:
    site = Site("ours", moved)
    cookie = site(store(a=1)).cookie

    def log_in(session: Any) -> None:
        session.get("a")
        site(log_out, cookie)
        session.update(changes)
        session.logged_in()
        session.regenerate_id()

    cookies = site(log_in, cookie).set_cookies
    if not changes:
        assert [] == cookies
        return
    (new,) = cookies
    assert site(lambda session: session.fresh_within(60), new.split(";")[0]).result
    assert changes == site(values, new.split(";")[0]).result


def test_a_replica_that_lacks_the_log_in_does_not_end_the_session(
    moved: dict[str, Any], clock: Clock, replica: Replica
) -> None:
    options = {**moved, "consistent_read": "auto", "absolute_timeout": 1000}
    site = Site("ours", options)
    cookie = site(store(a=1)).cookie
    replica.catch_up()
    clock.advance(990)
    site(lambda session: session.logged_in() or session.save(), cookie)
    clock.advance(20)
    replica.reads.clear()
    assert {"a": 1} == site(values, cookie).result
    assert [False, True] == replica.reads


def test_a_log_in_and_a_timeout_cost_no_calls(moved: dict[str, Any]) -> None:
    visitor = Visitor({**moved, "absolute_timeout": 1000}, DynamoDBSession)
    visitor.starts(a=1)
    with CallRecorder(visitor.client) as sent:
        session = visitor.request()
        session.logged_in()
        session.set_timeout(60)
        session.save()
        visitor.request().save(accessed_only=True)
    assert ["GetItem", "PutItem", "GetItem"] == sent.operations

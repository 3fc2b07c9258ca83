"""When a user last logged in: when this is noticed, and what keeps it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from beaker_dynamodb import DynamoDBSession
from tests.clock import Clock
from tests.sessions.driven import Visitor, save
from tests.sessions.site import Site, log_out, store, values
from tests.sessions.test_consistent_read import Replica
from tests.sessions.test_consistent_read import replica as replica


@pytest.fixture
def visitor(moved: dict[str, Any]) -> Visitor:
    return logging_in(moved, "userId")


def logging_in(moved: dict[str, Any], user_key: str) -> Visitor:
    user = {"special_keys": f"{user_key}:N:index", "user_key": user_key}
    options = {**moved, **user, "skip_throw_missing_special_keys": True}
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
    session = visitor.request()
    assert session.fresh_within(5)
    assert not session.fresh_within(4)


def test_another_user_or_another_call_is_another_log_in_but_the_same_user_is_not(
    visitor: Visitor, clock: Clock
) -> None:
    for user, seconds in [(42, 0), (42, 10), (43, 0)]:
        session = visitor.request()
        session["userId"] = user
        save(session, n=seconds)
        assert seconds == age(visitor)
        clock.advance(10)
    session = visitor.request()
    for _ in range(2):
        session.logged_in()
        clock.advance(10)
        session.logged_in()
        session.save()
        assert 0 == age(visitor)


def test_a_user_inside_a_dict_is_noticed_by_the_save(moved: dict[str, Any], clock: Clock) -> None:
    visitor = logging_in(moved, "user.id")
    changes = [({"id": 1, "name": "Ada"}, 0), ({"name": "Ada Lovelace"}, 10), ({"id": 2}, 0)]
    for change, seconds in changes:
        session = visitor.request()
        session.setdefault("user", {}).update(change)
        session.save()
        assert seconds == age(visitor)
        assert session.fresh_within(seconds)
        clock.advance(10)


def test_without_a_user_key_only_the_application_reports_log_ins(moved: dict[str, Any]) -> None:
    visitor = Visitor(moved, DynamoDBSession)
    visitor.starts(userId=42)
    assert age(visitor) is None
    session = visitor.request()
    session.logged_in()
    session.save()
    assert 0 == age(visitor)
    session.clear()
    assert not session.fresh_within(0)


@pytest.mark.parametrize("later_saves_first", [True, False])
def test_of_two_requests_at_once_the_later_log_in_counts(
    visitor: Visitor, clock: Clock, later_saves_first: bool
) -> None:
    early, first, second = (visitor.request() for _ in range(3))
    first.logged_in()
    clock.advance(10)
    second.logged_in()
    second["theme"] = "dark"
    for session in (second, first) if later_saves_first else (first, second):
        save(session)
    save(early, theme="light")  # began before the log-ins
    assert 0 == age(visitor)


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

    answer = site(log_in, cookie)
    if not changes:
        assert [] == answer.set_cookies
        return
    assert site(lambda session: session.fresh_within(60), answer.cookie).result
    assert changes == site(values, answer.cookie).result


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

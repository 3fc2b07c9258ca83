"""Saves that are never combined with those that wait in the same process."""

from __future__ import annotations

from typing import Any

from beaker_dynamodb import SessionConflict
from beaker_dynamodb.session import DynamoDBSession
from tests.clock import Clock
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import Visitor, save
from tests.sessions.threads import Threads, conflicting, error_of


def test_saves_with_another_client_or_of_another_session_do_not_wait(plain: Visitor) -> None:
    (first,) = conflicting(plain, 1)
    second = plain.request(read_timeout=61)
    save(plain.request(), other=True)
    apart = Visitor(plain.options)
    (third,) = conflicting(apart, 1)
    with Threads(first) as threads, threads.leader(first, a=True) as leader:
        assert error_of(threads.run("second", lambda: save(second, b=True))) is None
        assert error_of(threads.run("third", lambda: save(third, c=True))) is None
        assert not leader.done()
    assert error_of(leader) is None
    assert {"first": True, "other": True, "a": True, "b": True} == plain.finds()
    assert {"first": True, "c": True} == apart.finds()


def test_waiting_saves_with_other_options_are_written_apart(plain: Visitor) -> None:
    plain.starts()
    session, second = plain.request(), plain.request()
    third = plain.request(compression="off")
    save(plain.request(), first=True)
    with CallRecorder(session.namespace.client) as sent, Threads(session) as threads:
        with threads.leader(session, a=1) as leader:
            waiting = [threads.follow("b", second, b=1), threads.follow("c", third, c=1)]
        assert {None} == {error_of(future) for future in (leader, *waiting)}
    # Three conflicts with the first save; then each save has a write of its own.
    codes = ["ConditionalCheckFailedException"] * 3 + [None] * 3
    assert codes == [call.error_code for call in sent]
    assert {"first": True, "a": 1, "b": 1, "c": 1} == plain.finds()


def test_a_logout_does_not_wait_and_drops_the_waiting_saves(visitor: Visitor) -> None:
    sessions = conflicting(visitor, 4)
    logout = visitor.request()
    with CallRecorder(sessions[0].namespace.client) as sent, Threads(sessions[0]) as threads:
        with threads.leader(sessions[0], a=1) as leader:
            futures = [
                threads.follow(name, session, **{name: 1})
                for name, session in zip("bcd", sessions[1:], strict=True)
            ]
            assert error_of(threads.run("out", lambda: log_out(logout))) is None
            assert not leader.done()
        assert {None} == {error_of(future) for future in (leader, *futures)}
    # Four conflicts with the first save, and one save that found the session gone.
    assert 5 == [call.error_code for call in sent].count("ConditionalCheckFailedException")
    assert {} == visitor.finds()


def log_out(session: Any) -> None:
    session.delete()
    session.save()


def test_a_save_of_a_new_session_with_the_same_id_is_not_dropped_with_those_of_the_old_one(
    plain: Visitor, clock: Clock
) -> None:
    (old,) = conflicting(plain, 1)
    with Threads(old) as threads, threads.leader(old, a=1) as leader:
        log_out(plain.request())
        clock.advance(60)
        (new,) = conflicting(plain, 1, start=True)
        follower = threads.follow("new", new, b=1)
        assert not follower.done()
    assert [None, None] == [error_of(leader), error_of(follower)]
    assert {"start": True, "first": True, "b": 1} == plain.finds()


def test_reject_does_not_combine_saves_that_conflict_with_a_touch(
    plain: Visitor, clock: Clock
) -> None:
    plain.options.update(concurrency="reject", touch_interval=0)
    plain.starts()
    one, other = plain.request(), plain.request()
    clock.advance(10)
    plain.request().save(accessed_only=True)
    with Threads(one) as threads:
        with threads.leader(one, a=1) as leader:
            assert error_of(threads.run("other", lambda: save(other, b=1))) is None
            assert not leader.done()
        assert isinstance(error_of(leader), SessionConflict)
    assert {"b": 1} == plain.finds()


def test_a_change_of_id_does_not_wait_and_drops_the_waiting_saves(
    moved: dict[str, object],
) -> None:
    visitor = Visitor(moved, DynamoDBSession)
    session, other, login = conflicting(visitor, 3, name="Ada")
    login.regenerate_id()
    with Threads(session) as threads, threads.leader(session, a=1) as leader:
        follower = threads.follow("b", other, b=1)
        assert error_of(threads.run("in", lambda: save(login, user=5))) is None
        assert not leader.done()
    assert [None, None] == [error_of(leader), error_of(follower)]
    assert {} == visitor.finds()
    visitor.id = login.id
    assert {"name": "Ada", "first": True, "user": 5} == visitor.finds()

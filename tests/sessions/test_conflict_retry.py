"""How long a save retries after conflicts, and saves that never wait for those of other threads."""

from __future__ import annotations

import pytest

from beaker_dynamodb import SessionConflict
from beaker_dynamodb.session import DynamoDBSession
from beaker_dynamodb.sessions.conflict_retry import MAX_CONFLICT_SECONDS, ConflictRetry
from tests.clock import Clock
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import Visitor, save
from tests.sessions.threads import Threads, conflicting, error_of


def after_calls(clock: Clock, *seconds: float) -> ConflictRetry:
    retry = ConflictRetry(clock)
    for duration in seconds:
        with retry.timed():
            clock.advance(duration)
    return retry


def test_the_time_limit_is_five_seconds_or_a_hundred_round_trips(clock: Clock) -> None:
    for round_trip, limit in ((0.03125, 5), (0.25, 25)):
        retry = after_calls(clock, round_trip, round_trip)
        clock.advance(limit - 3 * round_trip)
        assert round_trip == retry.seconds_left
        assert retry.again()
        clock.advance(round_trip)
        assert not retry.again()
    assert not after_calls(clock, MAX_CONFLICT_SECONDS).again()


def test_pauses_grow_with_latency_and_conflicts(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without jitter each pause is the longest possible.
    monkeypatch.setattr("random.uniform", lambda low, high: high - low)
    pauses: list[float] = []
    retry = ConflictRetry(clock, pauses.append)
    with retry.timed():
        clock.advance(0.1)
    paused = []
    for _ in range(20):
        assert retry.again()
        paused.append(retry.paused)
    assert ([False] * 3 + [True]) * 5 == paused
    assert pytest.approx([0.2, 0.4, 0.8, 0.8, 0.8]) == pauses


# -- saves that are not combined with waiting ones ---------------------------------------------


def test_saves_with_another_client_or_of_another_session_do_not_wait(plain: Visitor) -> None:
    (first,) = conflicting(plain, 1)
    second = plain.request(read_timeout=61)
    save(plain.request(), other=True)
    apart = Visitor(plain.options)
    (third,) = conflicting(apart, 1)
    elsewhere = Visitor({**plain.options, "table_name": f"{plain.options['table_name']}-more"})
    elsewhere.id = plain.id
    (fourth,) = conflicting(elsewhere, 1)
    with Threads(first) as threads, threads.leader(first, a=True) as leader:
        assert error_of(threads.run("second", lambda: save(second, b=True))) is None
        assert error_of(threads.run("third", lambda: save(third, c=True))) is None
        assert error_of(threads.run("fourth", lambda: save(fourth, d=True))) is None
        assert not leader.done()
    assert error_of(leader) is None
    assert {"first": True, "other": True, "a": True, "b": True} == plain.finds()
    assert {"first": True, "c": True} == apart.finds()
    assert {"first": True, "d": True} == elsewhere.finds()


def test_waiting_saves_with_other_options_are_written_apart(plain: Visitor) -> None:
    plain.starts()
    session, second = plain.request(), plain.request()
    third = plain.request(compression="off")
    save(plain.request(), first=True)
    with CallRecorder(session.namespace.client) as sent, Threads(session) as threads:
        with threads.leader(session, a=1) as leader:
            waiting = [threads.follow("b", second, b=1), threads.follow("c", third, c=1)]
        assert {None} == {error_of(future) for future in (leader, *waiting)}
    # Three conflicts with the first save; then each save has its own write.
    codes = ["ConditionalCheckFailedException"] * 3 + [None] * 3
    assert codes == [call.error_code for call in sent]
    assert {"first": True, "a": 1, "b": 1, "c": 1} == plain.finds()


def test_a_save_of_a_new_session_with_the_same_id_is_not_dropped_with_those_of_the_old_one(
    plain: Visitor, clock: Clock
) -> None:
    (old,) = conflicting(plain, 1)
    with Threads(old) as threads, threads.leader(old, a=1) as leader:
        log_out = plain.request()
        log_out.delete()
        log_out.save()
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


def test_an_id_change_does_not_wait_and_drops_waiting_saves(moved: dict[str, object]) -> None:
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

"""Beaker's access and creation times, its timeout, and the time that merging may take."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from beaker.session import Session

from beaker_dynamodb import SessionConflict
from beaker_dynamodb.session import DynamoDBSession
from beaker_dynamodb.sessions.conflict_retry import ConflictRetry
from beaker_dynamodb.sessions.merge import differs, merge
from tests.clock import Clock
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import Visitor, save

pytestmark = pytest.mark.both_servers


@pytest.fixture(params=[Session, DynamoDBSession], ids=["beaker", "ours"])
def visitor(request: pytest.FixtureRequest, moved: dict[str, object]) -> Visitor:
    """A visitor whose sessions are Beaker's, or ours."""
    return Visitor({**moved, "timeout": 1800}, request.param)


@pytest.mark.parametrize(("seconds", "found"), [(1800, {"a": 1}), (1800.5, {})])
def test_session_is_alive_at_the_very_second_of_its_timeout(
    visitor: Visitor, clock: Clock, seconds: float, found: dict[str, Any]
) -> None:
    visitor.starts(a=1)
    clock.advance(seconds)
    assert found == visitor.finds()


def test_change_of_the_creation_time_alone_is_saved(visitor: Visitor, clock: Clock) -> None:
    visitor.starts(a=1)
    session = visitor.request()
    session["_creation_time"] = clock.now - 1000
    with CallRecorder(visitor.client) as sent:
        session.save()
    assert ["PutItem"] == sent.operations
    assert clock.now - 1000 == visitor.request().created


def test_access_time_alone_is_not_a_change() -> None:
    times = {"_accessed_time": 10.0, "_creation_time": 10.0}
    assert not differs(times, {**times, "_accessed_time": 20.0})
    assert not differs(times, {"_creation_time": 10.0})
    assert differs(times, {**times, "_creation_time": 5.0})
    assert differs(times, {"_accessed_time": 10.0})


@pytest.mark.parametrize("name", ["_accessed_time", "_creation_time"])
def test_time_that_one_side_removed_stays_removed(name: str) -> None:
    base = {name: 10.0, "a": 1}
    assert {"a": 1, "b": 2} == merge(base, {"a": 1}, {**base, "b": 2})
    assert {"a": 1, "b": 2} == merge(base, {"a": 1}, {name: 20.0, "a": 1, "b": 2})
    assert {"a": 1, "b": 2} == merge(base, {**base, "b": 2}, {"a": 1})


def test_cleared_session_gets_no_times_of_another_request(visitor: Visitor) -> None:
    visitor.starts(a=1)
    session = visitor.request()
    save(visitor.request(), b=1)
    session.clear()
    save(session, c=1)
    found = visitor.request()
    assert {"b": 1, "c": 1} == visitor.finds()
    assert "_creation_time" not in found


@pytest.mark.parametrize(("seconds", "settles"), [(4.999, True), (5, False)])
def test_merging_takes_at_most_5_seconds(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, seconds: float, settles: bool
) -> None:
    monotonic = Clock(0)
    retry = partial(ConflictRetry, monotonic, monotonic.advance)
    monkeypatch.setattr("beaker_dynamodb.sessions.storage.ConflictRetry", retry)
    # Time passes inside a call here, which does not make the store slow.
    monkeypatch.setattr("beaker_dynamodb.sessions.conflict_retry.ROUND_TRIPS", 0)
    visitor.starts()
    session = visitor.request()

    def save_before(**_: object) -> None:
        """Let another request save, and time pass, before the first try arrives."""
        events.unregister(event, save_before)
        save(visitor.request(), other=True)
        monotonic.advance(seconds)

    event = "before-parameter-build.dynamodb.PutItem"
    events = visitor.client.meta.events
    events.register(event, save_before)
    if settles:
        save(session, mine=True)
    else:
        with pytest.raises(SessionConflict, match="1 times"):
            save(session, mine=True)
    mine = {"mine": True} if settles else {}
    assert {"other": True, **mine} == visitor.finds()

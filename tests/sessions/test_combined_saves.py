"""Saves of one session that wait in one process are combined into one write."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

from beaker_dynamodb import (
    ItemTooLarge,
    MissingSpecialKeys,
    PayloadError,
    SessionConflict,
    StoreUnavailable,
)
from beaker_dynamodb.sessions.combined_saves import CombinedSave
from tests.servers.endpoint import Endpoint
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import Visitor, save
from tests.sessions.threads import Threads, conflicting, error_of, save_combined


def test_waiting_saves_are_written_together(visitor: Visitor) -> None:
    sessions = conflicting(visitor, 20)
    with CallRecorder(sessions[0].namespace.client) as sent:
        save_combined(sessions, *({f"key_{n}": n} for n in range(20)))
    # Each save has met the first conflict. Two writes store all of them.
    assert ["PutItem"] * 22 == sent.operations
    assert 20 == [call.error_code for call in sent].count("ConditionalCheckFailedException")
    assert {"first": True, **{f"key_{n}": n for n in range(20)}} == visitor.finds()


def test_after_a_combined_write_each_request_saves_without_a_conflict(visitor: Visitor) -> None:
    sessions = conflicting(visitor, 3)
    save_combined(sessions, {"a": 1}, {"b": 1}, {"c": 1})
    with CallRecorder(sessions[0].namespace.client) as sent:
        save(sessions[2], c=2)
    assert [None] == [call.error_code for call in sent]
    assert {"first": True, "a": 1, "b": 1, "c": 2} == visitor.finds()


def test_a_record_is_not_mixed_with_that_of_another_user_in_a_combined_save(
    visitor: Visitor,
) -> None:
    visitor.options["special_keys"] = "user.id:N"
    sessions = conflicting(visitor, 3, user={"id": 5, "name": "Ada", "theme": "dark"})
    bob = {"id": 7, "name": "Bob", "theme": "dark"}
    sessions[1]["user"].update(theme="light", admin=True)
    save_combined(sessions, {"a": 1}, {}, {"user": bob})
    assert bob == visitor.finds()["user"]


def test_a_combined_save_keeps_what_others_appended_between_two_saves_of_a_request(
    visitor: Visitor,
) -> None:
    sessions = conflicting(visitor, 3, log=["start"])
    save(visitor.request(), log=["start", "other"])
    save(sessions[2], log=["start", 1])
    save(visitor.request(), second=True)
    save_combined(sessions, {"a": 1}, {"b": 1}, {"log": ["start", 1, 2]})
    assert ["start", "other", 1, 2] == visitor.finds()["log"]


class Own:
    """Notes the threads that pickle it; its copies do not."""

    def __init__(self) -> None:
        self.threads: set[int] | None = set()

    def __getstate__(self) -> dict[str, None]:
        if self.threads is not None:
            self.threads.add(threading.get_ident())
        return {"threads": None}


def test_no_thread_pickles_the_application_objects_of_another(plain: Visitor) -> None:
    owns = [Own(), Own()]
    save_combined(conflicting(plain, 3), {"first": False}, {"own": owns[0]}, {"own": owns[1]})
    assert [1, 1] == [len(own.threads or ()) for own in owns]
    assert {"first", "own"} == plain.finds().keys()


class NeverEncoded:
    def __reduce__(self) -> tuple[Any, ...]:
        raise ValueError("never again")


class EncodedOnce:
    """Can be pickled, but what it unpickles to cannot."""

    def __reduce__(self) -> tuple[Any, ...]:
        return NeverEncoded, ()


LARGE = os.urandom(5_000)


@pytest.mark.parametrize(
    ("more", "error", "change"),
    [
        ({"compression": "off"}, ItemTooLarge, lambda session: session.update(c=LARGE)),
        ({}, PayloadError, lambda session: session.update(c=EncodedOnce())),
        ({"special_keys": "userId:N"}, MissingSpecialKeys, lambda session: session.pop("userId")),
    ],
    ids=["too large", "cannot be encoded", "missing special key"],
)
def test_a_save_that_cannot_be_written_fails_alone(
    plain: Visitor,
    more: dict[str, object],
    error: type[Exception],
    change: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("beaker_dynamodb.items.chunks.MAX_VALUE_BYTES", 8000)
    plain.options.update(more)
    sessions = conflicting(plain, 5, userId=1)
    with Threads(sessions[0]) as threads, threads.leader(sessions[0], a=1) as leader:
        first = threads.follow("b", sessions[1], b=LARGE)
        change(sessions[2])
        failing = threads.follow("c", sessions[2])
        others = [threads.follow("d", sessions[3], d=1), threads.follow("e", sessions[4], e=1)]
    assert isinstance(error_of(failing), error)
    assert {None} == {error_of(future) for future in (leader, first, *others)}
    assert {"userId", "first", "a", "b", "d", "e"} == plain.finds().keys()


def no_response(params: dict[str, Any]) -> None:
    raise ConnectionClosedError(endpoint_url="")


def test_an_outage_fails_all_saves_of_the_write_each_with_its_own_exception(
    visitor: Visitor,
) -> None:
    sessions = conflicting(visitor, 4)
    with CallRecorder(sessions[0].namespace.client) as sent, Threads(sessions[0]) as threads:
        threads.on_second_write("a", no_response)
        with threads.leader(sessions[0], first=False) as leader:
            futures = [
                threads.follow(name, session, **{name: 1})
                for name, session in zip("abc", sessions[1:], strict=True)
            ]
        assert error_of(leader) is None
        errors = [error_of(future) for future in futures]
    assert [StoreUnavailable] * 3 == [type(error) for error in errors]
    assert 3 == len({id(error) for error in errors})
    assert {ConnectionClosedError} == {type(error.__cause__) for error in errors if error}
    # No thread has sent its save again. The call without a response is not recorded.
    assert 5 == len(sent)
    assert {"first": False} == visitor.finds()


class Aborted(BaseException):
    """Like gevent's Timeout, KeyboardInterrupt and SystemExit."""


@pytest.mark.parametrize("arrived", [False, True])
def test_another_thread_takes_over_from_an_aborted_one(
    visitor: Visitor, endpoint: Endpoint, arrived: bool
) -> None:
    sessions = conflicting(visitor, 4, log=["start"])

    def abort(params: dict[str, Any]) -> None:
        if arrived:
            endpoint.client.put_item(**params)
        raise Aborted

    with Threads(sessions[0]) as threads:
        threads.on_second_write("a", abort)
        with threads.leader(sessions[0], first=False) as leader:
            futures = [
                threads.follow(name, session, log=["start", name])
                for name, session in zip("abc", sessions[1:], strict=True)
            ]
        assert error_of(leader) is None
        assert isinstance(error_of(futures[0]), Aborted)
        assert [None, None] == [error_of(future) for future in futures[1:]]
    stored = ["start", "a", "b", "c"] if arrived else ["start", "b", "c"]
    assert {"first": False, "log": stored} == visitor.finds()


def test_a_save_that_runs_out_of_time_in_the_queue_raises_and_is_not_stored(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    (session,) = conflicting(visitor, 1)
    monkeypatch.setattr(CombinedSave, "join", lambda *_: False)
    with pytest.raises(SessionConflict, match=r"queued before this one took too long$"):
        save(session, b=1)
    assert {"first": True} == visitor.finds()
    monkeypatch.undo()
    save(session, b=1)
    assert {"first": True, "b": 1} == visitor.finds()

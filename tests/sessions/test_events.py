"""What is reported about the requests of a session, and who is told."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from beaker_dynamodb import (
    ConfigurationError,
    SessionConflict,
    SessionEvent,
    SessionStore,
    StoreUnavailable,
)
from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.items.keys import session_digest
from beaker_dynamodb.session import DynamoDBSession
from beaker_dynamodb.sessions import combined_saves, events
from beaker_dynamodb.sessions.conflict_retry import ConflictRetry
from tests.chaos.scripted import ARRIVED, LOST, TWICE, scripted_calls
from tests.clock import Clock
from tests.sessions.driven import Visitor, before, save, words
from tests.sessions.site import Site, log_out


@pytest.mark.owasp("16.3.3")
def test_requests_report_the_first_save_the_new_id_and_the_log_out_once(
    reporting: dict[str, Any], reported: list[SessionEvent], clock: Clock
) -> None:
    visitor = Visitor(reporting, DynamoDBSession)
    session = visitor.starts(a=1)
    first = session_digest(session.id)
    session["b"] = 2
    session.save()
    visitor.request().save(accessed_only=True)
    session.regenerate_id()
    session.save()
    second = session_digest(session.id)
    session.delete()
    session.save()
    assert [
        SessionEvent("created", "", first, "", clock.now),
        SessionEvent("regenerated", "", second, first, clock.now),
        SessionEvent("ended", "log_out", second, "", clock.now),
    ] == reported


@pytest.mark.parametrize(
    "end",
    [log_out, lambda session: session.invalidate(), lambda session: session.clear()],
    ids=["delete", "invalidate", "clear"],
)
def test_each_way_to_end_a_session_is_a_log_out(
    watched: Visitor, reported: list[SessionEvent], end: Callable[[Any], object]
) -> None:
    session, late = watched.request(), watched.request()
    end(session)
    session.save()
    late.delete()
    assert ["ended log_out"] == words(reported)[:1]
    assert ["ended log_out"] == [word for word in words(reported) if word.startswith("ended")]


def test_a_session_that_was_not_stored_does_not_end(
    reporting: dict[str, Any], reported: list[SessionEvent]
) -> None:
    session = Visitor(reporting, DynamoDBSession).request()
    session["a"] = 1
    session.invalidate()
    session.delete()
    assert [] == reported


def test_plain_beaker_reports_what_its_backend_does(
    reporting: dict[str, Any], reported: list[SessionEvent]
) -> None:
    visitor = Visitor(reporting)
    visitor.starts(a=1)
    visitor.at_once(lambda session: save(session, b=1), lambda session: save(session, c=1))
    session = visitor.request()
    session.delete()
    session.save()
    assert ["created", "merged", "ended log_out"] == words(reported)


@pytest.mark.parametrize(
    ("mode", "new_id"), [("merge", False), ("overwrite", False), ("merge", True)]
)
def test_a_save_after_the_end_is_dropped_under_the_id_that_ended(
    watched: Visitor, reported: list[SessionEvent], mode: str, new_id: bool
) -> None:
    session = watched.request(concurrency=mode)
    watched.request().delete()
    reported.clear()
    if new_id:
        session.regenerate_id()
        session.save()
    else:
        save(session, b=1)
    assert [("dropped", session_digest(watched.id or ""))] == [
        (event.kind, event.session) for event in reported
    ]


def test_concurrent_changes_are_reported_as_merged_or_as_a_conflict(
    watched: Visitor, reported: list[SessionEvent]
) -> None:
    watched.at_once(lambda session: save(session, b=1), lambda session: save(session, c=1))
    assert ["merged"] == words(reported)
    reported.clear()
    watched.options["concurrency"] = "reject"
    with pytest.raises(SessionConflict):
        watched.at_once(lambda session: save(session, b=2), lambda session: save(session, c=2))
    assert ["conflict"] == words(reported)


# -- responses that are lost --------------------------------------------------------------------


def test_a_save_that_was_sent_twice_is_neither_merged_nor_created_twice(
    reporting: dict[str, Any], reported: list[SessionEvent]
) -> None:
    visitor = Visitor(reporting, DynamoDBSession)
    with scripted_calls() as script:
        script.begin([TWICE])
        session = visitor.starts(a=1)
        script.begin([TWICE])
        save(session, b=1)
    assert ["created"] == words(reported)


@pytest.mark.parametrize("fate", [LOST, ARRIVED])
def test_a_repeated_save_reports_what_the_failed_one_began(
    watched: Visitor, reporting: dict[str, Any], reported: list[SessionEvent], fate: str
) -> None:
    new, known = Visitor(reporting, DynamoDBSession).request(), watched.request()
    known.regenerate_id()
    for session in (new, known):
        session["b"] = 1
        with scripted_calls() as script:
            script.begin([fate])
            with pytest.raises(StoreUnavailable):
                session.save()
        failed = len(reported)
        session.save()
        assert failed == len(reported) - 1
    assert ["created", "regenerated"] == words(reported)


def test_a_log_out_whose_response_was_lost_is_reported(
    watched: Visitor, reported: list[SessionEvent]
) -> None:
    session = watched.request()
    with scripted_calls() as script:
        script.begin([TWICE])
        session.delete()
    assert ["ended log_out"] == words(reported)


# -- the function in ``on_event``, and the log -------------------------------------------------


def test_an_exception_of_the_function_is_logged_and_fails_nothing(
    watched: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(event: SessionEvent) -> None:
        raise RuntimeError("the log server is away")

    watched.options["on_event"] = fail
    watched.request().delete()
    (record,) = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert "on_event failed" in record.getMessage()
    assert "the log server is away" in str(record.exc_info)
    assert {} == watched.finds()


def test_a_conflict_is_reported_when_no_other_save_waits_for_it(
    watched: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Visitor(watched.options, DynamoDBSession)
    other.id = watched.id
    waiting: list[tuple[str, list[object]]] = []

    def hear(event: SessionEvent) -> None:
        queues = combined_saves._queues().values()
        waiting.append((event.kind, [one for queue in queues for one in queue.saves]))

    session = watched.request(on_event=hear)
    retries = [True, False]
    monkeypatch.setattr(ConflictRetry, "paused", False, raising=False)
    monkeypatch.setattr(ConflictRetry, "again", lambda _: retries.pop(0))
    changes = [lambda _, b=b: save(other.request(), b=b) for b in range(2)]
    with before(watched.client, "PutItem", *changes), pytest.raises(SessionConflict):
        save(session, c=1)
    assert [("conflict", [])] == waiting


@pytest.mark.owasp("16.2.5", "16.3.3")
def test_the_log_has_one_record_an_event_with_digests_only(
    reporting: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    del reporting["on_event"]
    with caplog.at_level(logging.INFO, events.log.name):
        session = Visitor(reporting, DynamoDBSession).starts(a=1)
        old = session_digest(session.id)
        session.regenerate_id()
        session.save()
    records = [one for one in caplog.records if one.name == events.log.name]
    found = [[vars(one)[name] for name in ("event", "session", "old_session")] for one in records]
    assert [["created", old, ""], ["regenerated", session_digest(session.id), old]] == found
    assert f"session {old}: created" == records[0].getMessage()


def test_an_event_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        SessionEvent("created", "", "@", "", 0.0).kind = "ended"  # type: ignore[misc]


heard: list[SessionEvent] = []


def hear(event: SessionEvent) -> None:
    heard.append(event)


def test_the_function_can_be_named_in_an_ini_file(reporting: dict[str, Any]) -> None:
    heard.clear()
    Visitor({**reporting, "on_event": f"{__name__}:hear"}, DynamoDBSession).starts(a=1)
    assert ["created"] == words(heard)


@pytest.mark.parametrize(
    "name",
    [
        "nowhere:hear",
        f"{__name__}:nothing",
        f"{__name__}:heard",
        "tests.sessions.not_importable:hear",
    ],
)
def test_a_function_that_cannot_be_called_is_an_error_at_start_and_logged_by_the_command(
    reporting: dict[str, Any], name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ConfigurationError, match="on_event"):
        Site("ours", {**reporting, "on_event": name})
    # A command may run where the application is not installed.
    session_store = SessionStore(**{**reporting, "on_event": name})
    for _ in range(2):
        session_store.delete(Visitor(reporting, DynamoDBSession).starts(a=1).id)
    (record,) = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert "events are only logged: option on_event" in record.getMessage()


@pytest.mark.parametrize("value", ["hear", 1, ":"])
def test_another_value_is_a_configuration_error(value: object) -> None:
    with pytest.raises(ConfigurationError, match="on_event"):
        parse({"on_event": value})

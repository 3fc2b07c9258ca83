"""Who is told of events: the function in ``on_event``, and the log."""

from __future__ import annotations

import logging
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from beaker_dynamodb import ConfigurationError, SessionConflict, SessionEvent, SessionStore
from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.items.keys import session_digest
from beaker_dynamodb.session import DynamoDBSession
from beaker_dynamodb.sessions import combined_saves, events
from beaker_dynamodb.sessions.conflict_retry import ConflictRetry
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import Visitor, before, save, words
from tests.sessions.reporting import options as options
from tests.sessions.reporting import reported as reported
from tests.sessions.reporting import visitor as visitor
from tests.sessions.site import Site


def test_an_exception_of_the_function_is_logged_and_fails_nothing(
    visitor: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(event: SessionEvent) -> None:
        raise RuntimeError("the log server is away")

    visitor.options["on_event"] = fail
    visitor.request().delete()
    (record,) = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert "on_event failed" in record.getMessage()
    assert "the log server is away" in str(record.exc_info)
    assert {} == visitor.finds()


def test_a_conflict_is_reported_when_no_other_save_waits_for_it(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Visitor(visitor.options, DynamoDBSession)
    other.id = visitor.id
    waiting: list[tuple[str, list[object]]] = []

    def hear(event: SessionEvent) -> None:
        queues = combined_saves._queues().values()
        waiting.append((event.kind, [one for queue in queues for one in queue.saves]))

    session = visitor.request(on_event=hear)
    retries = [True, False]
    monkeypatch.setattr(ConflictRetry, "paused", False, raising=False)
    monkeypatch.setattr(ConflictRetry, "again", lambda _: retries.pop(0))
    changes = [lambda _, b=b: save(other.request(), b=b) for b in range(2)]
    with before(visitor.client, "PutItem", *changes), pytest.raises(SessionConflict):
        save(session, c=1)
    assert [("conflict", [])] == waiting


@pytest.mark.owasp("16.2.5", "16.3.3")
def test_the_log_has_one_record_an_event_with_digests_only(
    options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    del options["on_event"]
    with caplog.at_level(logging.INFO, events.log.name):
        session = Visitor(options, DynamoDBSession).starts(a=1)
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


def test_events_cost_no_call(visitor: Visitor) -> None:
    with CallRecorder(visitor.client) as sent:
        session = visitor.request()
        save(session, b=1)
        session.regenerate_id()
        session.save()
        session.delete()
    assert ["GetItem", "PutItem", "TransactWriteItems", "PutItem"] == sent.operations


heard: list[SessionEvent] = []


def hear(event: SessionEvent) -> None:
    heard.append(event)


def test_the_function_can_be_named_in_an_ini_file(options: dict[str, Any]) -> None:
    heard.clear()
    Visitor({**options, "on_event": f"{__name__}:hear"}, DynamoDBSession).starts(a=1)
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
    options: dict[str, Any], name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ConfigurationError, match="on_event"):
        Site("ours", {**options, "on_event": name})
    # A command may run where the application is not installed.
    session_store = SessionStore(**{**options, "on_event": name})
    for _ in range(2):
        session_store.delete(Visitor(options, DynamoDBSession).starts(a=1).id)
    (record,) = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert "events are only logged: option on_event" in record.getMessage()


@pytest.mark.parametrize("value", ["hear", 1, ":"])
def test_another_value_is_a_configuration_error(value: object) -> None:
    with pytest.raises(ConfigurationError, match="on_event"):
        parse({"on_event": value})
